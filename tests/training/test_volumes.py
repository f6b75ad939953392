"""The volumes of a recipe: synthetic, a lab's own, and both."""

from types import SimpleNamespace

import numpy as np
import pytest

from ifss_keras.core.errors import InputError
from ifss_keras.training import volumes
from ifss_keras.training.examples.corpus import save_volume
from ifss_keras.training.examples.mixed import drawn_volume
from ifss_keras.training.parts import Corpus
from ifss_keras.training.recipe import recipe_from
from ifss_keras.training.volumes import training_volumes
from tests.datasets.lab import SPACING_MM, leg_3d_us


def test_volumes_are_made_once_in_the_folder_asked_for(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(volumes, "make_corpus", lambda *given, **named: asked.append((given, named)) or ["a", "b"])
    made = {"a": SimpleNamespace(extents={1: (0, 9)}), "b": SimpleNamespace(extents={2: (3, 12)})}
    monkeypatch.setattr(volumes, "load_volume", made.get)
    corpus = Corpus(**{"calf": 2, "shapes": 3, "first_seed": 7})
    assert volumes.prepare_volumes(corpus, tmp_path, made=print) == [*made.values()]
    assert asked == [((tmp_path, {"calf": 2, "shapes": 3, "structures": 0}, 7), {"made": print})]


def test_a_volume_without_a_usable_label_is_named(tmp_path):
    image, labels = np.zeros((2, 12, 8, 8), np.uint8)
    labels[:7, 2:5, 2:5] = 1  # in one slice too few
    path = tmp_path / "calf_000001.npz"
    save_volume(path, image, labels, (1.0, 1.0, 1.0))
    with pytest.raises(InputError, match=r"calf_000001\.npz cannot be trained on: expected a label in 8 slices"):
        volumes.prepare_volumes(Corpus(calf=1, first_seed=1), tmp_path)
    labels[7, 2:5, 2:5] = 1
    save_volume(path, image, labels, (1.0, 1.0, 1.0))
    assert volumes.prepare_volumes(Corpus(calf=1, first_seed=1), tmp_path)[0].extents == {1: (0, 7)}


def recipe(path, **changes):
    return recipe_from({"name": "tiny", "data": {"path": str(path), "validation": 0.3}, **changes})


@pytest.fixture
def legs(tmp_path, write_stored):
    """The folder of three legs, and their arrays."""
    folder = tmp_path / "legs"
    return folder, leg_3d_us(write_stored, folder, (1, 2, 3))


def test_a_labs_volumes_are_split_by_subject_and_read_from_their_copies(tmp_path, legs):
    folder, arrays = legs
    training, validation = training_volumes(recipe(folder), tmp_path / "corpus", 3)
    assert (len(training), len(validation)) == (2, 1)
    images = {array.tobytes(): number for number, (array, _) in arrays.items()}
    found = [images[np.asarray(volume.image).tobytes()] for volume in [*training, *validation]]
    assert sorted(found) == [1, 2, 3]
    for number, volume in zip(found, [*training, *validation], strict=True):
        np.testing.assert_array_equal(volume.labels, arrays[number][1])
        assert isinstance(volume.image, np.memmap)
        assert volume.spacing_mm == pytest.approx(SPACING_MM)
        assert volume.extents == {100: (1, 12), 150: (2, 10)}
    assert [path.name for path in (tmp_path / "corpus").iterdir()] == ["data"]


def test_labels_are_those_of_the_recipe_by_name(tmp_path, legs):
    folder, arrays = legs
    training, _ = training_volumes(recipe(folder, labels={7: "gm"}), tmp_path, 3)
    assert [volume.extents for volume in training] == [{7: (2, 10)}] * 2
    truths = [np.where(labels == 150, 7, 0).tobytes() for _, labels in arrays.values()]
    assert all(np.asarray(volume.labels, np.int64).tobytes() in truths for volume in training)
    with pytest.raises(InputError, match=r"has nothing to train on: expected 9 \(VL\) in 8 slices or more"):
        training_volumes(recipe(folder, labels={9: "VL", 100: "SOL"}), tmp_path, 3)


def test_negatives_are_known_by_name_too(tmp_path, legs):
    plan = recipe(legs[0], model="UNet3D", labels={1: "SOL"}, negatives={"labels": {2: "GM"}}, slices=2)
    training, _ = training_volumes(plan, tmp_path, 1)
    labels = np.asarray(training[0].labels)
    assert sorted(np.unique(labels)) == [0, 1, 2]
    assert training[0].extents == {1: (1, 12), 2: (2, 10)}


def test_a_volume_that_is_shorter_than_a_clip_is_refused(tmp_path, legs):
    plan = recipe(legs[0], clips={"windows": 13, "gap": (4, 8), "rollout": (0, 1)})
    with pytest.raises(InputError, match=r"x\d\.mha has 14 slices: expected 15 or more, which a clip of 13 windows"):
        training_volumes(plan, tmp_path, 3)


def test_both_kinds_are_mixed_by_the_share(tmp_path, legs, moving_disc, monkeypatch):
    monkeypatch.setattr(volumes, "prepare_volumes", lambda corpus, folder, made: [moving_disc] * corpus.volumes)
    synthetic = {"training": {"calf": 4, "first_seed": 1}, "validation": {"calf": 3, "first_seed": 9}}
    plan = recipe(legs[0], data={"path": str(legs[0]), "share": 0.25}, **synthetic)
    training, validation = training_volumes(plan, tmp_path, 3)
    assert [(len(part.own), len(part.synthetic), part.share) for part in (training, validation)] == [
        (2, 4, 0.25),
        (1, 3, 0.25),
    ]
    rng = np.random.default_rng(0)
    own = sum(drawn_volume(rng, training) is not moving_disc for _ in range(4000))
    assert own / 4000 == pytest.approx(0.25, abs=4 * np.sqrt(0.25 * 0.75 / 4000))
    assert len(list(training)) == len(training) == 6


def test_without_data_a_volume_is_drawn_with_the_same_random_number_as_ever():
    many, rng, again = list(range(7)), np.random.default_rng(5), np.random.default_rng(5)
    assert [drawn_volume(rng, many) for _ in range(50)] == [many[int(again.integers(7))] for _ in range(50)]


def test_a_validation_without_a_label_is_refused_and_volumes_without_one_are_left_out(tmp_path, write_stored):
    leg_3d_us(write_stored, tmp_path / "train", (1, 2))
    leg_3d_us(write_stored, tmp_path / "val", (3,), codes=(7, 8))
    with pytest.raises(InputError, match="has nothing to validate on: expected a label in 8 slices or more"):
        training_volumes(recipe(tmp_path, labels={1: "SOL"}), tmp_path / "corpus", 3)
    leg_3d_us(write_stored, tmp_path / "train", (4,), codes=(7, 8))
    leg_3d_us(write_stored, tmp_path / "val", (5,))
    training, validation = training_volumes(recipe(tmp_path, labels={1: "SOL"}), tmp_path / "corpus", 3)
    assert [volume.extents for volume in (*training, *validation)] == [{1: (1, 12)}] * 3


def test_what_the_files_hold_is_all_that_is_known_in_validation_too(tmp_path, legs):
    """A schedule is for training alone; a slice that nobody annotated is known nowhere."""
    training, validation = training_volumes(recipe(legs[0], supervision={"kind": "files"}), tmp_path, 3)
    for volume in [*training, *validation]:
        assert np.flatnonzero(volume.known(150)).tolist() == [*range(2, 11)]
    share = {"kind": "share", "share": 0.5}
    training, validation = training_volumes(recipe(legs[0], supervision=share), tmp_path, 3)
    assert not any(volume.known(150).all() for volume in training)
    assert all(volume.known(150).all() for volume in validation)


def test_a_label_that_is_known_everywhere_is_held_where_it_is(tmp_path, legs):
    (volume, *_), _ = training_volumes(recipe(legs[0]), tmp_path, 3)
    assert np.flatnonzero(volume.held(150)).tolist() == [*range(2, 11)]
