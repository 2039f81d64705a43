"""How often attacks wait for a card: of two lengths, the difference is that of their steps, or calls of the model."""

import pytest

from friendfoe.attacks import Threat, apgd, fab_t, square
from tests.pretended_card import pretended

LINF, L2 = Threat("linf", 1e-6), Threat("l2", 1e-6)  # nothing falls, so that no sample leaves
ATTACKS = {
    "square linf": lambda *b, count: square(*b, threat=LINF, n_queries=4 * count, early_stop=True),
    "square l2": lambda *b, count: square(*b, threat=L2, n_queries=50 + 4 * count, early_stop=True),
    "apgd": lambda *b, count: apgd(*b, threat=LINF, steps=count),
    "apgd, early stop": lambda *b, count: apgd(*b, threat=LINF, steps=count, early_stop=True),
    "fab_t": lambda *b, count: fab_t(*b, threat=LINF, steps=count, n_target_classes=1),
    "fab_t l2, early stop": lambda *b, count: fab_t(*b, threat=L2, steps=count, n_target_classes=1, early_stop=True),
}


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("square linf", 0.25),  # one look for four calls of the model
        ("square l2", 0.25),
        ("apgd", 0),
        ("apgd, early stop", 1),  # who goes on
        ("fab_t", 1),  # of Newton's method
        ("fab_t l2, early stop", 2),
    ],
)
def test_waits_of_a_step(conv_net, batch, name, most):
    network, (images, _) = conv_net(5).eval(), batch(1, count=20)  # so few that 4 queries about each are a call
    labels, counted = network(images).argmax(1), []
    with pretended() as card:
        on_card = network.cuda(), images.cuda(), labels.cuda()
        for count in (8, 16):
            card.clear()
            ATTACKS[name](*on_card, count=count)
            counted.append(card.waits.copy())
    assert (counted[1] - counted[0]).total() <= 8 * most, counted[1] - counted[0]
