"""Weights that others have saved: safetensors, or a state dict in a .pt or .pth file; never a pickled module.

A pickled module executes whatever its file says when it is read. Such files are refused before anything of them runs.
"""

import pickle
import re
import warnings
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from friendfoe.runtime.errors import UserError, first_line
from friendfoe.runtime.strict import nearest

SHOWN = 3  # keys of a kind in a message

State = dict[str, Tensor]


def read_state(path: Path, key: str | None = None) -> State:
    """The state dict of a file, on the CPU.

    Args:
        path: safetensors, or what `torch.save` has made of tensors.
        key: where a checkpoint holds several, such as `model` and `model_ema`, the one to take; dots for deeper ones.

    Raises:
        UserError: the file is missing, damaged or no state dict; or holds several, and none is named.
    """
    content = _read(path)
    if key is not None:
        for word in key.split("."):
            if not isinstance(content, Mapping) or word not in content:
                known = [*map(str, content)] if isinstance(content, Mapping) else []
                raise UserError(f"{path} has no '{key}'; {nearest(word, known) if known else 'leave the key out'}")
            content = content[word]
        if not _is_state(content):
            raise UserError(f"{path}: '{key}' holds no weights; name what holds them")
    if _is_state(content):
        return dict(content)
    found = _states(content)
    if len(found) == 1:
        return found.popitem()[1]
    if found:
        raise UserError(f"{path} holds several networks ({', '.join(found)}); say which one: key")
    held = ", ".join(map(str, list(content)[:6])) if isinstance(content, Mapping) else type(content).__name__
    raise UserError(f"{path} holds no weights but {held}; save `model.state_dict()`")


def fit(network: nn.Module, state: Mapping[str, Tensor], name: str | Path) -> None:
    """Load a state dict into a network in place; prefixes that wrappers leave, such as `module.`, do not matter.

    Raises:
        UserError: it is another network's, in one line: what is missing, what is too much, what has another shape, and
            the likely reason; or a number is not finite.
    """
    own = network.state_dict()
    prefix, renamed = _without_prefix(own, state)
    counters = {key for key in own if key.endswith("num_batches_tracked")}  # older files have none
    missing = [key for key in own if key not in renamed and key not in counters]
    unexpected = [key for key in renamed if key not in own]
    misshapen = [key for key in renamed if key in own and renamed[key].shape != own[key].shape]
    if missing or unexpected or misshapen:
        parts = []
        if missing:
            close = {key: get_close_matches(key, unexpected, n=1) for key in missing[:SHOWN]}
            hints = {key: f"is it {like[0]}?" for key, like in close.items() if like}
            parts.append(f"{len(missing)} missing ({_listed(missing, hints)})")
        if unexpected:
            parts.append(f"{len(unexpected)} unexpected ({_listed(unexpected)})")
        if misshapen:
            shapes = {key: f"{_shape(renamed[key])} in place of {_shape(own[key])}" for key in misshapen[:SHOWN]}
            parts.append(f"{len(misshapen)} of another shape ({_listed(misshapen, shapes)})")
        removed = f" without '{prefix}'" if prefix else ""
        reason = _reason(own, renamed, misshapen)
        raise UserError(f"{name} does not fit the network: of its weights{removed} {'; '.join(parts)}. {reason}")
    spoilt = next((key for key, tensor in renamed.items() if not torch.isfinite(tensor).all()), None)
    if spoilt is not None:
        raise UserError(f"{name} holds numbers that are not finite ({spoilt}); take another copy of it")
    network.load_state_dict(renamed, strict=False)


def _read(path: Path) -> Any:
    if not path.is_file():
        raise UserError(f"{path} is missing; name a file of weights (.safetensors, .pt, .pth)")
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise UserError(f"{path} is damaged ({error}); take another copy of it") from None
    convert = "in the code that has made it: torch.save(model.state_dict(), 'weights.pt')"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's of TorchScript, which is refused below
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        said = re.search(r"GLOBAL ([\w.]+)", str(error))
        of = f" ({said[1]})" if said else ""
        raise UserError(
            f"{path} holds Python objects{of}, which execute code when they are read; save the weights alone, {convert}"
        ) from None
    except RuntimeError as error:
        if "TorchScript" in str(error):
            raise UserError(f"{path} is a TorchScript archive; save the weights alone, {convert}") from None
        raise UserError(f"{path} is damaged ({first_line(error)}); take another copy of it") from None
    except (OSError, EOFError, ValueError, KeyError, IndexError, AttributeError) as error:
        raise UserError(
            f"{path} is no file of weights ({error or 'it ends too early'}); save them, {convert}"
        ) from None


def _is_state(content: Any) -> bool:
    return (
        isinstance(content, Mapping)
        and bool(content)
        and all(isinstance(key, str) and isinstance(value, Tensor) for key, value in content.items())
    )


def _states(content: Any) -> dict[str, State]:
    """The state dicts right below a checkpoint; those of optimisers hold no tensors by name."""
    if not isinstance(content, Mapping):
        return {}
    return {str(key): dict(value) for key, value in content.items() if _is_state(value)}


def _without_prefix(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> tuple[str, State]:
    """The state with the prefix removed that makes most keys those of the network; likewise one that it lacks."""
    candidates = [""]
    first = next(iter(state))
    words = first.split(".")
    candidates += [".".join(words[: depth + 1]) + "." for depth in range(min(3, len(words) - 1))]
    renamings = {prefix: {key.removeprefix(prefix): value for key, value in state.items()} for prefix in candidates}
    best = max(renamings, key=lambda prefix: sum(key in own for key in renamings[prefix]))
    if not any(key in own for key in renamings[best]):
        outer = [".".join(key.split(".")[:1]) + "." for key in own]
        for prefix in dict.fromkeys(outer):
            renamed = {prefix + key: value for key, value in state.items()}
            if any(key in own for key in renamed):
                return "", renamed
    return best, renamings[best]


def _reason(own: Mapping[str, Tensor], state: Mapping[str, Tensor], misshapen: list[str]) -> str:
    """What is most likely wrong, and what to do."""
    if not any(key in own for key in state):
        return "It is of another kind of network; name that one"
    last = [key for key in own if own[key].ndim > 1][-1:]
    if misshapen and all(key.rsplit(".", 1)[0] == key_of.rsplit(".", 1)[0] for key in misshapen for key_of in last):
        return f"It tells {len(state[misshapen[0]])} classes apart, and the data set has {len(own[misshapen[0]])}"
    return "It is of another size or version of this network; name that one"


def _listed(keys: Iterable[str], said: Mapping[str, str] | None = None) -> str:
    names = list(keys)
    shown = [f"{name}: {said[name]}" if said and name in said else name for name in names[:SHOWN]]
    return ", ".join(shown) + (", ..." if len(names) > SHOWN else "")


def _shape(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "a number"
