"""The corpus: records, files, and what is made again."""

import numpy as np
import pytest

from ifss_keras import synthetic
from ifss_keras.core.errors import InputError
from ifss_keras.propagation.intensity import IntensityRange
from ifss_keras.training.examples import corpus
from ifss_keras.training.examples.corpus import TrainingVolume, load_volume, make_corpus, save_volume, synthetic_phantom


def arrays(seed=0):
    """(20, 5, 7) image and labels: 2 in slices 3 to 17 but 9, 4 in 5 to 11, 6 in 1 to 8 but 4."""
    rng = np.random.default_rng(seed)
    image, labels = rng.integers(0, 255, (20, 5, 7), np.uint8), np.zeros((20, 5, 7), np.uint8)
    labels[3:18, 0], labels[9] = 2, 0
    labels[5:12, 2] = 4
    labels[[1, 2, 3, 5, 6, 7, 8, 9], 4] = 6
    return image, labels


def test_a_record_knows_first_and_last_slice_of_labels_in_at_least_eight():
    image, labels = arrays()
    volume = TrainingVolume.from_arrays(image, labels, [1.5, 0.5, 0.25])
    assert volume.extents == {2: (3, 17), 6: (1, 9)}
    assert volume.spacing_mm == (1.5, 0.5, 0.25)
    assert volume.intensity == IntensityRange.from_volume(image)


def test_labels_that_fill_the_volume_count_too():
    image, labels = arrays()
    assert TrainingVolume.from_arrays(image, np.full_like(labels, 7), (1, 1, 1)).extents == {7: (0, 19)}


def test_a_saved_volume_is_loaded_as_it_was(tmp_path):
    image, labels = arrays()
    save_volume(tmp_path / "one.npz", image, labels, (1.5, 0.1, 1 / 3))
    volume = load_volume(tmp_path / "one.npz")
    np.testing.assert_array_equal(volume.image, image)
    np.testing.assert_array_equal(volume.labels, labels)
    assert volume.spacing_mm == (1.5, 0.1, 1 / 3)
    assert volume.image.dtype == volume.labels.dtype == np.uint8
    assert [path.name for path in tmp_path.iterdir()] == ["one.npz"]


class Phantom:
    spacing_mm = (1.0, 0.5, 0.5)

    def __init__(self, seed):
        self.image, self.labels = arrays(seed)


@pytest.fixture
def asked(monkeypatch):
    """Every (kind, seed) that a phantom was made for; making one is quick."""
    seen = []

    def phantom(kind, seed):
        seen.append((kind, seed))
        return Phantom(seed)

    monkeypatch.setattr(corpus, "synthetic_phantom", phantom)
    return seen


def test_a_corpus_counts_its_seeds_up_and_is_made_once(tmp_path, asked):
    made = []
    paths = make_corpus(tmp_path / "new", {"calf": 2, "shapes": 3}, 40, made=lambda: made.append(None))
    expected = [("calf", 40), ("calf", 41), ("shapes", 40), ("shapes", 41), ("shapes", 42)]
    assert sorted(asked) == expected
    assert [path.name for path in paths] == [f"{kind}_{seed:06d}.npz" for kind, seed in expected]
    assert len(made) == len(paths)
    np.testing.assert_array_equal(load_volume(paths[1]).image, arrays(41)[0])
    assert make_corpus(tmp_path / "new", {"calf": 3}, 40)[:2] == paths[:2]
    assert sorted(asked) == sorted([*expected, ("calf", 42)])


def test_an_interrupted_file_does_not_appear(tmp_path, asked, monkeypatch):
    def broken(file, **arrays):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez_compressed", broken)
    with pytest.raises(OSError, match="disk full"):
        make_corpus(tmp_path, {"calf": 1}, 0)
    assert not list(tmp_path.glob("*.npz"))


def test_an_unknown_kind_is_refused_before_anything_is_made(tmp_path, asked):
    with pytest.raises(InputError, match="received 'thigh'"):
        make_corpus(tmp_path / "new", {"calf": 1, "thigh": 1}, 0)
    assert asked == []
    assert not (tmp_path / "new").exists()


def test_size_and_slices_of_a_phantom_follow_from_its_seed(monkeypatch):
    def sized(seed, *, slices, size):
        return seed, slices, size

    monkeypatch.setattr(synthetic, "calf", lambda *a, ends, **k: sized(*a, **k))
    monkeypatch.setattr(synthetic, "random_shapes", lambda *a, **k: ("shapes", *sized(*a, **k)))
    first = [synthetic_phantom("calf", seed) for seed in range(20)]
    assert first == [synthetic_phantom("calf", seed) for seed in range(20)]
    assert synthetic_phantom("shapes", 3) == ("shapes", *first[3])
    assert {size for _, _, size in first} == {128, 160, 192, 224}
    assert all(110 <= slices <= 220 for _, slices, _ in first)
    assert len({slices for _, slices, _ in first}) > 10


def test_most_calves_taper_and_some_are_blunt(monkeypatch):
    monkeypatch.setattr(synthetic, "calf", lambda seed, *, ends, **sizes: ends)
    ends = [synthetic_phantom("calf", seed) for seed in range(400)]
    assert ends == [synthetic_phantom("calf", seed) for seed in range(400)]
    assert set(ends) == {"tapering", "blunt"}
    assert ends.count("tapering") / 400 == pytest.approx(0.85, abs=0.04)


@pytest.mark.parametrize("kept", [0, 10, -20])
def test_a_damaged_file_is_refused(tmp_path, kept):
    path = tmp_path / "calf_000001.npz"
    save_volume(path, np.zeros((9, 4, 5), np.uint8), np.ones((9, 4, 5), np.uint8), (1, 1, 1))
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"calf_000001.npz is damaged: delete the file"):
        load_volume(path)


def test_a_file_that_cannot_be_finished_leaves_nothing(tmp_path, monkeypatch):
    def full(file, **arrays):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(OSError, match="No space left"):
        save_volume(tmp_path / "one.npz", np.zeros((9, 4, 5), np.uint8), np.ones((9, 4, 5), np.uint8), (1, 1, 1))
    assert not list(tmp_path.iterdir())


def test_memory_mapped_arrays_stay_on_the_disk(tmp_path):
    image, labels = arrays()
    for name, array in (("image", image), ("labels", labels)):
        np.save(tmp_path / f"{name}.npy", array)
    mapped = [np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("image", "labels")]
    volume = TrainingVolume.from_arrays(*mapped, (1.5, 0.5, 0.25))
    assert volume.image is mapped[0]
    assert volume.labels is mapped[1]
    assert volume == TrainingVolume(
        *mapped, (1.5, 0.5, 0.25), IntensityRange.from_volume(image), {2: (3, 17), 6: (1, 9)}
    )
