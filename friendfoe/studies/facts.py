"""What a report states beside its numbers: the data set and the budget of every model, as the files themselves say."""

from collections.abc import Sequence
from typing import Any

from friendfoe.models.classifier import build
from friendfoe.studies.inputs import Inputs, S


def facts(study: Inputs[S], models: Sequence[str] | None = None) -> dict[str, Any]:
    """Classes, image shape, test images, replicates, eps and remark; of each model what it is and where it comes from.

    `models`: other names than those of the study, where a model has variants.
    """
    return {
        "classes": study.test.classes,
        "shape": study.test.shape,
        "test_images": len(study.test),
        "replicates": len(study.replicates),
        "eps": study.job.eps,
        "remark": study.job.remark,
        "models": {name: _model(study, name) for name in models or study.job.models},
    }


def _model(study: Inputs[S], name: str) -> dict[str, Any]:
    headers = study.headers(name)
    first = headers[0]
    network = build(first.network, first.shape, len(first.classes))
    origins = [header.provenance for header in headers]
    seconds = {key: sum(origin.get(key, 0.0) for origin in origins) for key in ("wall_seconds", "cpu_seconds")}
    return {
        "network": first.network.describe(),
        "parameters": sum(weights.numel() for weights in network.parameters()),
        "job": first.job,
        "provenance": {**origins[0], **seconds},
    }
