"""Everything that people's models do wrong has its line."""

import numpy as np
import pytest
import torch
from torch import nn

from friendfoe import evaluate
from friendfoe.attacks import Threat

SIDE, CLASSES = 4, 3


@pytest.fixture
def images():
    """A bright pixel says which class it is; the others are noise."""
    torch.manual_seed(1)
    pixels = torch.rand(60, 3, SIDE, SIDE) * 0.4
    for row, label in enumerate(labels_of(60)):
        pixels[row, :, 0, label] = 0.9
    return pixels


def labels_of(count):
    return torch.arange(count) % CLASSES


class Brightest(nn.Module):
    """The class of the brightest of the first pixels: always right on the images here."""

    def __init__(self, change=lambda logits: logits, normalise=None):
        super().__init__()
        self.change, self.normalise = change, normalise
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, images):
        if self.normalise is not None:
            mean, std = self.normalise
            images = (images - mean) / std
        return self.change(10 * self.weight * images[:, :, 0, :CLASSES].mean(1))


def found(model, images, labels=None, **options):
    labels = labels_of(len(images)) if labels is None else labels
    options = {"attacks": ["fgsm"], "checks": False, "threat": Threat("linf", 0.1), **options}
    return evaluate(model, images, labels, **options)


def finding(result, name):
    by_name = {one.name: one for one in result.findings}
    assert name in by_name, by_name
    assert "\n" not in by_name[name].text
    assert by_name[name].text in result.summary()
    return by_name[name]


def test_a_sound_model_is_not_suspected(images):
    result = found(Brightest().eval(), images)
    assert result.findings == ()
    assert result.overall.loc["clean", "accuracy"] == 1


def test_train_mode_is_said_and_left(images):
    model = Brightest().train()
    said = finding(found(model, images), "train mode")
    assert "it is examined in eval mode, and left as it was" in said.text
    assert model.training


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        (lambda pixels: pixels * 255, "divide them by 255"),
        (lambda pixels: (pixels - 0.5) / 0.25, "the model has to normalise them itself"),
    ],
)
def test_images_outside_of_the_unit_are_refused(images, change, advice):
    with pytest.raises(ValueError, match=rf"images: must lie in \[0, 1\].*{advice}"):
        found(Brightest().eval(), change(images))


class Narrow(nn.Module):
    """Right on images in [0, 1] alone, and normalised before it sees them: then it takes most for class 0."""

    def forward(self, images):
        mean, std = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
        pixels = (images - mean) / std
        inside = (pixels >= -0.01) & (pixels <= 1.01)
        return 10 * torch.where(inside, pixels, 0.0)[:, :, 0, :CLASSES].mean(1) + torch.tensor([0.5, 0.0, 0.0])


def test_images_that_are_normalised_twice(images):
    said = finding(found(Narrow().eval(), images), "normalisation")
    assert said.serious
    assert said.text.startswith("images seem to be normalised twice (imagenet: ")
    assert said.text.endswith("and 1.000 otherwise")


def test_normalisations_are_tried_on_every_class_of_a_folder(images):
    """Of the first class, which lies first, the model is right about every image: nothing is to be seen there."""
    labels = labels_of(len(images))
    first = images[labels == 0][:1].expand(250, -1, -1, -1)
    others = images[labels != 0].repeat(3, 1, 1, 1)
    truth = torch.cat([torch.zeros(250, dtype=torch.long), labels[labels != 0].repeat(3)])
    assert finding(found(Narrow().eval(), torch.cat([first, others]), truth), "normalisation").serious


def test_images_that_are_not_normalised_as_in_training(images):
    class Bytes(nn.Module):
        def forward(self, images):
            return 10 * (images[:, :, 0, :CLASSES].mean(1) - 100).relu() + torch.tensor([0.5, 0.0, 0.0])

    said = finding(found(Bytes().eval(), images), "normalisation")
    assert said.text.startswith("the model seems to ask for pixels from 0 to 255, and is given 0 to 1")


def test_labels_that_are_shifted(images):
    said = finding(found(Brightest().eval(), images, (labels_of(60) + 1) % CLASSES), "order of classes")
    assert said.text.startswith("labels seem to be shifted by +1: clean accuracy is 0.000, and would be 1.000")


def test_classes_in_another_order(images):
    swapped = torch.tensor([1, 0, 2])[labels_of(60)]
    said = finding(found(Brightest().eval(), images, swapped, classes=["cat", "dog", "owl"]), "order of classes")
    assert "another order than the model's (cat is answered as dog, dog is answered as cat)" in said.text
    assert "clean accuracy is 0.333, and would be 1.000" in said.text


