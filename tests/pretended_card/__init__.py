"""A CUDA device that is not there, for tests on machines without one.

Its tensors say `cuda:0`, keep CUDA's rules about devices, and hold their values on the CPU, so that what depends on
values goes its way and results can be compared. What it counts is what makes a real card slow: launches of kernels, and
waits of the host for the device.

    with pretended() as card:
        train(network.to("cuda"), ...)
    assert card.waits == {}

It cannot show races, kernels that CUDA lacks, or how long anything takes.
"""

from tests.pretended_card.card import DeviceError as DeviceError
from tests.pretended_card.device import pretended as pretended
