"""`friendfoe evaluate`: from the words of a command line to a folder with a page."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from friendfoe import runtime
from friendfoe.attacks.contract import NotFiniteError
from friendfoe.attacks.threat import Threat
from friendfoe.data.corruptions import CORRUPTIONS
from friendfoe.diagnosis import data
from friendfoe.diagnosis.model import network
from friendfoe.diagnosis.result import Diagnosis
from friendfoe.diagnosis.run import evaluate
from friendfoe.diagnosis.unfit import UnfitError


def diagnose(
    network_word: str,
    weights: Path | None,
    data_word: str,
    *,
    attacks: str,
    eps: str,
    norm: str,
    images: int | None,
    out: Path,
    size: int | None = None,
    classes: str = "",
    normalise: str = "none",
    arguments: str = "",
    key: str | None = None,
    corruptions: str = "",
    checks: bool = True,
    precision: str = "float32",
    device: str = "",
    name: str = "",
    seed: int = 0,
    origin: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None,
) -> tuple[Diagnosis, Path]:
    """Read images and network, evaluate, and write the page; lists are separated by commas.

    `origin` says of the settings of an evaluation where it comes from.

    Returns:
        What was found, and the page.

    Raises:
        UserError: in one line, what is wrong.
    """
    import friendfoe.diagnosis.page  # noqa: F401  # what draws is missing now, or not at the end

    if device:
        os.environ["FRIENDFOE_DEVICE"] = device
    where = runtime.device()
    threat = _threat(norm, eps)
    if precision not in ("float32", "bfloat16"):
        raise UnfitError(f"--precision {precision}: must be float32 or bfloat16")
    known = data.read(data_word, runtime.data_root(), size=size, count=images, classes=class_names(classes))
    shape = tuple(known.images.shape[1:])
    model = network(
        network_word,
        weights,
        (shape[0], shape[1], shape[2]),
        known.classes,
        arguments=arguments,
        normalise=normalise,
        key=key,
    )
    corrupted: Sequence[str] = CORRUPTIONS if corruptions == "all" else words(corruptions)
    try:
        found = evaluate(
            model.to(where),
            known.images,
            known.labels,
            threat=threat,
            attacks=words(attacks),
            corruptions=corrupted,
            classes=known.classes,
            checks=checks,
            precision=precision,
            name=name or _name(network_word, weights),
            seed=seed,
            sample_ids=known.samples,
            out=out,
        )
    except NotFiniteError as error:
        raise UnfitError(f"{error}; no attack can go by that: look for overflows in the network") from None
    if origin is not None:
        found = replace(found, origin=origin(found.ledger.settings))
    return found, found.save(out)


def _name(network_word: str, weights: Path | None) -> str:
    """That of the weights' file; of a replicate that friendfoe has trained, that of the model."""
    if weights is None:
        return network_word
    return weights.absolute().parent.name if weights.stem.startswith("replicate-") else weights.stem


def class_names(text: str) -> list[str]:
    """Names separated by commas, or those of a text file, a line each."""
    path = Path(text).expanduser()
    if "," in text or not (path.is_file() or path.suffix == ".txt"):
        return words(text)
    if not path.is_file():
        raise UnfitError(f"--classes {text}: there is no such file")
    try:
        names = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UnfitError(
            f"--classes {text}: cannot be read ({error}); it has to be a text, a name in each line"
        ) from None
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UnfitError(f"--classes {text}: names '{twice}' twice")
    return names


def words(text: str) -> list[str]:
    """Words separated by commas."""
    return [word.strip() for word in text.split(",") if word.strip()]


def _threat(norm: str, eps: str) -> Threat:
    above, slash, below = eps.partition("/")
    try:
        size = float(above) / float(below) if slash else float(above)
        return Threat(norm, size)  # type: ignore[arg-type]
    except (ValueError, ZeroDivisionError) as error:
        said = (
            str(error) if str(error).startswith(("threat", "norm", "eps")) else "must be a number such as 8/255 or 0.03"
        )
        raise UnfitError(f"--eps {eps} --norm {norm}: {said}") from None