def test_what_is_not_normalised_is_not_taken_for_another_order(images):
    """Without the normalisation half of the images of two classes are taken for each other, as in another order."""

    class Confused(nn.Module):
        def forward(self, images):
            first = images[:, :, 0, :CLASSES].mean(1)
            wrong = (images.amin((1, 2, 3)) >= 0) & (images[:, 0, 3, 3] > 0.1)  # not normalised
            return 10 * torch.where(wrong[:, None], first[:, [1, 0, 2]], first)

    said = found(Confused().eval(), images).findings
    assert [one.name for one in said if one.serious] == ["normalisation"]
    assert "and 1.000 otherwise" in said[-1].text


def test_a_model_that_guesses_is_no_matter_of_order(images):
    class Guess(nn.Module):
        def forward(self, images):
            return (images.flatten(1)[:, 5 : 5 + CLASSES] * 1e3).sin()

    said = finding(found(Guess().eval(), images), "near chance")
    assert "the weights may be of another network or data set" in said.text


def test_probabilities(images):
    plain = found(Brightest().eval(), images)
    result = found(Brightest(lambda logits: logits.softmax(1)).eval(), images)
    assert "their logarithm is taken in place of logits" in finding(result, "probabilities").text
    assert np.array_equal(result.right("fgsm"), plain.right("fgsm"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda logits: logits[:, 0], r"model: gives one number per image \[60\]; .*torch.cat\(\[-z, z\], 1\)"),
        (lambda logits: logits[:, :1], r"model: gives one number per image \[60, 1\]"),
        (lambda logits: logits[:, :, None], r"gives torch.float32 \[60, 3, 1\] for 60 images; .* logits \[60, K\]"),
        (lambda logits: logits[:30], r"gives torch.float32 \[30, 3\] for 60 images"),
        (lambda logits: "cat", "model: gives str, in which its logits cannot be told; wrap it in a module"),
        (
            lambda logits: {"a": logits, "b": logits},
            r"model: gives a dict \(a, b\), in which its logits cannot be told",
        ),
        (lambda logits: logits[:, :2], "labels: must be below 2, the number of the model's logits, got 2"),
        (lambda logits: logits * torch.nan, "model: its logits are not finite"),
    ],
)
def test_answers_that_are_no_logits(images, change, message):
    with pytest.raises(ValueError, match=message) as raised:
        found(Brightest(change).eval(), images)
    assert "\n" not in str(raised.value)


def test_logits_of_other_classes(images):
    with pytest.raises(ValueError, match=r"model: gives 3 logits, the images have 4 classes \(a, b, c, \.\.\.\)"):
        found(Brightest().eval(), images, classes=list("abcd"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda logits: (logits, "more"), "a tuple of 2; its logits are taken from 0"),
        (lambda logits: {"logits": logits, "aux": logits}, "a dict (logits, aux); its logits are taken from 'logits'"),
        (lambda logits: {"head": logits, "loss": torch.zeros(())}, "its logits are taken from 'head'"),
    ],
)
def test_logits_among_other_outputs(images, change, said):
    result = found(Brightest(change).eval(), images)
    assert said in finding(result, "output").text
    assert np.array_equal(result.right("fgsm"), found(Brightest().eval(), images).right("fgsm"))


def test_randomness(images):
    said = finding(found(Brightest(lambda z: z + torch.randn_like(z)).eval(), images), "randomness")
    assert said.serious
    assert "it draws at random, attacks chase one draw, and its robustness is overestimated" in said.text


@pytest.mark.parametrize("change", [torch.Tensor.detach, lambda logits: (logits * 10).round()])
def test_without_a_gradient_there_are_black_box_attacks_only(images, change):
    result = found(Brightest(change).eval(), images, attacks=["fgsm", "noise"])
    assert "attacks without gradients only, which are weaker" in finding(result, "no gradient").text
    assert finding(result, "attacks").text == (
        "left out for want of a gradient: fgsm; black-box attacks only: noise, square-1000"
    )
    assert [*result.kinds] == ["clean", "noise", "square-1000"]


def test_an_argmax_inside(images):
    result = found(Brightest(lambda logits: logits.argmax(1)).eval(), images, attacks=["noise"])
    assert "attacks see no more than right or wrong" in finding(result, "classes").text
    assert result.overall.loc["clean", "accuracy"] == 1


def test_images_of_a_size_that_the_model_does_not_take(images):
    class Picky(nn.Module):
        def forward(self, images):
            assert images.shape[2] == 224, "Input height (4) does not match model (224)."

    for model, said in (
        (nn.Sequential(nn.Flatten(), nn.Linear(7, CLASSES)), "mat1 and mat2"),
        (Picky(), "Input height"),
    ):
        with pytest.raises(ValueError, match=rf"model: it cannot be shown images of 3×4×4 on cpu: {said}") as raised:
            found(model.eval(), images)
        assert "\n" not in str(raised.value)
