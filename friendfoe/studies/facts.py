"""What a report states beside its numbers: the data set and the budget of every model, as the files themselves say."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from friendfoe.models.classifier import build
from friendfoe.studies.inputs import Inputs, S


def write_facts(study: Inputs[S], out: Path, *, models: Sequence[str] | None = None, **own: Any) -> None:
    """Write facts.json.

    It holds classes, image shape, test images, replicates, eps, settings, remark and notes; of each of the study's
    models (or of `models`, where these have variants) what it is and where it comes from; and the study's `own`, which
    may replace any of these.
    """
    facts = {
        "classes": study.test.classes,
        "shape": study.test.shape,
        "test_images": len(study.test),
        "replicates": len(study.replicates),
        "eps": study.job.eps,
        "settings": study.settings.model_dump(mode="json"),
        "remark": study.job.remark,
        "as_published": study.job.as_published,
        "notes": study.notes,
        "models": {name: _model(study, name) for name in models or study.job.models},
        **own,
    }
    (out / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")


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
