"""Batches are halved where memory does not suffice, and the size that fits is remembered."""

from types import SimpleNamespace
from weakref import WeakKeyDictionary

import pytest
import torch

from friendfoe.runtime import batches
from friendfoe.runtime.batches import in_batches, is_out_of_memory
from friendfoe.runtime.errors import UserError

CPU = torch.device("cpu")
OF = {"model": torch.nn.Identity(), "shape": (600, 1, 8, 8)}


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    monkeypatch.setattr(batches, "_fitting", WeakKeyDictionary())
    # looking for garbage in all that the tests of this process have left takes longer than everything else here
    monkeypatch.setattr(batches, "gc", SimpleNamespace(collect=lambda: None))


class Small:
    """Work for which memory suffices up to so many rows."""

    def __init__(self, most, error):
        self.most, self.error, self.sizes = most, error, []

    def __call__(self, rows):
        self.sizes.append(len(rows))
        if len(rows) > self.most:
            raise self.error
        return rows


ERRORS = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried to"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
]


@pytest.mark.parametrize("error", ERRORS, ids=[type(error).__name__ + str(error)[:9] for error in ERRORS])
def test_halves_are_tried_until_one_fits_and_it_is_remembered(error, capsys):
    rows, work = torch.arange(600), Small(70, error)
    assert torch.equal(torch.cat([*in_batches(rows, CPU, work, "work", **OF)]), rows)
    assert work.sizes[:3] == [250, 125, 62]
    assert set(work.sizes[3:]) == {62, 600 % 62}
    assert "250 images do not fit into the memory of cpu; 125 are tried" in capsys.readouterr().err
    work.sizes.clear()
    [*in_batches(rows, CPU, work, "work", **OF)]
    assert work.sizes[0] == 62
    assert next(in_batches(rows, CPU, lambda rows: len(rows), "other work", **OF)) == 250


def test_what_does_not_fit_at_all_is_said():
    with pytest.raises(UserError, match="a single image is too much for the memory of cpu"):
        [*in_batches(torch.arange(4), CPU, Small(0, MemoryError()), "work", **OF)]


def test_other_errors_pass():
    with pytest.raises(RuntimeError, match="shapes"):
        [*in_batches(torch.arange(4), CPU, Small(0, RuntimeError("shapes cannot be multiplied")), "work", **OF)]
    assert not is_out_of_memory(ValueError("out of memory"))


@pytest.mark.slow
def test_evaluations_go_on_with_smaller_batches(monkeypatch):
    """Predictions, attacks and a diagnosis are the same where only few images fit at once."""
    from friendfoe import evaluate
    from friendfoe.models.predict import logits

    class Hungry(torch.nn.Linear):
        def forward(self, images):
            if len(images) > 30:
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
            return super().forward(images.flatten(1))

    torch.manual_seed(0)
    network, images, labels = Hungry(4, 3).eval(), torch.rand(200, 1, 2, 2), torch.arange(200) % 3
    options = {"attacks": ["pgd-3", "square-20"], "checks": False}
    tight = logits(network, images)
    few = evaluate(network, images[:30], labels[:30], **options).verdicts
    monkeypatch.setattr(batches, "_fitting", WeakKeyDictionary())
    all_of_them = evaluate(network, images, labels, **options)
    assert torch.allclose(tight, torch.nn.functional.linear(images.flatten(1), network.weight, network.bias))
    assert all_of_them.verdicts[:30].equals(few)


def test_without_rows_the_work_is_done_once():
    assert [len(done) for done in in_batches(torch.arange(0), CPU, lambda rows: rows, "it", **OF)] == [0]
