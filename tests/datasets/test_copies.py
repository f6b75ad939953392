"""Working copies: what is in them, when they are made again, and how damage is told."""

import json
import os
import shutil

import numpy as np
import pytest
from scipy.io import savemat

from ifss_keras.core.errors import GeometryError, InputError
from ifss_keras.core.records import sha256_of
from ifss_keras.datasets import copies
from ifss_keras.datasets.copies import copy_name, make_copies
from ifss_keras.datasets.inspection import inspect_case
from ifss_keras.datasets.listing import Case, read_dataset
from ifss_keras.datasets.working_copy import open_copy, runs
from ifss_keras.propagation.intensity import IntensityRange
from tests.datasets.lab import AFFINE, SPACING_MM, leg_3d_us, stored, volume, write_pair


@pytest.fixture
def case(tmp_path, write_stored):
    """One leg and its arrays."""
    arrays = leg_3d_us(write_stored, tmp_path / "legs", (1,))[1]
    return read_dataset(tmp_path / "legs").cases[0], *arrays


def made(folder, *cases):
    return make_copies(cases, folder)


def snapshot(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("extension", [".mha", ".nii.gz", ".nrrd"])
def test_a_copy_holds_8_bit_voxels_slice_first(tmp_path, write_stored, extension):
    paths = tmp_path / f"leg{extension}", tmp_path / f"leg_mask{extension}"
    image, labels = write_pair(write_stored, *paths, 3)
    (copy,) = made(tmp_path / "copies", *read_dataset(tmp_path).cases)
    for found, expected in ((copy.image, image), (copy.labels, labels)):
        assert isinstance(found, np.memmap)
        assert (found.dtype, found.flags.c_contiguous) == (np.uint8, True)
        np.testing.assert_array_equal(found, expected)
    assert copy.spacing_mm == pytest.approx(SPACING_MM)
    assert {code: at.tolist() for code, at in copy.held.items()} == {100: [*range(1, 13)], 150: [*range(2, 11)]}
    assert copy.codes == {100: 100, 150: 150}
    assert copy.names == {}
    assert copy.is_intact()
    assert (copy.facts["subject"], copy.facts["intensity"]) == ("leg", None)


def test_other_grey_values_are_mapped_from_their_range_and_no_number_is_0(tmp_path, write_stored):
    image, labels = volume(0)
    wide = image.astype(np.float32) * 40 - 1000
    wide[3, 4, 5], wide[3, 4, 6] = np.nan, np.inf
    write_stored(tmp_path / "leg.nii.gz", stored(wide), AFFINE)
    write_stored(tmp_path / "leg_mask.nii.gz", stored(labels), AFFINE)
    (copy,) = made(tmp_path / "copies", *read_dataset(tmp_path).cases)
    intensity = IntensityRange.from_volume(wide)
    expected = np.clip((wide.astype(float) - intensity.low) / (intensity.high - intensity.low), 0, 1) * 255
    expected[~np.isfinite(wide)] = 0
    assert np.abs(copy.image - expected).max() <= 0.5001
    assert copy.image.max() == 255
    assert copy.facts["intensity"] == [intensity.low, intensity.high]


def test_codes_above_255_get_others_which_are_told(tmp_path, write_stored):
    _, labels = write_pair(write_stored, tmp_path / "a.mha", tmp_path / "a_mask.mha", 0, codes=(300, 7))
    (copy,) = made(tmp_path / "copies", *read_dataset(tmp_path).cases)
    assert copy.codes == {1: 7, 2: 300}
    np.testing.assert_array_equal(np.array([0, 7, 300])[copy.labels], labels)
    assert {code: len(at) for code, at in copy.held.items()} == {1: 9, 2: 12}


def test_a_whole_copy_of_the_same_files_stays_and_any_other_is_made_again(tmp_path, case, monkeypatch):
    leg, image, _ = case
    (copy,) = made(tmp_path / "copies", leg)
    asked, write = [], copies.write_copy
    monkeypatch.setattr(copies, "write_copy", lambda *arguments: asked.append(1) or write(*arguments))
    before = snapshot(tmp_path / "copies")
    made(tmp_path / "copies", leg)
    os.utime(leg.image)  # another time, the same content
    made(tmp_path / "copies", leg)
    assert not asked
    for name in ("image.npy", "labels.npy", "copy.json"):
        content = (copy.folder / name).read_bytes()
        (copy.folder / name).write_bytes(content[:-9])
        assert len(made(tmp_path / "copies", leg)) == 1
        (copy.folder / name).write_bytes(
            content[:-3] + bytes(255 - byte for byte in content[-3:])
        )  # of the right length
        np.testing.assert_array_equal(made(tmp_path / "copies", leg)[0].image, image)
        (copy.folder / name).unlink()
        made(tmp_path / "copies", leg)
    assert len(asked) == 9
    mended = snapshot(tmp_path / "copies")
    assert {name: mended[name] for name in mended if name.endswith(".npy")} == {
        name: before[name] for name in before if name.endswith(".npy")
    }
    shutil.copy(leg.labels, leg.image)  # another content
    np.testing.assert_array_equal(made(tmp_path / "copies", leg)[0].image, case[2])
    assert len(asked) == 10


@pytest.mark.parametrize("damage", ["{", "[]", '{"version": 0}', '{"version": 1}'])
def test_a_damaged_copy_is_one_sentence(tmp_path, case, damage):
    (copy,) = made(tmp_path / "copies", case[0])
    (copy.folder / "copy.json").write_text(damage)
    with pytest.raises(InputError, match="is damaged or of another version of ifss: delete the folder"):
        open_copy(copy.folder)
    with pytest.raises(InputError, match="is damaged"):
        open_copy(tmp_path / "nowhere")


def test_names_are_for_people_and_never_the_same(tmp_path):
    one, other = (Case("P 1/ä", tmp_path / name / "x.nii.gz", tmp_path / name / "y.mha") for name in "ab")
    assert copy_name(one) != copy_name(other)
    assert copy_name(one).startswith("P_1_x-")


def test_image_and_labels_on_two_grids_are_refused_and_leave_nothing(tmp_path, write_stored):
    image, labels = volume(0)
    shifted = AFFINE.copy()
    shifted[2, 3] += 1.5
    write_stored(tmp_path / "leg.mha", stored(image), AFFINE)
    write_stored(tmp_path / "leg_mask.mha", stored(labels), shifted)
    with pytest.raises(GeometryError, match=r"leg_mask.mha lies on another grid: .* save it on the grid of .*leg.mha"):
        made(tmp_path / "copies", *read_dataset(tmp_path).cases)
    assert list((tmp_path / "copies").iterdir()) == []


def test_a_disk_without_room_is_told_before_anything_is_made(tmp_path, case, monkeypatch):
    needed = 2 * 14 * 20 * 24 + 100_000_000
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=needed - 1))
    with pytest.raises(InputError, match=r"take 1.34e-05 GB: expected that much and 0.1 GB more on its disk"):
        made(tmp_path / "copies", case[0])
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=needed))
    assert len(made(tmp_path / "copies", case[0])) == 1


