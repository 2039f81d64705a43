"""Attacks beside other libraries on one card: images a second, at equal settings, with what they reach."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks import libraries as lib
from benchmarks.gpu import rivals, workspace
from benchmarks.gpu.cifar10 import WEIGHTS
from benchmarks.gpu.networks import EPS, NAMES, network, test_images
from benchmarks.gpu.rivals import Effort, Maker
from benchmarks.gpu.setting import Setting, Tell, seconds_of
from friendfoe import runtime
from friendfoe.models.weights import load

TRAINED = "PreActResNet-18, PGD-7"
"""The network of the section `cifar10`, where it has come so far."""
BATCHES = (128, 512, 2048)
SHARE = 0.02  # of the features that JSMA may change


@dataclass(frozen=True)
class Race:
    """An attack on a network by several libraries.

    Args:
        attack: as it is called on the page.
        eps: of the attack.
        makers: of the attack, by the library's name.
        judge: what is told besides, of (network, clean images, what was made, labels).
        networks: on which.
        batches: sizes; the images are all in one.
    """

    attack: str
    eps: float
    makers: Mapping[str, Maker]
    judge: Callable[[nn.Module, Tensor, Tensor, Tensor], dict[str, object]]
    networks: tuple[str, ...]
    batches: tuple[int, ...]


def measure(setting: Setting, tell: Tell) -> None:
    device = runtime.device()
    workspace.enter(setting)
    networks: dict[str, nn.Module] = {}
    effort = Effort(2, 3, 3, 2, 2) if setting.tiny else Effort()
    for race in _races(setting.tiny):
        for name in race.networks:
            if name not in networks and not (name == TRAINED and not WEIGHTS.exists()):
                networks[name] = load(WEIGHTS).to(device) if name == TRAINED else network(name, setting, device)
            for batch in race.batches if name in networks else ():
                images, labels = test_images(batch, device)
                for library in race.makers:
                    about = {"attack": race.attack, "network": name, "batch": batch, "library": library}
                    if setting.left < 0:
                        tell({**about, "state": "left out: the time was up"})
                    else:
                        tell({**about, **_measured(race, library, effort, networks[name], images, labels)})


def _measured(
    race: Race, library: str, effort: Effort, net: nn.Module, images: Tensor, labels: Tensor
) -> dict[str, object]:
    """What a library does: one run to warm up, which is judged in whole float32, and those that are timed."""
    try:
        with _convolutions(rough=True):
            attack = race.makers[library](net, race.eps, effort)
            made = attack(images, labels)
            seconds = seconds_of(lambda: attack(images, labels), images.device, least=1)
        with _convolutions(rough=False):
            found = race.judge(net, images, made, labels)
    except ImportError as error:
        return {"state": f"left out: {f'{error.name} is not installed' if error.name else error}"}
    except Exception as error:  # another library's trouble is not ours: out of memory, an argument of its own
        if images.device.type == "cuda":
            torch.cuda.empty_cache()
        return {"state": f"{type(error).__name__}: {' '.join(str(error).split())[:150]}"}
    return {"images/s": round(len(images) / seconds, 2), "seconds": round(seconds, 4), **found}


def _convolutions(*, rough: bool) -> AbstractContextManager[None]:
    """Convolutions of float32 in TF32 as torch has them unless somebody asks for more, or whole."""
    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=False, allow_tf32=rough)


def _races(tiny: bool) -> Iterator[Race]:
    """What matters most comes first."""
    batches = (4,) if tiny else BATCHES
    trained = (TRAINED, *NAMES)
    names = NAMES[:1] if tiny else NAMES  # each is attacked once
    share = 0.002 if tiny else SHARE
    yield Race("PGD-20, robust accuracy", EPS, rivals.EVALUATION, _standing, trained, batches)
    yield Race("PGD-20, all steps", EPS, rivals.CRAFTING, _standing, names, batches)
    yield Race(
        "APGD-CE-100, robust accuracy", EPS, rivals.APGD, _standing, (TRAINED, *names), batches[:1] if tiny else (512,)
    )
    yield Race(
        "AutoAttack, 1000 queries", EPS, rivals.AUTOATTACK, _standing, (TRAINED, "CNN"), batches[:1] if tiny else (256,)
    )
    yield Race("CW-L2, 6 x 50 steps", 0.0, rivals.CW, _distance, names[:2], batches[:1] if tiny else (128,))
    yield Race("JSMA, 2 % of the features", share, rivals.JSMA, _standing, ("CNN",), batches[:1] if tiny else (16,))


def _standing(net: nn.Module, images: Tensor, made: Tensor, labels: Tensor) -> dict[str, object]:
    return {"robust accuracy": round(lib.accuracy(net, made, labels, 512), 4)}


def _distance(net: nn.Module, images: Tensor, made: Tensor, labels: Tensor) -> dict[str, object]:
    mean = (made - images).flatten(1).norm(dim=1).mean().item()
    return {**_standing(net, images, made, labels), "mean distance": round(mean, 4)}
