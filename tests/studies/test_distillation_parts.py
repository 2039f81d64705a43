"""The arithmetic of the distillation study: gradients, the attack protocol, fooling images, distances."""

import hypothesis
import mpmath
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from friendfoe.data.store import Split
from friendfoe.evaluation.outcomes import Outcomes
from friendfoe.evaluation.sample import Sample
from friendfoe.studies.claims import Verdict, judge
from friendfoe.studies.distillation.claims import CLAIMS
from friendfoe.studies.distillation.distances import distances, sizes
from friendfoe.studies.distillation.evidence import CHOSEN, chosen, median_of_the_rest, worst
from friendfoe.studies.distillation.fooling import fool, with_class
from friendfoe.studies.distillation.gradients import jacobian, log10_amplitude, vanished
from friendfoe.studies.distillation.jsma import attack, shares
from friendfoe.studies.distillation.names import LEARNERS
from friendfoe.studies.distillation.settings import Distances, Fooling, Jsma
from friendfoe.studies.distillation.tables import bin_shares
from friendfoe.studies.distillation.transfer import borrowed, halved
from friendfoe.studies.evidence import Evidence


def exact(logits, slopes):
    """log10 of the mean absolute derivative of a softmax, with 2000 digits."""
    with mpmath.workdps(2000):
        powers = [mpmath.e ** mpmath.mpf(z) for z in logits]
        f = [p / sum(powers) for p in powers]
        total = mpmath.mpf(0)
        for i in range(len(f)):
            for d in range(len(slopes[0])):
                total += abs(f[i] * (mpmath.mpf(slopes[i][d]) - sum(f[j] * slopes[j][d] for j in range(len(f)))))
        return float(mpmath.log10(total / (len(f) * len(slopes[0]))))


