"""Annotation: which slices, what they say, and where a file's voxels lie on the image's grid."""

import numpy as np
import pytest

from ifss_keras.core.errors import GeometryError, InputError
from ifss_keras.volumes.annotation import Annotation, read_annotation
from ifss_keras.volumes.drawn_axis import annotated_axis
from ifss_keras.volumes.io import read_volume

IMAGE_SHAPE = (5, 7, 11)  # as stored: i, j, k


def labels_on(slices, seed=0):
    """(11, 7, 5) slice, row, column: codes 1 and 4 at random on the given slices."""
    labels = np.zeros(IMAGE_SHAPE[::-1], np.uint8)
    rng = np.random.default_rng(seed)
    for index in slices:
        labels[index] = rng.choice([0, 1, 4], labels.shape[1:])
    return labels


@pytest.fixture
def image(tmp_path, write_stored, oblique_affine):
    stored = np.random.default_rng(1).integers(0, 255, IMAGE_SHAPE, np.uint8)
    return read_volume(write_stored(tmp_path / "image.nii.gz", stored, oblique_affine))


def saved(folder, write_stored, labels, affine, first=(0, 0, 0), name="refs.nrrd"):
    """Writes (slice, row, column) labels as a grid whose first voxel (i, j, k) of the image is `first`."""
    moved = affine.copy()
    moved[:, 3] = affine @ (*first, 1)
    return write_stored(folder / name, np.ascontiguousarray(labels.transpose(2, 1, 0)), moved)


def test_only_annotated_slices_are_held():
    labels = labels_on([2, 7, 10])
    references = Annotation.from_array(labels, names={4: "GM"})
    assert references.slices.tolist() == [2, 7, 10]
    np.testing.assert_array_equal(references.masks, labels[[2, 7, 10]])
    assert references.names == {1: "1", 4: "GM"}
    assert references.codes == (1, 4)
    assert not references.complete


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(("slices", "plain"), [((1, 5, 9, 12), True), ((4,), True), ((4, 5, 6, 7, 8, 9), False)])
def test_the_annotation_is_along_the_axis_of_its_single_slices(axis, slices, plain):
    labels = np.zeros((14, 15, 16), np.uint8)
    for index in slices:
        labels[index, 3:8, 2:12], labels[index, 9:, 3:13] = 1, 4
    references = Annotation.from_array(np.moveaxis(labels, 0, axis))
    assert annotated_axis(references) == (axis if plain else 0)


def test_slices_to_keep_need_a_label():
    references = Annotation.from_array(labels_on([2, 7, 10]), keep_slices=[10, 3, 2, 10])
    assert references.slices.tolist() == [2, 10]
    with pytest.raises(InputError, match="no annotated slice"):
        Annotation.from_array(labels_on([2]), keep_slices=[3])
    with pytest.raises(InputError, match="0 to 10"):
        Annotation.from_array(labels_on([2]), keep_slices=[11])


def three_slices():
    """Slice 1 holds 1 and 4, slice 3 only 4, slice 5 only 1."""
    labels = np.zeros((6, 2, 3), np.uint16)
    labels[1] = [[1, 4, 0], [0, 4, 4]]
    labels[3] = [[0, 0, 4], [0, 0, 0]]
    labels[5] = [[1, 1, 0], [0, 0, 0]]
    return labels


def test_a_slice_of_other_labels_says_only_that_their_voxels_are_not_this_one():
    one = Annotation.from_array(three_slices(), {1: "SOL"}).for_label(1)
    assert (one.code, one.name) == (1, "SOL")
    assert sorted(one.masks) == [1, 5]
    np.testing.assert_array_equal(one.masks[1], [[True, False, False], [False, False, False]])
    np.testing.assert_array_equal(one.masks[5], [[True, True, False], [False, False, False]])
    assert sorted(one.excluded) == [3]
    np.testing.assert_array_equal(one.excluded[3], [[False, False, True], [False, False, False]])


def test_complete_annotations_say_that_a_missing_label_is_absent():
    one = Annotation.from_array(three_slices(), complete=True).for_label(1)
    assert sorted(one.masks) == [1, 3, 5]
    assert one.masks[3].shape == (2, 3)
    assert not one.masks[3].any()
    assert one.masks[5].sum() == 2
    assert one.excluded == {}


def test_an_absent_label_is_refused_with_those_present():
    with pytest.raises(InputError, match=r"label 9 .* expected one of 1 \(SOL\), 4;"):
        Annotation.from_array(three_slices(), {1: "SOL"}).for_label(9)


@pytest.mark.parametrize("labels", [np.zeros((3, 4, 5)), np.zeros((4, 5), int)])
def test_labels_that_are_no_integer_volume_are_refused(labels):
    with pytest.raises(InputError, match="integers"):
        Annotation.from_array(labels)


@pytest.mark.parametrize("name", ["refs.nii.gz", "refs.mha", "refs.nrrd"])
def test_references_in_any_format_lie_on_the_image(image, tmp_path, write_stored, oblique_affine, name):
    labels = labels_on([0, 4, 9])
    path = saved(tmp_path, write_stored, labels, oblique_affine, name=name)
    references = read_annotation(path, image, names={4: "GL"}, complete=True)
    assert references.slices.tolist() == [0, 4, 9]
    np.testing.assert_array_equal(references.masks, labels[[0, 4, 9]])
    assert references.names == {1: "1", 4: "GL"}
    assert references.complete


