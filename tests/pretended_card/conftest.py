"""The networks and batches of the tests of attacks."""

from tests.attacks.conftest import batch as batch
from tests.attacks.conftest import conv_net as conv_net
from tests.attacks.conftest import device as device