def test_a_missing_file_is_told(tmp_path, case):
    case[0].labels.unlink()
    with pytest.raises(InputError, match=r"masksX1.mha does not exist: expected a file of the subject 1"):
        made(tmp_path / "copies", case[0])


def test_runs_are_first_and_last():
    assert runs(np.array([1, 2, 3, 7, 9, 10])) == [[1, 3], [7, 7], [9, 10]]
    assert runs(np.array([], int)) == []


def test_nothing_in_a_copy_says_when_it_was_made(tmp_path, case):
    first, second = (made(tmp_path / name, case[0])[0] for name in ("a", "b"))
    assert snapshot(first.folder) == snapshot(second.folder)
    assert json.loads((first.folder / "copy.json").read_text())["shape"] == [14, 20, 24]


def test_the_arrays_of_a_mat_file_are_copied(tmp_path):
    image, labels = volume(3)
    content = {"image": image.transpose(1, 2, 0), "drawn": labels.transpose(1, 2, 0), "spacing": (0.3, 0.2, 1.5)}
    savemat(tmp_path / "leg.mat", content)
    (tmp_path / "data.csv").write_text("subject,image,labels\nleg,leg.mat:image,leg.mat:drawn\n")
    case = read_dataset(tmp_path / "data.csv").cases[0]
    (copy,) = made(tmp_path / "copies", case)
    np.testing.assert_array_equal(copy.image, image)
    np.testing.assert_array_equal(copy.labels, labels)
    assert copy.spacing_mm == pytest.approx(SPACING_MM)
    assert list(copy.facts["sources"]) == [os.path.realpath(tmp_path / "leg.mat")]
    before = snapshot(tmp_path / "copies")
    made(tmp_path / "copies", case)
    assert snapshot(tmp_path / "copies") == before
    facts, findings = inspect_case(case)
    assert findings == []
    assert facts.sha256 == f"{sha256_of(tmp_path / 'leg.mat')}:image"
