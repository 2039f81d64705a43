"""Teachers, soft labels and students."""

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from friendfoe.models.classifier import build
from friendfoe.models.networks.vgg import VGGConfig
from friendfoe.models.weights import load
from friendfoe.runtime import paths, tensors
from friendfoe.runtime.errors import UserError
from friendfoe.training.images import TrainingImages
from friendfoe.training.job import TrainingConfig
from friendfoe.training.loop import train
from friendfoe.training.methods import distillation
from friendfoe.training.methods.distillation import cross_entropy_at, read_soft_labels
from friendfoe.training.model import train_model
from friendfoe.training.objectives import TrainingBatch
from tests.training.helpers import CPU, Killed, job, same

BUDGET = TrainingConfig(epochs=2, batch=16, optimizer="sgd", learning_rate=0.05)


@pytest.fixture
def images():
    labels = torch.arange(96) % 3
    noise = torch.randint(0, 80, (96, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    pixels = (noise + 80 * labels.view(-1, 1, 1, 1)).to(torch.uint8)
    return TrainingImages([pixels], labels, 1.0, 0, CPU)


def network(units=8, dropout=0.2):
    vgg = VGGConfig(kind="vgg", channels=[4], dense=[units], dropout=dropout)
    return build(vgg, (1, 8, 8), 3, [0.45], [0.3], seed=1)


def weights(net):
    return torch.cat([p.detach().flatten() for p in net.parameters()])


def test_soft_labels_of_a_saturated_teacher_at_1_are_hard_labels(images):
    saturated = 60 * F.one_hot(images.labels, 3).float()
    hard, soft, other = network(), network(), network()
    train(hard, images, cross_entropy_at(1.0), BUDGET, base_seed=0)
    train(soft, images, cross_entropy_at(1.0, saturated.log_softmax(1).exp()), BUDGET, base_seed=0)
    torch.testing.assert_close(weights(soft), weights(hard), rtol=1e-4, atol=1e-5)
    train(other, images, cross_entropy_at(1.0, (saturated / 60).log_softmax(1).exp()), BUDGET, base_seed=0)
    assert (weights(other) - weights(hard)).abs().max() > 1e-3


@pytest.mark.parametrize("temperature", [1.0, 10.0, 100.0])
def test_the_gradient_is_not_rescaled(temperature):
    """d loss / d logits = (softmax(logits / T) - label) / T, for hard and for soft labels."""
    logits = torch.randn(5, 3, requires_grad=True)
    labels, soft_labels = torch.tensor([0, 1, 2, 0, 1]), torch.rand(9, 3).softmax(1)
    ids = torch.tensor([8, 0, 3, 3, 5])
    batch = TrainingBatch(logits, labels, ids, 0)
    cases = (
        (cross_entropy_at(temperature), F.one_hot(labels, 3)),
        (cross_entropy_at(temperature, soft_labels), soft_labels[ids]),
    )
    for objective, truth in cases:
        loss, answers = objective(lambda x: x, batch)
        assert answers is logits
        (gradient,) = torch.autograd.grad(loss, logits)
        expected = ((logits / temperature).softmax(1) - truth) / temperature / 5
        torch.testing.assert_close(gradient, expected.detach())


def test_the_loss_stays_finite_where_a_softmax_would_not():
    logits = torch.tensor([[4000.0, -4000.0, 0.0]], requires_grad=True)
    batch = TrainingBatch(logits, torch.tensor([1]), torch.tensor([0]), 0)
    loss, _ = cross_entropy_at(1.0)(lambda x: x, batch)
    assert loss.item() == 8000
    assert torch.autograd.grad(loss, logits)[0].abs().sum() == 2


def test_missing_and_damaged_soft_labels_are_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    student = job(method={"method": "distilled", "teacher": "teacher-5", "temperature": 5})
    (path,) = student.method.inputs(student, 0)
    with pytest.raises(UserError, match=r"teacher-5/replicate-0.safetensors is missing; .*'teacher-5'"):
        student.method.build_objective(student, 0)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"replicate-0\.safetensors is damaged"):
        student.method.build_objective(student, 0)


def test_bfloat16_learns_what_float32_learns(images):
    accuracy = {}
    for precision in ("float32", "bfloat16"):
        net = network(units=32, dropout=0.0)
        budget = TrainingConfig(epochs=6, batch=8, optimizer="adamw", learning_rate=0.01, precision=precision)
        accuracy[precision] = train(net, images, cross_entropy_at(1.0), budget, base_seed=0)[-1]["accuracy"]
        assert all(p.dtype == torch.float32 for p in net.parameters())
    assert accuracy["float32"] > 0.9
    assert accuracy["bfloat16"] > 0.9


TEACHER = job(name="teacher-5", method={"method": "teacher", "temperature": 5})
STUDENT = job(name="distilled-5", method={"method": "distilled", "teacher": "teacher-5", "temperature": 5})


def test_a_teacher_leaves_soft_labels_of_its_training_images(digits):
    train_model(TEACHER)
    for number in range(2):
        probabilities = read_soft_labels(paths.replicate(paths.soft("digits", "study", "teacher-5"), number))
        assert probabilities.shape == (60, 10)
        torch.testing.assert_close(probabilities.sum(1), torch.ones(60))
        assert 0 < probabilities.min() < probabilities.max() < 0.9  # soft


def test_a_student_learns_from_the_same_replicate_and_variant_of_its_teacher():
    path = paths.soft("digits", "study", "teacher-5")
    assert STUDENT.method.inputs(STUDENT, 1) == [path / "replicate-1.safetensors"]
    large = STUDENT.model_copy(update={"name": "distilled-5/large"})
    assert large.method.inputs(large, 0) == [path / "large/replicate-0.safetensors"]


def test_what_is_held_out_for_a_while_has_soft_labels_in_the_end(digits):
    """A budget that searches for its epochs trains on all images afterwards; without the search, on the others."""
    for retrain, count in ((True, 60), (False, 54)):
        train_model(
            TEACHER.model_copy(update={"training": job(training={"validation": {"retrain": retrain}}).training})
        )
        path = paths.replicate(paths.soft("digits", "study", "teacher-5"), 0)
        assert len(read_soft_labels(path)) == count


def test_a_students_checkpoint_is_not_taken_up_when_its_soft_labels_have_changed(digits, often_saved, monkeypatch):
    def deadly(temperature, soft_labels):
        loss, steps = cross_entropy_at(temperature, soft_labels), iter(range(7))

        def objective(network, batch):
            if next(steps, None) is None:
                raise Killed
            return loss(network, batch)

        return objective

    train_model(TEACHER)
    with monkeypatch.context() as patch:
        patch.setattr(distillation, "cross_entropy_at", deadly)
        with pytest.raises(Killed):
            train_model(STUDENT)
    assert len(list(paths.CHECKPOINTS.iterdir())) == 1
    soft_labels = paths.replicate(paths.soft("digits", "study", "teacher-5"), 0)
    others = {"probabilities": load_file(soft_labels)["probabilities"].flip(1).contiguous()}
    tensors.write(save_file, others, soft_labels, "{}")
    states = []
    for _ in range(2):
        train_model(STUDENT)
        states.append(load(paths.replicate(paths.model("digits", "study", "distilled-5"), 0)).state_dict())
    assert same(*states)
