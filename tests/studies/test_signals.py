"""Signals alone and towards another label: networks that are known to go by one thing alone."""

import torch
from torch import nn

from friendfoe.attacks.threat import Goal
from friendfoe.studies.assistive.names import OTHERS, SIGNAL_ALONE, SIGNAL_LEFT
from friendfoe.studies.assistive.signals import explained, other_labels, perturbed

CLASSES, SIDE, EPS = 3, 4, 0.1


class Looks(nn.Module):
    """Answers the class whose pattern [K, D] fits best what an image, or its sign around grey, shows."""

    def __init__(self, patterns, *, signs=False):
        super().__init__()
        self.patterns, self.signs = nn.Parameter(patterns), signs

    def forward(self, images):
        pixels = images.flatten(1) - 0.5
        return (pixels.sign() if self.signs else pixels) @ self.patterns.T


def patterns():
    """Orthogonal patterns of signs, so that a signal towards one class says nothing of another."""
    rows = torch.tensor([[1.0, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1]])
    return rows.repeat_interleave(4, 1)


def images(labels):
    """Grey images with the pattern of their class in a quarter of eps: less than a signal changes."""
    pixels = 0.5 + EPS / 4 * patterns()[labels]
    return (pixels * 255).round().to(torch.uint8).view(-1, 1, SIDE, SIDE)


def test_networks_that_go_by_the_signal_and_by_the_image_are_told_apart():
    labels = torch.arange(12) % CLASSES
    others = other_labels(labels, CLASSES, seed=0)
    source = Looks(patterns())

    class Remembers(nn.Module):
        """Knows the images by what the signal does not touch: it answers their label whatever is added."""

        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))

        def forward(self, shown):
            assert len(shown) == len(labels)
            return nn.functional.one_hot(labels, CLASSES).float() + 0 * self.weight

    found = explained(source, {"signal": source, "image": Remembers()}, images(labels), labels, others, EPS, clip=True)
    assert found["follows", "signal", OTHERS].all()
    assert not found["keeps", "signal", OTHERS].any()
    assert found["keeps", "image", OTHERS].all()
    assert not found["follows", "image", OTHERS].any()
    assert found["accuracy", "signal", SIGNAL_ALONE].all()


def test_other_labels_are_others_and_all_of_them():
    labels = torch.arange(300) % CLASSES
    others = other_labels(labels, CLASSES, seed=1)
    assert not (others == labels).any()
    assert {(int(a), int(b)) for a, b in zip(labels, others, strict=True)} == {
        (a, b) for a in range(CLASSES) for b in range(CLASSES) if a != b
    }
    assert torch.equal(others, other_labels(labels, CLASSES, seed=1))


def test_what_clipping_leaves_of_a_signal_shows_where_the_image_is_black_and_the_whole_signal_does_not():
    """A source whose signal says nothing of the class; images that say it by where they are black."""
    labels = torch.arange(6) % CLASSES
    source = Looks(torch.stack([torch.ones(16), -torch.ones(16), torch.zeros(16)]))
    clean = torch.full((6, 1, SIDE, SIDE), 128, dtype=torch.uint8)
    clean[:, :, :, :2] = 0
    whole, left = (
        perturbed(source, clean, labels, EPS, Goal.FRIEND, clip=clip) - clean / 255 for clip in (False, True)
    )
    assert torch.allclose(whole.abs(), torch.full_like(whole, EPS), atol=1e-6)
    assert (left[..., :2] >= -1e-6).all()  # nothing is darker than black
    assert torch.allclose(left[..., 2:], whole[..., 2:], atol=1e-6)
    found = explained(source, {"a": source}, clean, labels, other_labels(labels, CLASSES, 0), EPS, clip=True)
    assert {key[2] for key in found} == {OTHERS, SIGNAL_ALONE, SIGNAL_LEFT}


def test_the_attack_on_its_own_answer_is_that_on_the_label_where_the_answer_is_right():
    labels = torch.arange(12) % CLASSES
    source, wrong = Looks(patterns()), (labels + 1) % CLASSES
    given, own = (perturbed(source, images(labels), labels, EPS, Goal.FOE, clip=True, own=own) for own in (False, True))
    assert torch.equal(given, own)
    assert torch.equal(own, perturbed(source, images(labels), wrong, EPS, Goal.FOE, clip=True, own=True))
    assert not torch.equal(own, perturbed(source, images(labels), wrong, EPS, Goal.FOE, clip=True))
