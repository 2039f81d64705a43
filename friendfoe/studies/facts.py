"""What a report states beside its numbers: the data set and the budget of every model, as the files themselves say."""

from collections.abc import Sequence
from typing import Any

from friendfoe.models.registry import build
from friendfoe.studies.inputs import Inputs, S


def facts(study: Inputs[S], models: Sequence[str] | None = None) -> dict[str, Any]:
    """Classes, image shape, test images, replicates, eps and remark; per model its network and training budget.

    `models`: other names than those of the study, where a model has variants.
    """
    return {
        "classes": study.test.classes,
        "shape": study.test.shape,
        "test_images": len(study.test),
        "replicates": len(study.replicates),
        "eps": study.tailored.eps,
        "remark": study.tailored.remark,
        "models": {name: _model(study, name) for name in models or study.settings.models},
    }


def _model(study: Inputs[S], name: str) -> dict[str, Any]:
    header = study.header(name)
    network = build(header.network, header.shape, len(header.classes))
    return {
        "network": header.network.model_dump(),
        "parameters": sum(weights.numel() for weights in network.parameters()),
        "training": header.training,
        "recipe": header.recipe,
    }
