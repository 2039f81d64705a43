"""The training loop: the only one, for every method."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from friendfoe.attacks.contract import NotFiniteError
from friendfoe.runtime import seed
from friendfoe.runtime.errors import UserError
from friendfoe.training.augmentation import augmented
from friendfoe.training.checkpoint import Checkpoint
from friendfoe.training.images import TrainingImages
from friendfoe.training.job import TrainingConfig
from friendfoe.training.objectives import Objective, Stateful, TrainingBatch
from friendfoe.training.optimization import averaged, limit, make_optimizer, make_scheduler, penalise
from friendfoe.training.processes import ONE, Processes
from friendfoe.training.selection import Selection

EpochRow = dict[str, float]  # of the training curve
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
    on_epoch: Callable[[list[EpochRow]], None] = lambda history: None,
    epochs: int | None = None,
    processes: Processes = ONE,
) -> list[EpochRow]:
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
        on_epoch: called with the curve so far after every epoch.
        epochs: end after so many, in the middle of the budget's schedule; None: after all.
        processes: more than one under torchrun; each takes its share of every batch.

    Raises:
        UserError: the loss is no longer finite.
    """
    size = min(config.batch, len(images))
    steps = len(images) // size  # of an epoch
    optimizer = make_optimizer(network, config)
    scheduler = make_scheduler(optimizer, config, config.epochs * steps)
    average = averaged(network, config.averaging, steps) if config.averaging else None
    kept = average.module if average else network  # what is tested, selected and, in the end, given back
    parts = {"network": network, "optimizer": optimizer, "scheduler": scheduler}
    parts |= {"average": average, "selection": selection, "objective": objective}
    stateful = {name: part for name, part in parts.items() if isinstance(part, Stateful)}
    history: list[EpochRow] = []
    step, totals = 0, torch.zeros(2, dtype=torch.float64, device=images.device)  # of this epoch: loss, correct

    state = checkpoint.load() if checkpoint else None
    rng = None
    if state is not None:
        for name, part in stateful.items():
            part.load_state_dict(state[name])
        step, history = state["step"], state["history"]
        totals.copy_(state["totals"])
        rng = state["rng"] if step % steps else None  # between epochs there is nothing to take up

    model = processes.wrap(network)
    model.train()
    with torch.random.fork_rng(devices=[images.device] if images.device.type == "cuda" else []):
        for epoch in range(step // steps, epochs or config.epochs):
            if selection and selection.stopped:
                break
            torch.manual_seed(seed(base_seed, "epoch", epoch))
            order = torch.randperm(len(images))
            if rng is not None:
                _set_rng(rng)
                rng = None
            for position in range(step % steps, steps):
                rows = order[position * size : (position + 1) * size][processes.share]
                pixels, labels = images.take(rows)
                sample_ids, step_seed = rows.to(images.device), seed(base_seed, "step", step)
                pixels = augmented(config.augmentation, pixels, sample_ids, step_seed)
                batch = TrainingBatch(pixels, labels, sample_ids, step_seed, epoch)
                with torch.autocast(images.device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
                    try:
                        loss, logits = objective(model, batch)
                    except NotFiniteError:  # an attack has met them before the next look at the loss
                        raise _not_finite(epoch, step) from None
                optimizer.zero_grad(set_to_none=True)
                torch.autograd.backward(loss)
                penalise(network, config)
                optimizer.step()
                limit(network, config)
                scheduler.step()
                if average:
                    average.update_parameters(network)
                step += 1
                totals[0] += loss.detach() * len(rows)
                totals[1] += (logits.detach().argmax(1) == labels).sum()
                if position + 1 == steps or step % CHECK_EVERY == 0:
                    _check_finite(totals, epoch, step)
                    if position + 1 < steps and checkpoint and checkpoint.due():
                        _save(checkpoint, stateful, step, history, totals, processes)
            loss_mean, accuracy = (processes.sum(totals) / (steps * size)).tolist()
            history = [*history, {"epoch": epoch + 1, "step": step, "loss": loss_mean, "accuracy": accuracy}]
            with torch.random.fork_rng(devices=[]):
                if evaluate is not None:
                    history[-1]["test_accuracy"] = evaluate(kept)
                if selection is not None:
                    history[-1]["validation_accuracy"] = selection.end_epoch(epoch, kept, accuracy)
            model.train()
            totals.zero_()
            on_epoch(history)
            if checkpoint and checkpoint.due():
                _save(checkpoint, stateful, step, history, totals, processes)
    if average:
        network.load_state_dict(kept.state_dict())
    network.eval()
    return history


def _check_finite(totals: Tensor, epoch: int, step: int) -> None:
    if not torch.isfinite(totals[0]):
        raise _not_finite(epoch, step)


def _not_finite(epoch: int, step: int) -> UserError:
    return UserError(
        f"the loss is no longer finite at step {step} (epoch {epoch + 1}); lower `learning_rate` under `training` "
        "of this data set or model in params.yaml, and run again"
    )


def _save(
    checkpoint: Checkpoint,
    stateful: Mapping[str, Stateful],
    step: int,
    history: list[EpochRow],
    totals: Tensor,
    processes: Processes,
) -> None:
    if processes.first:
        state: dict[str, Any] = {
            **{name: part.state_dict() for name, part in stateful.items()},
            "step": step,
            "history": history,
            "totals": totals,
            "rng": [torch.get_rng_state(), *([torch.cuda.get_rng_state()] if totals.is_cuda else [])],
        }
        checkpoint.save(state)


def _set_rng(states: list[Tensor]) -> None:
    torch.set_rng_state(states[0])
    if len(states) > 1:
        torch.cuda.set_rng_state(states[1])