@hypothesis.settings(max_examples=20, deadline=None)
@given(scale=st.sampled_from([1.0, 30.0, 400.0, 1500.0]), seed=st.integers(0, 100))
def test_amplitudes_are_exact_however_small(scale, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(1, 3, generator=generator, dtype=torch.float64) * scale
    slopes = torch.randn(1, 3, 2, generator=generator, dtype=torch.float64)
    amplitude = log10_amplitude(logits, slopes).item()
    assert amplitude == pytest.approx(exact(logits[0].tolist(), slopes[0].tolist()), abs=1e-6)


def test_gradients_at_100_are_not_silently_zero():
    """What float32 takes for 0, and float64 too, has an amplitude here."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 4))
    with torch.no_grad():
        network[1].weight *= 4000
        network[1].bias *= 4000
    images = torch.rand(30, 1, 4, 4)
    for wide in (network, network.double()):
        pixels = images.to(next(wide.parameters()).dtype).requires_grad_()
        wide(pixels).softmax(1)[:, 0].sum().backward()
        assert (pixels.grad.flatten(1) == 0).all(1).any()
    amplitudes = log10_amplitude(*jacobian(network.float(), images))
    assert amplitudes.isfinite().all()
    assert amplitudes.min() < -324
    shares = bin_shares(pd.DataFrame({"model": "a", "log10": amplitudes.numpy()}))
    assert shares.loc["a"].sum() == pytest.approx(1)
    assert shares.loc["a", "< 1e-324"] == pytest.approx((amplitudes < -324).double().mean().item())


def test_amplitudes_agree_with_autograd_where_that_does_not_underflow():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    image = torch.rand(1, 1, 4, 4, dtype=torch.float64)
    direct = torch.autograd.functional.jacobian(lambda x: network(x).softmax(1)[0], image).abs().mean().log10()
    assert log10_amplitude(*jacobian(network, image)).item() == pytest.approx(direct.item(), abs=1e-9)


def test_what_float32_loses_is_what_autograd_loses():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 4))
    images = torch.rand(40, 1, 4, 4)
    assert not vanished(*jacobian(network, images)).any()
    with torch.no_grad():
        network[1].weight *= 1000
        network[1].bias *= 1000
    lost = vanished(*jacobian(network, images))
    pixels = images.clone().requires_grad_()
    outputs = network(pixels).softmax(1)
    gradients = [torch.autograd.grad(outputs[:, k].sum(), pixels, retain_graph=True)[0] for k in range(4)]
    assert torch.equal(lost, (torch.stack(gradients) == 0).flatten(2).all(2).all(0))
    assert lost.any()
    assert not lost.all()


def test_the_median_leaves_out_what_has_vanished():
    rows = np.arange(4)
    log10 = Outcomes("test", rows, rows, np.array([[-9, -50, -7, -8], [-99, -99, -99, -99]], dtype=np.float32))
    gone = Outcomes("test", rows, rows, np.array([[0, 1, 0, 0], [1, 1, 1, 1]], dtype=np.float32))
    assert np.array_equal(median_of_the_rest(log10, gone), [-8, np.nan], equal_nan=True)


def test_failures_count_as_the_whole_budget_and_what_is_wrong_already_does_not_count():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    images = torch.rand(6, 1, 8, 8)
    labels = network(images).argmax(1)
    labels[5] = (labels[5] + 1) % 10
    settings = Jsma(targets=9, features=0.1428572)
    attacks = attack(network, images, labels, 10, settings, kind="jsma", temperature=1.0)
    assert attacks.right.tolist() == [True] * 5 + [False]
    assert len(attacks.labels) == 54
    assert (attacks.targets != attacks.labels).all()
    assert all(len(set(attacks.targets[i * 9 : i * 9 + 9].tolist())) == 9 for i in range(6))
    assert (attacks.changed <= 9 / 64).all()
    table = shares(attacks, settings)
    for image in range(5):
        rows = range(9 * image, 9 * image + 9)
        reached = [bool(attacks.reached[row]) for row in rows]
        changed = [float(attacks.changed[row]) if attacks.reached[row] else 0.1428572 for row in rows]
        assert float(table["success"][image]) == pytest.approx(sum(reached) / 9)
        assert float(table["features"][image]) == pytest.approx(sum(changed) / 9)
        assert float(table["robustness"][image]) == pytest.approx(min(changed))
    assert all(bool(values[5].isnan()) for values in table.values())
    assert attacks.reached.any()
    assert not attacks.reached.all()


def of_images(*replicates):
    values = np.array(replicates, dtype=np.float32)
    return Outcomes("test", np.arange(values.shape[1]), np.zeros(values.shape[1], dtype=np.int64), values)


def test_the_best_is_chosen_on_other_images_than_it_is_judged_on():
    lucky = of_images([1, 0, 1, 0], [1, 0, 1, 0])  # best on the first half of the images, worst on the other
    steady = of_images([0, 1, 0, 0], [0, 0, 0, 1])
    # on images 0 and 2 `lucky` is best, so that it is judged on 1 and 3; on these `steady` is, and is judged on 0 and 2
    assert chosen([lucky, steady], np.argmax).values.tolist() == [[0, 0, 0, 0]] * 2
    assert max(one.values.mean() for one in (lucky, steady)) == 0.5
    assert chosen([lucky, steady], np.argmin).values.tolist() == [[1, 1, 1, 0], [1, 0, 1, 1]]
    never = of_images([np.nan] * 4, [np.nan] * 4)
    assert chosen([never, steady], np.argmax).values.tolist() == steady.values.tolist()


def test_the_worst_case_is_that_of_every_image():
    both = worst([of_images([1, 1, 0, 0]), of_images([1, 0, 1, 0])])
    assert both.values.tolist() == [[1, 0, 0, 0]]


def test_halves_share_no_image_and_keep_their_labels():
    images = torch.arange(11, dtype=torch.uint8).view(11, 1, 1, 1)
    split = Split("some", images, torch.arange(11) % 3, ["a", "b", "c"], "0", (0.0,), (1.0,))
    first, second = halved(split, seed=1)
    rows = [half.images.flatten().tolist() for half in (first, second)]
    assert [len(part) for part in rows] == [5, 5]
    assert not set(rows[0]) & set(rows[1])
    assert all((half.labels == half.images.flatten().long() % 3).all() for half in (first, second))


def test_noise_becomes_a_class_of_its_own_however_often():
    split = Split(
        "some", torch.zeros(4, 1, 2, 2, dtype=torch.uint8), torch.arange(4) % 2, ["a", "b"], "0", (0.0,), (1.0,)
    )
    noise = torch.full((3, 1, 2, 2), 9, dtype=torch.uint8)
    twice = with_class(with_class(split, noise, 2), noise, 2)
    assert twice.classes == ["a", "b", "fooling"]
    assert twice.labels.tolist() == [0, 1, 0, 1] + [2] * 6
    assert twice.images.shape == (10, 1, 2, 2)
    assert split.classes == ["a", "b"]


def test_a_borrowed_change_is_that_of_another_image():
    images = torch.tensor([0.2, 0.5, 0.9]).view(3, 1, 1, 1)
    crafted = images + torch.tensor([0.1, -0.3, 0.05]).view(3, 1, 1, 1)
    torch.testing.assert_close(borrowed(images, crafted).flatten(), torch.tensor([0.0, 0.55, 1.0]))


FOOLING = {"images": 4, "steps": 40, "step": 0.05, "confidence": 0.99, "rounds": 1, "learned": 1}


def test_noise_is_driven_to_every_class():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 3)).eval()
    with torch.no_grad():
        network[1].weight *= 20
    noise = fool(network, (1, 8, 8), 3, 4, Fooling(**FOOLING), seed=0)
    assert noise.classes.tolist() == [0, 1, 2] * 4
    assert (noise.after > 0.99).all()
    assert (noise.before < noise.after).any()


def test_only_what_is_right_has_a_distance_and_a_temperature_changes_no_answer():
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).eval()
    with torch.no_grad():
        network[1].weight.copy_(torch.tensor([[10.0, 0, 0, 0], [-10.0, 0, 0, 0]]))
        network[1].bias.copy_(torch.tensor([-5.0, 5.0]))
    images = torch.full((3, 1, 2, 2), 204, dtype=torch.uint8)  # 0.8: class 0, and 0.3 from the boundary
    settings = Distances.model_validate(
        {
            "images": 3,
            "l2": {"steps": 60, "binary_search_steps": 4, "lr": 0.1},
            "l0": {"steps": 30, "trials": 3, "lr": 0.1, "removed": 0.3},
            "linf": {"steps": 30, "trials": 3, "lr": 0.05, "shrink": 0.9},
        }
    )
    for temperature in (1, 20):
        found = distances(
            network, images, torch.tensor([0, 0, 1]), temperature, settings, ["cw-l0", "cw-l2", "cw-linf"]
        )
        assert found["cw-l0"][:2].tolist() == [1, 1]  # the first pixel alone decides
        assert found["cw-l2"][0].item() == pytest.approx(0.3, abs=0.03)
        assert found["cw-linf"][0].item() == pytest.approx(0.3, abs=0.05)
        assert all(bool(distance[2].isnan()) for distance in found.values())


def test_a_pixel_has_changed_once_whatever_its_channels():
    change = torch.zeros(1, 3, 2, 2)
    change[0, 0, 0, 0], change[0, 1, 0, 0], change[0, 2, 1, 1] = 0.3, -0.4, 0.5
    assert [sizes(change, norm).item() for norm in ("cw-l0", "cw-l2", "cw-linf")] == [2, pytest.approx(0.5**0.5), 0.5]


LEARNED = (*LEARNERS, "other-half", "other-half-and-structure")
WORLDS = {  # metric, model, condition -> as the papers have it, and as it might be
    ("success", "teacher-1", "jsma"): (0.95, 0.5),
    ("success", "distilled-1", "jsma"): (0.91, 0.5),
    ("success", "distilled-100", "jsma"): (0.01, 0.9),
    ("robustness", "teacher-1", "jsma"): (0.02, 0.1),
    ("robustness", "distilled-100", "jsma"): (0.14, 0.05),
    ("change", "distilled-100", "clean"): (0.004, -0.08),
    ("change", CHOSEN, "clean"): (-0.006, -0.09),
    ("log10", "teacher-1", "gradient"): (-3.0, -3.0),
    ("log10", "distilled-100", "gradient"): (-30.0, -3.1),
    ("vanished", "teacher-1", "gradient"): (0.01, 0.4),
    ("vanished", "distilled-100", "gradient"): (0.5, 0.1),
    ("accuracy-crafted", CHOSEN, "margin"): (0.01, 0.8),
    ("success", CHOSEN, "cw-l2"): (0.99, 0.2),
    ("success", "distilled-100", "cw-l0"): (0.99, 0.2),
    ("success", "distilled-100", "cw-linf"): (0.99, 0.2),
    ("distance", "teacher-1", "cw-l2"): (1.36, 1.36),
    ("distance", "distilled-100", "cw-l2"): (1.7, 4.0),
    ("success", CHOSEN, "jsma-temperature"): (0.96, 0.05),
    ("accuracy-crafted", "distilled-100", "naive"): (0.8, 0.8),
    ("accuracy-crafted", "distilled-100", "transfer"): (0.3, 0.9),
    ("transferred", CHOSEN, "confident"): (0.95, 0.1),
    ("transferred", "distilled-100", "confident"): (0.96, 0.1),
    ("transferred", "distilled-100", "bare"): (0.2, 0.2),
    ("fooled", "teacher-1", "noise"): (0.02, 0.4),
    ("fooled", "teacher-1", "driven"): (0.97, 0.1),
    ("recognised", "retrained", "driven"): (0.9, 0.9),
    ("fooled", "retrained", "driven"): (0.9, 0.1),
    ("alike", "other-half", "above chance"): (0.6, -0.08),
    ("alike", "other-half-and-structure", "above chance"): (0.6, -0.08),
    **{("error", name, "borrowed"): (0.1, 0.3) for name in LEARNED},
    **{("error", name, "transferred"): (0.5, 0.1) for name in LEARNED},
}


@pytest.mark.parametrize(("world", "verdict"), [(0, Verdict.REPRODUCED), (1, Verdict.CONTRADICTED)])
def test_every_claim_holds_in_one_world_and_fails_in_another(world, verdict):
    near = np.array([-0.001, 0.0, 0.001, 0.0005, -0.0005])
    evidence = Evidence(
        samples={
            key: Sample.of_replicates(pair[world] + near * (1 + i / 9))
            for i, (key, pair) in enumerate(WORLDS.items(), 1)
        }
    )
    assert [judgement.verdict for judgement in judge(CLAIMS, evidence)] == [verdict] * len(CLAIMS)
