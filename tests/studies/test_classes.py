"""Settings that name classes or numbers of them, on a data set that has others."""

import pytest

from friendfoe.studies import settings
from tests.studies.workspaces import params


def adapted(study, test, train=None):
    """The settings of a study as the project has them, and notes, by how many images each class has."""
    kind = settings(study)
    own = {key: value for key, value in params(study).items() if key in kind.model_fields}
    train, test = ({f"c{number}": n for number, n in enumerate(counts)} for counts in (train or [9] * len(test), test))
    return kind.model_validate(own).on_classes(train, test)


@pytest.mark.parametrize("study", ["advprop", "assistive", "classwise", "distillation", "fgsm"])
def test_ten_classes_need_no_change(study):
    own, notes = adapted(study, [9] * 10)
    assert notes == []
    assert own == adapted(study, [1] * 50)[0]


def test_a_gallery_of_classes_that_there_are():
    own, notes = adapted("assistive", [9, 0, 9])
    assert own.gallery == [0, 2]
    assert notes == [
        "The gallery is of the classes c0, c2: not of all that params.yaml names by number (0, 1, 2, 3, 4) are there images."
    ]


def test_a_gallery_of_no_class_that_there_is_takes_the_first_that_is():
    own, _ = adapted("fgsm", [0, 0, 0, 9, 9])
    assert own.gallery == [3]


def test_a_pair_needs_training_and_test_images():
    own, notes = adapted("fgsm", [9, 9, 0, 9, 9, 9, 9, 9], [9, 9, 9, 0, 9, 9, 9, 9])
    assert own.pair == [0, 1]
    assert notes[0].startswith("Logistic regression is of the classes c0, c1")


@pytest.mark.parametrize(("classes", "targets"), [(2, 1), (3, 2), (10, 9), (50, 9)])
def test_as_many_targets_as_wrong_classes(classes, targets):
    own, notes = adapted("distillation", [9] * classes)
    assert own.jsma.targets == targets
    assert any("JSMA" in note for note in notes) == (targets < 9)
    assert any("AutoAttack" in note for note in notes) == (classes < 4)


@pytest.mark.parametrize(("classes", "note"), [(2, "needs a third class"), (3, "leaves out no 2 classes together")])
def test_homing_keeps_two_classes(classes, note):
    assert note in adapted("classwise", [9] * classes)[1][-1]
