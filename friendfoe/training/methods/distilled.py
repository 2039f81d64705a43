"""Training on soft labels: the second network of distillation (Papernot et al. 2016, section IV)."""

import torch.nn.functional as F
from torch import Tensor, nn

from friendfoe import runtime
from friendfoe.params import Params
from friendfoe.training.objectives import Batch, Objective
from friendfoe.training.recipes import Distilled, Teacher
from friendfoe.training.soft_labels import read


def objective(p: Params, data: str, model: str, replicate: int) -> Objective:
    """Cross-entropy with the soft labels of the same replicate of the teacher, at the teacher's temperature.

    Raises:
        UserError: the soft labels are missing or damaged.
    """
    recipe = p.models[model]
    assert isinstance(recipe, Distilled)
    teacher = p.models[recipe.teacher]
    assert isinstance(teacher, Teacher)
    return towards(read(data, recipe.teacher, replicate).to(runtime.device()), teacher.temperature)


def towards(soft: Tensor, temperature: float) -> Objective:
    """Mean cross-entropy of softmax(logits / temperature) with soft labels [N, K] of all images, and the logits."""

    def loss(network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        logits = network(batch.images)
        return F.cross_entropy(logits / temperature, soft[batch.samples]), logits

    return loss
