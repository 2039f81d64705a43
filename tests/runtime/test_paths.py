"""Where things are kept: what counts as a replicate."""

from friendfoe.runtime import paths


def test_replicates_are_counted_without_their_last_weights(tmp_path):
    folder = tmp_path / "model"
    assert paths.replicates(folder) == 0
    folder.mkdir()
    for number in range(2):
        paths.replicate(folder, number).touch()
        paths.last(folder, number).touch()
    (folder / "small").mkdir()  # a variant has replicates of its own
    paths.replicate(folder / "small", 0).touch()
    assert paths.replicates(folder) == 2


def test_nothing_is_kept_twice():
    places = [
        paths.plan("d", "s", "m"),
        paths.prepared("d"),
        paths.perturbed("d", "s", "train", "p"),
        paths.perturbed("d", "s", "test", "p"),
        paths.model("d", "s", "m"),
        paths.soft("d", "s", "m"),
        paths.curve("d", "s", "m"),
        paths.evaluation("d", "s", "m"),
        paths.gradients("d", "s", "m"),
        paths.analysis("d", "s", "m"),
        paths.report("d", "s"),
    ]
    assert len({*places}) == len(places)
    assert not any(one in other.parents for one in places for other in places)
