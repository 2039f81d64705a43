"""What the tests of training share: a small network, its bits, and jobs on a few digits."""

import torch

from friendfoe.models.classifier import build
from friendfoe.models.networks.cnn import CNNConfig
from friendfoe.training.job import Job

CPU = torch.device("cpu")
DIGITS = {
    "data": "digits",
    "study": "study",
    "name": "model",
    "replicates": 2,
    "seed": 0,
    "images": ["train"],
    "network": {"kind": "cnn", "width": 2},
    "training": {"epochs": 3, "batch": 16, "optimizer": "sgd", "learning_rate": 0.1},
    "method": {"method": "standard"},
}


class Killed(BaseException):
    """Ends a run as a signal would."""


def job(**changes) -> Job:
    """A job on digits; `training` changes single keys of the budget."""
    training = {**DIGITS["training"], **changes.pop("training", {})}
    return Job.model_validate({**DIGITS, **changes, "training": training})


def network(dropout=0.0):
    cnn = build(CNNConfig(kind="cnn", width=4), (1, 8, 8), 2, seed=1)
    return torch.nn.Sequential(cnn, torch.nn.Dropout(dropout))


def bits(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
