"""How slices are turned: a marked body, stored in all 48 ways, is always shown alike."""

from dataclasses import replace
from itertools import permutations, product

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from ifss_keras.report.orientation import AS_STORED, View
from ifss_keras.volumes.io import read_volume
from ifss_keras.volumes.volume import Source, Volume

PLANES = {"S": ("A", "L", "P", "R"), "A": ("S", "L", "I", "R"), "R": ("S", "P", "I", "A")}  # by the axis of the slices
STORED_WAYS = [(order, signs) for order in permutations(range(3)) for signs in product((1, -1), repeat=3)]


def body():
    """(R, A, S): brighter to the left, the front and the head, so that every view of it tells its sides."""
    right, front, head = np.meshgrid(*(np.arange(size) for size in (5, 6, 7)), indexing="ij")
    return (-right + 10.0 * front + 100.0 * head).astype(np.float32)


def stored(order, signs, axis=2, tilt=None):
    """The body with stored axis k along direction `order[k]`, against it where `signs[k]` is -1."""
    array = body().transpose(order)[tuple(slice(None, None, sign) for sign in signs)]
    affine = np.zeros((4, 4))
    affine[3, 3] = 1
    for place, (direction, sign) in enumerate(zip(order, signs, strict=True)):
        affine[direction, place] = 1.5 * sign
    if tilt is not None:
        affine[:3, :3] = tilt @ affine[:3, :3]
    return Volume.from_stored(array, affine, Source(axis=axis, oriented=True))


@pytest.mark.parametrize(("order", "signs"), STORED_WAYS)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_are_shown_as_radiologists_see_them(order, signs, axis):
    volume = stored(order, signs, axis)
    view, along = View.of(volume), "RAS"[order[axis]]
    assert (view.top, view.right, view.bottom, view.left) == PLANES[along]
    assert view.first + view.last == {"R": "LR", "A": "PA", "S": "IS"}[along][:: signs[axis]]
    shown = view.turned(volume.array[0])
    down = {"P": -10, "I": -100}[view.bottom]
    right = {"L": 1, "P": -10}[view.right]
    np.testing.assert_allclose(np.diff(shown, axis=0), down)
    np.testing.assert_allclose(np.diff(shown, axis=1), right)


def test_sizes_follow_the_turn():
    assert View(transposed=True).spacing_mm(0.5, 2.0) == (2.0, 0.5)
    assert AS_STORED.spacing_mm(0.5, 2.0) == (0.5, 2.0)


def turned_about_the_feet(degrees):
    angle = np.deg2rad(degrees)
    return np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])


@pytest.mark.parametrize(("degrees", "top", "left"), [(10, "A", "R"), (30, "AL", "RA"), (-30, "AR", "RP")])
def test_an_oblique_slice_has_the_letters_of_both_directions(degrees, top, left):
    view = View.of(stored((0, 1, 2), (-1, -1, 1), tilt=turned_about_the_feet(degrees)))
    assert (view.top, view.left) == (top, left)


def test_unknown_stays_as_it_is_stored():
    volume = stored((0, 1, 2), (1, 1, 1))
    assert View.of(replace(volume, source=Source())) == AS_STORED
    assert View.of(Volume.from_array(body(), (1, 1, 1))) == AS_STORED
    assert not AS_STORED.known
    assert {AS_STORED.top, AS_STORED.right, AS_STORED.bottom, AS_STORED.left} == {"?"}
    plane = np.arange(6).reshape(2, 3)
    np.testing.assert_array_equal(AS_STORED.turned(plane), plane)


def itk_image(direction):
    image = sitk.GetImageFromArray(body())
    image.SetDirection(np.ravel(direction).tolist())
    return image


@pytest.mark.parametrize("extension", ["mha", "nrrd", "nii.gz"])
def test_a_file_with_the_axes_that_programs_write_when_they_know_nothing_is_not_believed(extension, tmp_path):
    for name, direction, known in (("plain", np.eye(3), False), ("turned", np.diag([-1, 1, -1]), True)):
        path = tmp_path / f"{name}.{extension}"
        sitk.WriteImage(itk_image(direction), str(path))
        assert read_volume(path).source.oriented is known


def test_a_nrrd_in_a_space_that_is_not_the_bodys_is_not_believed(tmp_path):
    path = tmp_path / "a.nrrd"
    sitk.WriteImage(itk_image(np.diag([-1, 1, -1])), str(path), useCompression=False)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"space: left-posterior-superior", b"space: scanner-xyz"))
    assert not read_volume(path).source.oriented
    path.write_bytes(content.replace(b"space: left-posterior-superior", b"space: RAS"))
    assert read_volume(path).source.oriented


@pytest.mark.parametrize(("qform", "sform", "known"), [(1, 0, True), (0, 2, True), (4, 4, True), (0, 0, False)])
def test_a_nifti_is_believed_where_one_of_its_forms_has_a_code(qform, sform, known, tmp_path):
    image = nibabel.Nifti1Image(body(), np.diag([1.5, 1.5, 2.0, 1.0]))
    image.set_qform(image.affine, qform)
    image.set_sform(image.affine, sform)
    nibabel.save(image, tmp_path / "a.nii")
    if known:
        assert read_volume(tmp_path / "a.nii").source.oriented
    else:
        assert not read_volume(tmp_path / "a.nii", spacing_mm=(2.0, 1.5, 1.5)).source.oriented
