"""The training loop: the only one, for every method."""

import sys
from collections.abc import Callable
from typing import NoReturn

import torch
from torch import Tensor, nn

from friendfoe.attacks.contract import NotFiniteError
from friendfoe.runtime import seed
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.precision import fast
from friendfoe.runtime.processes import ONE, Processes
from friendfoe.runtime.progress import NOTE
from friendfoe.training.averaging import Average
from friendfoe.training.checkpoint import Checkpoint
from friendfoe.training.images import TrainingImages
from friendfoe.training.job import TrainingConfig
from friendfoe.training.objectives import Objective, Stateful
from friendfoe.training.optimization import make_optimizer, make_scheduler
from friendfoe.training.selection import Selection
from friendfoe.training.step import Repeating, Step

EpochMetrics = dict[str, float]
"""A row of the training curve: epoch, step, loss, accuracy and, where they are asked for, further accuracies."""
CHECK_EVERY = 50  # steps between two looks at the loss: each look waits for a GPU


def train(
    network: nn.Module,
    images: TrainingImages,
    objective: Objective,
    config: TrainingConfig,
    *,
    base_seed: int,
    checkpoint: Checkpoint | None = None,
    evaluate: Callable[[nn.Module], float] | None = None,
    selection: Selection | None = None,
    weakest: Callable[[nn.Module], float] | None = None,
    on_epoch: Callable[[list[EpochMetrics]], None] = lambda history: None,
    epochs: int | None = None,
    processes: Processes = ONE,
) -> list[EpochMetrics]:
    """Train `network` in place and return its training curve, a row per epoch.

    It ends with the weights of the last epoch, averaged if the budget says so; a selection holds those of the best.

    On the CPU the result depends on the arguments and the number of threads alone: a run that was killed and goes on
    from its checkpoint ends with the same bits. Of each epoch's random order the last, incomplete batch is left out.

    Args:
        network: gives logits [N, K]; on the device of `images`.
        images: what to train on.
        objective: the loss of one batch.
        config: epochs, batch, optimiser, schedule.
        base_seed: of the order of the images and of dropout.
        checkpoint: where to resume from and save to; None: nowhere.
        evaluate: a test accuracy for the curve; it chooses nothing.
        selection: looks at the network after every epoch, and may stop the training.
        weakest: as of `Average`, where the budget averages with a threshold.
        on_epoch: called with the curve so far after every epoch, and when a run goes on.
        epochs: end after so many, in the middle of the budget's schedule; None: after all.
        processes: that train it together; each takes its share of every batch.

    Raises:
        UserError: the loss is no longer finite.
    """
    size = min(config.batch, len(images))
    steps = len(images) // size  # of an epoch
    optimizer = make_optimizer(network, config)
    scheduler = make_scheduler(optimizer, config, config.epochs * steps)
    average = Average(network, config.averaging, weakest) if config.averaging else None
    parts = {"network": network, "optimizer": optimizer, "scheduler": scheduler}
    parts |= {"average": average, "selection": selection, "objective": objective}
    stateful = {name: part for name, part in parts.items() if isinstance(part, Stateful)}
    history: list[EpochMetrics] = []
    step, totals = 0, torch.zeros(2, dtype=torch.float64, device=images.device)  # of this epoch: loss, correct

    rng = None
    if checkpoint and (state := checkpoint.load()) is not None:
        for name, part in stateful.items():
            part.load_state_dict(state[name])
        step, history = state["step"], state["history"]
        totals.copy_(state["totals"])
        rng = state["rng"] if step % steps else None  # between epochs there is nothing to take up
        print(f"{NOTE}resumed at epoch {step // steps + 1} of {config.epochs}", file=sys.stderr, flush=True)
        if history:
            on_epoch(history)

    def save() -> None:
        if processes.first and checkpoint and checkpoint.due():
            states = {name: part.state_dict() for name, part in stateful.items()}
            rng_states = [torch.get_rng_state(), *([torch.cuda.get_rng_state(images.device)] if totals.is_cuda else [])]
            checkpoint.save({**states, "step": step, "history": history, "totals": totals, "rng": rng_states})

    network.train()
    kind = Repeating if images.device.type == "cuda" and processes.world == 1 else Step
    advance = kind(network, images, objective, optimizer, config, totals, processes)
    with fast(images.device), torch.random.fork_rng(devices=[images.device] if images.device.type == "cuda" else []):
        for epoch in range(step // steps, epochs or config.epochs):
            if selection and selection.stopped:
                break
            torch.manual_seed(seed(base_seed, "epoch", epoch))
            order = images.order()
            if rng is not None:
                _set_rng(rng, images.device)
                rng = None
            for position in range(step % steps, steps):
                rows = order[position * size : (position + 1) * size]
                try:
                    advance(rows, seed(base_seed, "step", step), epoch, step / (config.epochs * steps))
                except NotFiniteError:  # an attack has met them before the next look at the loss
                    _stop(epoch, step)
                scheduler.step()
                step += 1
                if position + 1 == steps or step % CHECK_EVERY == 0:
                    if not torch.isfinite(totals[0]):
                        _stop(epoch, step)
                    if position + 1 < steps:
                        save()
            loss_mean, accuracy = (processes.sum(totals) / (steps * size)).tolist()
            history = [*history, {"epoch": epoch + 1, "step": step, "loss": loss_mean, "accuracy": accuracy}]
            with torch.random.fork_rng(devices=[]):
                if average:
                    average.end_epoch()
                result = average.network if average else network
                if evaluate is not None:
                    history[-1]["test_accuracy"] = evaluate(result)
                if selection is not None:
                    history[-1]["validation_accuracy"] = selection.end_epoch(epoch, result, accuracy)
            network.train()
            totals.zero_()
            on_epoch(history)
            save()
    if average:
        network.load_state_dict(average.network.state_dict())
    network.eval()
    return history


def _stop(epoch: int, step: int) -> NoReturn:
    raise UserError(
        f"the loss is no longer finite at step {step} (epoch {epoch + 1}); lower `learning_rate` under `training` "
        "of this data set or model in params.yaml, and run again"
    ) from None


def _set_rng(states: list[Tensor], device: torch.device) -> None:
    torch.set_rng_state(states[0])
    if len(states) > 1:
        torch.cuda.set_rng_state(states[1], device)
