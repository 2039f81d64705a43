import pandas as pd
import pytest
import torch
from torch import nn

from friendfoe.attacks.threat import Goal
from friendfoe.runtime import paths
from friendfoe.studies.assistive.settings import Patch
from friendfoe.studies.assistive.sticker import places, sides, stick
from friendfoe.studies.assistive.tables import by_area, by_place, sticker_table


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
    settings = Patch(eps=1.0, steps=3, areas=[0.1], grid=3, images=5)
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


def test_tables_hold_every_area_and_place(inside):
    counts = pd.read_csv(paths.analysis("digits", "assistive", "analyse") / "sticker.csv")
    estimates = by_area(counts)
    assert set(estimates.index.get_level_values("place")) == {"best", "corner"}
    friend = estimates.xs(("true", "friend", "best"))["mean"]
    foe = estimates.xs(("true", "foe", "best"))["mean"]
    assert friend.is_monotonic_increasing
    assert (friend >= foe).all()
    assert len(by_place(counts)) == 2 * 2 * 4  # goals, areas, places
    assert sticker_table(counts, "note").cells.index[0] == "no sticker"
