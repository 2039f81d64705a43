import json

import pytest
import torch
from torch import nn

from friendfoe.attacks.threat import Goal
from friendfoe.data.store import Split
from friendfoe.evaluation.outcomes import read
from friendfoe.runtime import paths
from friendfoe.studies.assistive.settings import Patch, Universal
from friendfoe.studies.assistive.sticker import places, sides, stick
from friendfoe.studies.assistive.tables import by_area, by_place, sticker_table
from friendfoe.studies.assistive.universal import craft_stickers, judged, paste
from friendfoe.studies.evidence import Evidence


@pytest.mark.parametrize(
    ("areas", "size", "expected"),
    [([0.02, 0.05, 0.1, 0.2, 0.4], (8, 8), [1, 2, 3, 4, 5]), ([0.001, 0.002], (8, 8), [1]), ([1.0], (8, 12), [8])],
)
def test_sides(areas, size, expected):
    assert sides(areas, *size) == expected


def test_places_are_evenly_spaced_and_begin_in_the_corner():
    assert places(3, 2, 8, 8)[:4] == [(0, 0), (0, 3), (0, 6), (3, 0)]
    assert places(1, 2, 8, 8) == [(0, 0)]
    assert places(3, 8, 8, 8) == [(0, 0)]  # there is but one place
    assert all(top + 3 <= 8 and left + 3 <= 12 for top, left in places(4, 3, 8, 12))


@pytest.mark.parametrize("goal", list(Goal))
def test_a_sticker_changes_only_its_square_and_the_best_place_is_the_best(goal):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(36, 3)).eval()
    clean, labels = torch.randint(256, (5, 1, 6, 6), dtype=torch.uint8), torch.tensor([0, 1, 2, 0, 1])
    settings = Patch(eps=1.0, steps=3, areas=[0.1], grid=3, images=5, universal=Universal(steps=1, batch=1))
    stickers = stick(network, clean, labels, goal, 2, settings)
    assert stickers.images.shape == (9, 5, 1, 6, 6)
    for (top, left), images in zip(stickers.places, stickers.images, strict=True):
        changed = images != clean
        changed[..., top : top + 2, left : left + 2] = False
        assert not changed.any()
    true = stickers.probabilities[:, torch.arange(5), labels]
    best = true[stickers.best, torch.arange(5)]
    assert torch.equal(best, true.amax(0) if goal is Goal.FRIEND else true.amin(0))
    before = network(clean / 255).softmax(1)[torch.arange(5), labels]
    assert (best >= before - 1e-6).all() if goal is Goal.FRIEND else (best <= before + 1e-6).all()


def test_one_sticker_per_class_lies_where_it_is_put():
    images = torch.zeros(2, 3, 5, 6, dtype=torch.uint8)
    stickers = torch.arange(1, 25, dtype=torch.uint8).view(2, 3, 2, 2)
    pasted = paste(images, stickers, torch.tensor([0, 3]), torch.tensor([4, 1]))
    assert torch.equal(pasted[0, :, 0:2, 4:6], stickers[0])
    assert torch.equal(pasted[1, :, 3:5, 1:3], stickers[1])
    assert pasted.count_nonzero() == stickers.count_nonzero()
    assert not images.any()


@pytest.mark.parametrize("goal", list(Goal))
def test_one_sticker_per_class_helps_or_harms_on_images_that_it_was_not_made_on(goal):
    """A network that looks for brightness: bright is class 1, wherever it lies."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(36, 2)).eval()
    with torch.no_grad():
        network[1].weight.copy_(torch.tensor([[-1.0], [1.0]]).expand(2, 36))
        network[1].bias.copy_(torch.tensor([18.0, -18.0]))
    draw = torch.Generator().manual_seed(0)
    labels = torch.arange(40) % 2
    split = Split("some", torch.randint(256, (40, 1, 6, 6), generator=draw, dtype=torch.uint8), labels, ["dark", "bright"],
                  "", (0.5,), (0.5,))  # fmt: skip
    stickers = craft_stickers(network, split, goal, 2, Universal(steps=8, batch=16), seed=0)
    dark, bright = (0, 255) if goal is Goal.FRIEND else (255, 0)
    assert stickers.tolist() == [[[[dark] * 2] * 2], [[[bright] * 2] * 2]]
    again = craft_stickers(network, split, goal, 2, Universal(steps=8, batch=16), seed=0)
    assert torch.equal(stickers, again)
    unseen = torch.full((2, 1, 6, 6), 128, dtype=torch.uint8)
    probabilities = judged(network, unseen, stickers, [(0, 0), (4, 4), (1, 2)])
    assert probabilities.shape == (3, 2, 2)
    right = probabilities.argmax(2) == torch.tensor([0, 1])
    assert right.all() if goal is Goal.FRIEND else not right.any()


def test_tables_hold_every_area_and_place(inside):
    analysis = paths.analysis("digits", "assistive", "analyse")
    known, sides = Evidence(read(analysis / "outcomes.npz")), json.loads((analysis / "facts.json").read_text())["sides"]
    estimates = by_area(known, sides)
    assert set(estimates.index.get_level_values("place")) == {"best", "corner", "universal"}
    assert estimates[["mean", "low", "high"]].stack().between(0, 1).all()
    friend = estimates.xs(("true", "friend", "best"))["mean"]
    foe = estimates.xs(("true", "foe", "best"))["mean"]
    assert friend.is_monotonic_increasing
    assert (friend >= foe).all()
    assert [maps.size for maps in by_place(known, sides).values()] == [4] * 4  # places; goals and areas
    assert sticker_table(estimates).cells.index[0] == "no sticker"
