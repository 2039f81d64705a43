from fractions import Fraction

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from friendfoe.data.pixels import to_float, to_uint8

LEVELS = st.integers(0, 255)
UNIT = st.floats(0, 1, width=32)
TOLERANCE = Fraction(1, 10_000)  # of a level, as documented


def stored(perturbed: float, clean: int) -> int:
    return int(to_uint8(torch.tensor([perturbed]), torch.tensor([clean], dtype=torch.uint8)))


@given(UNIT, LEVELS)
def test_rounding_never_goes_further_from_the_clean_pixel(perturbed: float, clean: int) -> None:
    level = stored(perturbed, clean)
    change = Fraction(perturbed) * 255 - clean
    assert abs(level - clean) <= abs(change) + TOLERANCE
    assert abs(level - clean) > abs(change) - 1 - TOLERANCE  # and no more is lost than rounding must lose
    assert level == clean or (level > clean) == (change > 0)


@given(LEVELS, LEVELS, st.integers(-3, 3))
def test_a_level_up_to_float_error_stays_that_level(level: int, clean: int, ulps: int) -> None:
    value = np.float32(level / 255)
    for _ in range(abs(ulps)):
        value = np.nextafter(value, np.float32(np.sign(ulps)), dtype=np.float32)
    assert stored(float(value), clean) == level


@given(LEVELS, st.floats(0, 1), st.floats(-1, 1))
def test_the_eps_bound_holds_after_rounding(clean: int, eps: float, direction: float) -> None:
    image = to_float(torch.tensor([clean], dtype=torch.uint8))
    perturbed = (image + eps * direction).clamp(0, 1)
    assert abs(stored(float(perturbed), clean) - clean) <= Fraction(eps) * 255 + TOLERANCE


def test_eight_levels_of_255_are_eight_levels() -> None:
    clean = torch.arange(256, dtype=torch.uint8)
    for sign in (1, -1):
        perturbed = (to_float(clean) + sign * 8 / 255).clamp(0, 1)
        assert torch.equal(to_uint8(perturbed, clean), (clean.int() + sign * 8).clamp(0, 255).to(torch.uint8))


def test_to_float_and_back() -> None:
    levels = torch.arange(256, dtype=torch.uint8)
    for clean in (0, 100, 255):
        assert torch.equal(to_uint8(to_float(levels), torch.full_like(levels, clean)), levels)
    assert to_float(levels).dtype == torch.float32
    assert to_float(levels)[255] == 1
