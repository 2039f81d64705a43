"""The members of an ensemble, trained side by side and independently.

They see the same batches and differ in their first weights and in what dropout drops. In a loop: stacked weights
(`torch.func.stack_module_state`) were slower on a CPU.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from friendfoe import params
from friendfoe.models import recipes
from friendfoe.models.ensemble import members
from friendfoe.runtime.errors import UserError
from friendfoe.training.objectives import Batch, Objective


def objective(p: params.Params, data: str, model: str, replicate: int) -> Objective:
    """A cross-entropy per member, the same for all.

    Raises:
        UserError: the network is no ensemble.
    """
    network = params.network(p, data, model)
    if not isinstance(network, recipes.Ensemble):
        raise UserError(f"params.yaml: models.{model}: method 'ensemble' needs an ensemble, not '{network.kind}'")
    return side_by_side


def side_by_side(network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """The sum of the members' cross-entropies, so that each is trained as if it were alone; and their mean logits."""
    each = [member(batch.images) for member in members(network)]
    losses = [F.cross_entropy(logits, batch.labels) for logits in each]
    return torch.stack(losses).sum(), torch.stack([logits.detach() for logits in each]).mean(0)
