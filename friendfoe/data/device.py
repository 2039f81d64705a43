"""Which device a stage takes where nothing says it: tiny data sets are done on a CPU before a GPU has started."""

import math
import sys

from friendfoe import runtime
from friendfoe.data.store import load_split
from friendfoe.runtime import paths
from friendfoe.runtime.progress import NOTE

FEW = 1 << 17
"""Values of all training images (digits: 92 thousand): up to here, small networks pass over them on one core of a CPU
in less than 0.1 s, and a whole stage takes seconds, as a GPU does until it computes (docs/gpu.md)."""


def choose_device(data: str) -> None:
    """Have the rest of this stage computed on the device that suits the data set, and say which and why.

    Nothing is done or said where `FRIENDFOE_DEVICE` names a device, or where there is no GPU.

    Raises:
        UserError: the data set is missing or damaged.
    """
    if not runtime.is_to_choose():
        return
    values = math.prod(load_split(paths.prepared(data), "train").images.shape)
    few = values <= FEW
    runtime.prefer("cpu" if few else "cuda")
    name, why, other = ("CPU", "at most", "cuda") if few else ("GPU", "more than", "cpu")
    print(
        f"{NOTE}on the {name}, since the images of {data} have {why} {FEW} values in all ({values}); "
        f"FRIENDFOE_DEVICE={other} takes the other",
        file=sys.stderr,
    )