@pytest.mark.parametrize("axis", [0, 1])
def test_references_follow_the_axis_of_the_image(tmp_path, write_stored, oblique_affine, axis):
    stored = np.random.default_rng(1).integers(0, 255, IMAGE_SHAPE, np.uint8)
    image = read_volume(write_stored(tmp_path / "image.mha", stored, oblique_affine), axis=axis)
    labels = np.zeros(IMAGE_SHAPE, np.uint8)
    plane = labels[(slice(None),) * axis + (3,)]
    plane[:] = np.arange(plane.size).reshape(plane.shape) % 31
    references = read_annotation(write_stored(tmp_path / "r.nii", labels, oblique_affine), image)
    assert references.slices.tolist() == [3]
    expected = labels[3].T if axis == 0 else labels[:, 3].T
    np.testing.assert_array_equal(references.masks[0], expected)


def test_a_cropped_file_is_put_where_it_belongs(image, tmp_path, write_stored, oblique_affine):
    labels = labels_on([3, 5])
    labels[:, :2], labels[:, :, 4:] = 0, 0
    cropped = labels[3:6, 2:7, 0:4]
    path = saved(tmp_path, write_stored, cropped, oblique_affine, first=(0, 2, 3))
    references = read_annotation(path, image)
    assert references.slices.tolist() == [3, 5]
    np.testing.assert_array_equal(references.masks, labels[[3, 5]])


def test_a_single_slice_is_enough(image, tmp_path, write_stored, oblique_affine):
    labels = labels_on([8])
    path = saved(tmp_path, write_stored, labels[8:9], oblique_affine, first=(0, 0, 8))
    references = read_annotation(path, image)
    assert references.slices.tolist() == [8]
    np.testing.assert_array_equal(references.masks[0], labels[8])


def test_a_file_may_reach_beyond_the_image_where_it_is_empty(image, tmp_path, write_stored, oblique_affine):
    labels = labels_on([0, 10])
    padded = np.pad(labels, ((2, 1), (3, 0), (1, 2)))
    path = saved(tmp_path, write_stored, padded, oblique_affine, first=(-1, -3, -2))
    references = read_annotation(path, image)
    assert references.slices.tolist() == [0, 10]
    np.testing.assert_array_equal(references.masks, labels[[0, 10]])


@pytest.mark.parametrize(
    ("voxel", "word"),
    [((13, 4, 2), "slices"), ((1, 4, 2), "slices"), ((5, 0, 2), "rows"), ((5, 4, 0), "columns")],
)
def test_labels_beyond_the_image_are_refused(image, tmp_path, write_stored, oblique_affine, voxel, word):
    padded = np.pad(labels_on([0, 10]), ((2, 1), (3, 0), (1, 2)))
    padded[voxel] = 1
    path = saved(tmp_path, write_stored, padded, oblique_affine, first=(-1, -3, -2))
    with pytest.raises(GeometryError, match=word):
        read_annotation(path, image)


def test_a_file_beside_the_image_is_refused(image, tmp_path, write_stored, oblique_affine):
    path = saved(tmp_path, write_stored, labels_on([2]), oblique_affine, first=(50, 0, 0))
    with pytest.raises(GeometryError, match="columns 50 to 54"):
        read_annotation(path, image)


@pytest.mark.parametrize(
    ("column", "factor", "word"), [(0, -1.0, "direction"), (2, 1.02, "spacing"), (3, 1.003, "origin")]
)
def test_another_grid_is_refused(image, tmp_path, write_stored, oblique_affine, column, factor, word):
    affine = oblique_affine.copy()
    affine[:3, column] *= factor
    path = write_stored(tmp_path / "refs.nrrd", np.ones(IMAGE_SHAPE, np.uint8), affine)
    with pytest.raises(GeometryError, match=f"refs.nrrd lies on another grid: expected .*{word}"):
        read_annotation(path, image)


def test_an_overridden_spacing_does_not_move_the_references(tmp_path, write_stored, oblique_affine):
    path = write_stored(tmp_path / "image.nii", np.zeros(IMAGE_SHAPE, np.uint8), oblique_affine)
    image = read_volume(path, spacing_mm=(9.0, 9.0, 9.0))
    refs = saved(tmp_path, write_stored, labels_on([6]), oblique_affine)
    assert read_annotation(refs, image).slices.tolist() == [6]


def test_a_file_without_labels_is_refused(image, tmp_path, write_stored, oblique_affine):
    path = saved(tmp_path, write_stored, labels_on([]), oblique_affine)
    with pytest.raises(InputError, match="no annotated slice"):
        read_annotation(path, image)


def test_naming_an_absent_label_is_refused(image, tmp_path, write_stored, oblique_affine):
    path = saved(tmp_path, write_stored, labels_on([6]), oblique_affine)
    with pytest.raises(InputError, match=r"label 100 is not in .*refs.nrrd: expected one of 1, 4;"):
        read_annotation(path, image, names={100: "SOL"})


def test_real_labels_are_references_of_their_image(test_data):
    image = read_volume(test_data / "spleen_ct" / "image.nii.gz")
    references = read_annotation(test_data / "spleen_ct" / "label.nii.gz", image, names={1: "spleen"})
    assert len(references.slices) == 20
    assert references.names == {1: "spleen"}
    cord = read_volume(test_data / "spinal_cord_mri" / "image.nii.gz", axis=1)
    assert cord.array.shape[0] == 55
    assert len(read_annotation(test_data / "spinal_cord_mri" / "label.nii.gz", cord).slices) == 55


def test_an_image_of_few_greys_is_no_annotation_of_itself(tmp_path, write_stored, oblique_affine):
    stored = np.random.default_rng(1).integers(0, 9, IMAGE_SHAPE, np.uint8)
    path = write_stored(tmp_path / "image.mha", stored, oblique_affine)
    with pytest.raises(InputError, match="the image's own grey values"):
        read_annotation(path, read_volume(path))
