"""CIFAR-10 as a user trains it: PGD-7 adversarial training of PreActResNet-18 in bfloat16, judged by PGD-20."""

import time

import torch

from benchmarks.gpu import workspace
from benchmarks.gpu.networks import EPS, test_images
from benchmarks.gpu.setting import Setting, Tell, now
from friendfoe import runtime
from friendfoe.attacks.pgd import PGDConfig
from friendfoe.evaluation.robust import robustness
from friendfoe.models.weights import save
from friendfoe.runtime import jobs, paths
from friendfoe.training.job import Job
from friendfoe.training.loop import EpochMetrics
from friendfoe.training.replicate import train_replicate

MODEL = ("cifar10", "classwise", "pgd-at")
WEIGHTS = paths.replicate(paths.model(*MODEL), 0)
MOST_EPOCHS = 30
_TRIED = 40  # steps of an epoch that are timed before the schedule is known, and as many to warm up
_JUDGED = 20.0  # seconds that PGD-20 on all test images may need, with what else follows the training


def measure(setting: Setting, tell: Tell) -> None:
    """Train for as many epochs as fit, since the schedule has to know them; then attack all test images."""
    device = runtime.device()
    workspace.enter(setting)
    start = time.monotonic()
    split = workspace.images_of("cifar10", "train")
    tell({"what": "prepare", "value": round(time.monotonic() - start, 1), "unit": "s"})
    job = jobs.read(Job, *MODEL)
    seconds = _epoch(job, 2 if setting.tiny else _TRIED)
    tell({"what": "an epoch, by its first steps", "value": round(seconds, 2), "unit": "s"})
    fitting = int((setting.left - _JUDGED) / seconds)
    epochs = 1 if setting.tiny else max(1, min(MOST_EPOCHS, fitting))
    job = _with(job, epochs=epochs)
    tell({"what": "epochs", "value": epochs, "unit": f"of {MOST_EPOCHS}" if epochs < MOST_EPOCHS else ""})
    start = now(device)

    def each_epoch(history: list[EpochMetrics]) -> None:
        row = history[-1]
        tell(
            {
                "what": f"epoch {row['epoch']:.0f}",
                "value": round(100 * row["validation_accuracy"], 1),
                "unit": "% of held-out images under PGD-7",
                "seconds": round(now(device) - start, 1),
            }
        )

    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    trained = train_replicate(job, split, 0, on_epoch=each_epoch)
    minutes = (now(device) - start) / 60
    trained.checkpoint.remove()
    WEIGHTS.parent.mkdir(parents=True, exist_ok=True)
    save(trained.best(), WEIGHTS, trained.header)
    tell({"what": "an epoch", "value": round(60 * minutes / epochs, 2), "unit": "s"})
    tell({"what": "training", "value": round(minutes, 2), "unit": "min"})
    if device.type == "cuda":
        peak = torch.cuda.max_memory_allocated(device) / 2**30
        tell({"what": "peak memory of training", "value": round(peak, 2), "unit": "GiB"})
    _judge(trained.network, setting, tell)


def _epoch(job: Job, steps: int) -> float:
    """Seconds of an epoch, by some of its steps after as many that warm up."""
    split = workspace.images_of(job.data, "train")
    batch = min(job.training.batch, len(split))
    short = _with(job, epochs=2, validation=None).model_copy(
        update={"train_images": min(len(split), steps * batch), "name": f"{job.name}-timed"}
    )
    ended: list[float] = []
    device = runtime.device()
    trained = train_replicate(short, split, 0, on_epoch=lambda history: ended.append(now(device)))
    trained.checkpoint.remove()
    images = len(split) * (1 - (job.training.validation.share if job.training.validation else 0))
    return (ended[1] - ended[0]) * images / min(len(split), steps * batch)


def _with(job: Job, **changes: object) -> Job:
    return job.model_copy(update={"training": job.training.model_copy(update=changes)})


def _judge(network: torch.nn.Module, setting: Setting, tell: Tell) -> None:
    device = next(network.parameters()).device
    images, labels = test_images(40 if setting.tiny else 10_000, device)
    attack = PGDConfig(attack="pgd", steps=2 if setting.tiny else 20, rel_step=0.25)
    start = now(device)
    found = robustness(network.eval(), images, labels, {"pgd": attack}, eps=EPS, seed=0)
    tell({"what": f"PGD-20 on {len(images)} test images", "value": round(now(device) - start, 2), "unit": "s"})
    for name, accuracy in (("clean", found.accuracy_after(0)), ("under PGD-20", found.accuracy_after(1))):
        tell({"what": f"accuracy, {name}", "value": round(100 * accuracy, 2), "unit": "%"})
