"""A folder to compute in: the project's params, changed for this run, beside its code; stages run there without DVC."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from benchmarks.gpu.setting import Setting
from friendfoe import runtime
from friendfoe.data.store import Split, load_split
from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError
from stages import plan, prepare

ROOT = Path(__file__).parents[2]
RAW = {"cifar10": "cifar-10-batches-py", "fashion_mnist": "FashionMNIST/raw"}
"""Data set -> its folder in the root of raw data; NAME.npz takes its place where that is missing."""
TINY_STUDIES = ("assistive", "classwise")  # these train, perturb, evaluate, check, analyse and draw

Params = dict[str, Any]


def enter(setting: Setting) -> None:
    """Make the workspace the current folder, with params in it, and their plan; no GPU is asked for."""
    if not (setting.work / "params.yaml").exists():
        _lay_out(setting)
    os.environ["FRIENDFOE_DATA"] = str(setting.work / "drawn" if setting.tiny else setting.data)
    os.chdir(setting.work)
    if not paths.PLAN.exists():
        plan.main()


def images_of(data: str, split: str) -> Split:
    """The training or test images of a data set, prepared where they are not yet.

    Raises:
        UserError: its raw files are missing.
    """
    if not paths.prepared(data).exists():
        source_of(data, runtime.data_root())
        prepare.main(data)
    return load_split(paths.prepared(data), split)


def source_of(data: str, folder: Path) -> Params:
    """Where a data set is read from.

    Raises:
        UserError: it is not there.
    """
    if data not in RAW:
        raise UserError(f"there is no data set '{data}' here; known: {', '.join(RAW)}")
    if (folder / RAW[data]).exists():
        return {"kind": data}
    if (folder / f"{data}.npz").exists():
        return {"kind": "npz", "path": f"{data}.npz"}
    raise UserError(f"{folder} holds neither {RAW[data]} nor {data}.npz; name the folder that does by --data")


def _lay_out(setting: Setting) -> None:
    yaml = YAML(typ="safe")
    root: Params = yaml.load(ROOT / "params.yaml")
    studies: dict[str, Params] = {
        file.parent.name: yaml.load(file) for file in sorted((ROOT / "pipelines").glob("*/params.yaml"))
    }
    if setting.tiny:
        studies = {name: studies[name] for name in TINY_STUDIES}
    sources = _drawn(setting.work / "drawn") if setting.tiny else _found(setting.data)
    named = {"digits", *sources}
    root = {"datasets": ["digits"], "data": {name: root["data"][name] for name in named}}
    for name, source in sources.items():
        root["data"][name]["source"] = source
    for section in studies.values():
        section["data"] = {name: of for name, of in section["data"].items() if name in named}
    _as_here(root, studies, sources)
    if setting.tiny:
        _shrink(root, studies)
    for name in ("friendfoe", "stages"):
        (setting.work / name).symlink_to(ROOT / name)
    for name, section in studies.items():
        if section["data"]:
            _write(yaml, setting.work / "pipelines" / name / "params.yaml", section)
    _write(yaml, setting.work / "params.yaml", root)  # the last one: it says that all of them are there


def _found(folder: Path) -> dict[str, Params]:
    sources = {}
    for name in RAW:
        try:
            sources[name] = source_of(name, folder)
        except UserError:
            continue  # the section that needs it says so
    return sources


def _as_here(root: Params, studies: Mapping[str, Params], sources: Mapping[str, Params]) -> None:
    """CIFAR-10 as the section `cifar10` trains on it; Fashion-MNIST whole, in five replicates of every model."""
    if "cifar10" in sources:
        studies["classwise"]["data"]["cifar10"] |= {
            "replicates": 1,
            "inner_attack": {"steps": 7, "rel_step": 0.25},
            "network": {"kind": "preact_resnet18"},
            "training": {
                "epochs": 30,
                "batch": 128,
                "learning_rate": 0.2,
                "schedule": "one-cycle",
                "precision": "bfloat16",
                "augmentation": "crop-flip",
                "validation": {"share": 0.02},
            },
        }
    if "fashion_mnist" in sources:
        root["data"]["fashion_mnist"]["replicates"] = 5
        for study in studies.values():
            own = study["data"].get("fashion_mnist", {})
            for key in ("replicates", "share", "train_images"):
                own.pop(key, None)


def _write(yaml: YAML, path: Path, content: Params) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    yaml.dump(content, path)


def _drawn(folder: Path) -> dict[str, Params]:
    """Data sets of random images, in the shapes of the real ones."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    sources = {}
    for name, shape in (("cifar10", (32, 32, 3)), ("fashion_mnist", (28, 28))):
        arrays = {}
        for split, count in (("train", 60), ("test", 40)):
            arrays[f"{split}_images"] = rng.integers(0, 256, (count, *shape), dtype=np.uint8)
            arrays[f"{split}_labels"] = np.arange(count) % 10
        np.savez(folder / f"{name}.npz", **arrays)
        sources[name] = {"kind": "npz", "path": f"{name}.npz"}
    return sources


def _shrink(root: Params, studies: Mapping[str, Params]) -> None:
    """Few images, small networks, an epoch: what is run stays what it is."""
    root["data"]["digits"]["source"]["limit"] = 60
    for section in root["data"].values():
        section |= {"replicates": 1, "network": {"kind": "mlp", "hidden": [8]}}
        section["training"] |= {"epochs": 1, "batch": 16}
    assistive, classwise = studies["assistive"], studies["classwise"]
    assistive["patch"] = {"eps": 1.0, "steps": 1, "areas": [0.1], "grid": 1, "images": 6,
                          "universal": {"steps": 1, "batch": 16}}  # fmt: skip
    assistive["likely"]["training"]["epochs"] = 1
    assistive["likely"]["tried"] = {}
    classwise["standard"]["images"] = 4
    for study in studies.values():
        for name, own in study["data"].items():
            own |= {"replicates": 1, "images": 20, "training": {**own.get("training", {}), "epochs": 1, "batch": 16}}
            own["checks"] = {**own.get("checks", {}), "images": 10}
            if "validation" in own["training"]:
                own["training"]["validation"] = {"share": 0.2}
            if name == "cifar10":
                own["network"] = {"kind": "preact_resnet18", "width": 8}
    for own in classwise["data"].values():
        own["inner_attack"] = {"steps": 1, "rel_step": 1.0}
        own["attacks"] = {"autoattack": {"steps": 2, "n_target_classes": 1, "n_queries": 2}, "square": {"n_queries": 2}}
