"""How often attacks wait for a card: of two lengths, the difference is that of their calls of the model."""

import pytest
from torch import nn

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


class Calls(nn.Module):
    """A network that counts how often it is called."""

    def __init__(self, network):
        super().__init__()
        self.network, self.count = network, 0

    def forward(self, images):
        self.count += 1
        return self.network(images)


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("square linf", 0.25),
        pytest.param("square l2", 0.25, marks=pytest.mark.slow),
        ("apgd", 0),
        ("apgd, early stop", 1),  # who goes on
        ("fab_t", 0.5),  # of Newton's method; a step is two calls
        ("fab_t l2, early stop", 1),
    ],
)
def test_waits_of_a_call(conv_net, batch, name, most):
    network, (images, _) = conv_net(5).eval(), batch(1, count=20)
    labels, waits, calls = network(images).argmax(1), [], []
    with pretended() as card:
        network = Calls(network.cuda())
        for count in (8, 16):
            card.clear()
            network.count = 0
            ATTACKS[name](network, images.cuda(), labels.cuda(), count=count)
            waits.append(card.waits.copy())
            calls.append(network.count)
    assert calls[1] > calls[0]
    assert (waits[1] - waits[0]).total() <= most * (calls[1] - calls[0]) + 1, waits[1] - waits[0]
