"""What is imported when; each case in an interpreter of its own."""

import subprocess
import sys
from multiprocessing import get_context

import pytest

NEW_ATTACK = '''
from typing import Literal
from friendfoe.attacks.config import BallConfig

def mi_fgsm(images, eps):
    return (images + eps).clamp(0, 1)

class MIFGSMConfig(BallConfig):
    """FGSM with momentum."""
    attack: Literal["mi_fgsm"]

    def run(self, model, images, labels, *, eps, seed, sample_ids, early_stop):
        return mi_fgsm(images, eps)
'''

WITH_TORCH = {
    "an attack loads no other": """
import friendfoe.attacks.pgd
loaded = {name.rpartition(".")[2] for name in sys.modules if name.startswith("friendfoe.attacks.")}
shared = {"ball", "config", "contract", "first_layer", "frozen_norm", "loop", "losses", "repeated", "threat", "white_box"}
assert loaded == shared | {"pgd"}, loaded
assert {name for name in sys.modules if name.startswith("friendfoe.data.")} == {"friendfoe.data.checks"}
""",
    "functions stay what they are, whether they or their modules come first": """
import friendfoe.attacks.square
from friendfoe.attacks import apgd, square
import friendfoe.attacks.apgd
from friendfoe import attacks
for name in ("apgd", "square"):
    module = sys.modules[f"friendfoe.attacks.{name}"]
    assert globals()[name] is getattr(attacks, name) is getattr(module, name) is not module
from friendfoe.attacks import losses
assert losses is sys.modules["friendfoe.attacks.losses"]
assert not hasattr(attacks, "no_such_attack")
assert all(getattr(attacks, name) for name in attacks.__all__)
""",
    "a new attack is one file": """
import torch
from friendfoe import attacks
from friendfoe.runtime.kinds import kinds
attacks.__path__.append(folder)
from friendfoe.attacks import AttackConfig, craft, mi_fgsm
assert "mi_fgsm" in kinds(AttackConfig)
images = torch.rand(2, 1, 3, 3)
config = AttackConfig.model_validate({"attack": "mi_fgsm"})
crafted = craft(config, torch.nn.Flatten(), images, torch.zeros(2).long(), eps=0.1, seed=0)
assert torch.equal(crafted, mi_fgsm(images, 0.1))
""",
}


def test_names_are_known_without_torch():
    code = 'import sys; from friendfoe.attacks import AttackConfig, Goal, Threat; assert "torch" not in sys.modules'
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("case", WITH_TORCH)
def test_imports(case, tmp_path):
    (tmp_path / "mi_fgsm.py").write_text(NEW_ATTACK)
    context = get_context("forkserver")
    context.set_forkserver_preload(["torch"])  # imported once for all
    process = context.Process(target=exec, args=(f"import sys\n{WITH_TORCH[case]}", {"folder": str(tmp_path)}))
    process.start()
    process.join()
    assert process.exitcode == 0
