"""Attacks on an accelerator: the same noise, bit for bit, the same images but for rounding, verdicts in full precision."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from friendfoe.attacks import losses
from friendfoe.attacks.config import AttackConfig
from friendfoe.attacks.craft import craft
from friendfoe.attacks.pgd import PGDConfig
from friendfoe.attacks.white_box import white_box
from friendfoe.evaluation.robust import robustness
from friendfoe.models.networks.residual import PreActResNet18Config, WideResNetConfig
from friendfoe.models.predict import predict
from friendfoe.runtime.draws import normal, uniform
from friendfoe.runtime.precision import exact
from tests.gpu.conftest import CPU
from tests.studies.workspaces import ROOT, params

pytestmark = pytest.mark.gpu

FEW = {"steps": 4, "n_queries": 8, "n_target_classes": 2, "binary_search_steps": 2, "restarts": 2}


def _attacks():
    """The attacks of all studies, with few steps and queries, by study and name."""
    for file in sorted((ROOT / "pipelines").glob("*/params.yaml")):
        for name, section in params(file.parent.name).get("attacks", {}).items():
            config = AttackConfig.model_validate(section)
            least = {key: min(value, FEW[key]) for key, value in dict(config).items() if key in FEW}
            yield pytest.param(config.model_copy(update=least), id=f"{file.parent.name}-{name}")


@pytest.mark.parametrize("draw", [uniform, normal], ids=["uniform", "normal"])
def test_the_noise_has_the_same_bits(accelerator, draw):
    names = torch.arange(1000)
    there, here = draw(3, names.to(accelerator), 500).cpu(), draw(3, names, 500)
    if draw is uniform:
        assert torch.equal(there, here)
    else:  # of logarithm and cosine, the last bits are the device's
        torch.testing.assert_close(there, here, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("config", list(_attacks()))
def test_every_attack_of_the_studies_gives_the_images_of_the_cpu(accelerator, network, batch, config):
    net, (images, labels) = network(torch.float64), batch(dtype=torch.float64)
    settings = {"eps": 0.1, "seed": 5}
    here = craft(config, net, images, labels, **settings)
    there = craft(config, net.to(accelerator), images.to(accelerator), labels.to(accelerator), **settings)
    assert there.device.type == accelerator.type
    torch.testing.assert_close(there.cpu(), here, rtol=0, atol=1e-6)


def test_float32_verdicts_are_those_of_the_cpu(accelerator, network, batch):
    """Logits that verdicts rest on are of float32 arithmetic throughout: TF32 would be wrong in the fourth digit."""
    net, (images, _) = network(channels=3), batch(500, channels=3)
    logits = []
    for device in (CPU, accelerator):
        with white_box(net.to(device)) as box:
            logits.append(box.logits(images.to(device)).cpu())
    apart = (logits[1] - logits[0]).abs().amax() / logits[0].abs().amax()
    assert apart < 1e-5
    assert (logits[1].argmax(1) != logits[0].argmax(1)).sum() == 0
    torch.testing.assert_close(predict(net.to(accelerator), images), logits[0].softmax(1), rtol=1e-3, atol=1e-5,
                               check_device=False)  # fmt: skip


def test_what_is_crafted_in_bfloat16_is_judged_in_float32(accelerator, network, batch):
    class Watched(nn.Module):
        """Knows in what precision it was asked for logits alone, and for gradients."""

        def __init__(self):
            super().__init__()
            self.net, self.judged, self.crafted = network(), set(), set()

        def forward(self, images):
            logits = self.net(images)
            (self.crafted if logits.requires_grad else self.judged).add(logits.dtype)
            return logits

    net, (images, labels) = Watched().to(accelerator), batch(200)
    images, labels = images.to(accelerator), labels.to(accelerator)
    found = robustness(net, images, labels, {"pgd": PGDConfig(attack="pgd", steps=5, precision="bfloat16")}, eps=0.1, seed=0)  # fmt: skip
    assert net.crafted == {torch.bfloat16}
    assert net.judged == {torch.float32}
    with white_box(net) as box:
        assert torch.equal(box.logits(found.images).argmax(1) == labels, found.robust)


def test_a_large_network_is_evaluated_in_parts_that_fit(accelerator, real):
    """WideResNet-28-10 at 4096 images at once needs 71 GiB of activations; a small one stands for it elsewhere."""
    config = WideResNetConfig(kind="wide_resnet", depth=28 if real else 10, width=10 if real else 1)
    net = config.build((3, 32, 32), 10).to(accelerator).eval()
    images = torch.rand(4096 if real else 8, 3, 32, 32, device=accelerator)
    labels = predict(net, images).argmax(1)
    found = robustness(net, images, labels, {"pgd": PGDConfig(attack="pgd", steps=1)}, eps=8 / 255, seed=0)
    assert found.clean.float().mean() > 0.99
    assert found.forward >= 2 * len(images)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-4)])
@pytest.mark.parametrize("format_", [torch.contiguous_format, torch.channels_last])
def test_the_gradient_through_batch_norm_is_that_of_torch(accelerator, batch, dtype, tolerance, format_):
    net = PreActResNet18Config(kind="preact_resnet18", width=8).build((3, 16, 16), 4).to(accelerator, dtype)
    net = net.to(memory_format=format_).eval()
    for norm in (module for module in net.modules() if isinstance(module, nn.BatchNorm2d)):
        nn.init.uniform_(norm.running_mean, -0.1, 0.1)
        nn.init.uniform_(norm.running_var, 0.5, 2)
    images, labels = (each.to(accelerator) for each in batch(16, dtype, channels=3, side=16))
    with exact(accelerator):  # else torch computes convolutions in TF32, and the two choose different kernels
        with white_box(net) as box:
            logits, _, found = box.gradient(images, labels, losses.cross_entropy)
        expected = net(images.requires_grad_())
        slopes = torch.autograd.grad(cross_entropy(expected, labels, reduction="sum"), images)[0]
    torch.testing.assert_close(logits, expected.detach(), rtol=tolerance, atol=tolerance)
    assert (found - slopes).abs().max() < tolerance * slopes.abs().max()
