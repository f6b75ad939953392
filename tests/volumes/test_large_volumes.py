"""Volumes that lie in a temporary file: read and written as others, and nothing to do with their own file."""

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from ifss_keras.core import paged
from ifss_keras.core.paged import PagedArray
from ifss_keras.inference.interpolation import predict_by_shape
from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.io import read_labels, read_volume, write_labels, write_volume
from ifss_keras.volumes.volume import Volume

SHAPE = (11, 23, 37)


@pytest.fixture(autouse=True)
def small_limits(monkeypatch):
    """Every array is large, and pages are given back all the time."""
    monkeypatch.setattr(paged, "MOST_HELD_BYTES", 100)
    monkeypatch.setattr(paged, "USED_BYTES", 1)


@pytest.fixture
def stored():
    return np.random.default_rng(0).integers(0, 20_000, SHAPE, np.int16)


def written(path, stored, compressed, big_endian=False):
    """A file of the voxels by other libraries."""
    if ".nii" in path.name:
        header = nibabel.Nifti1Header(endianness=">" if big_endian else "<")
        header.set_data_dtype(np.int16)
        header.set_xyzt_units("mm")
        nibabel.Nifti1Image(stored.transpose(2, 1, 0), np.diag([-0.5, -0.5, 2, 1]), header).to_filename(path)
        return path
    image = sitk.GetImageFromArray(stored)
    image.SetSpacing((0.5, 0.5, 2.0))
    sitk.WriteImage(image, str(path), compressed)
    return path


@pytest.mark.parametrize("name", ["image.nii", "image.nii.gz", "image.mha", "image.mhd", "image.nrrd", "image.nhdr"])
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_same_voxels_are_read(tmp_path, stored, name, compressed, axis):
    volume = read_volume(written(tmp_path / name, stored, compressed), axis=axis)
    assert type(volume.array) is PagedArray
    assert not volume.array.flags.writeable
    order = [2 - place for place in volume.source.stored_order]
    np.testing.assert_array_equal(volume.array, stored.transpose(order))
    for plane, expected in zip(volume.array, stored.transpose(order), strict=True):
        np.testing.assert_array_equal(plane, expected)


def test_voxels_of_the_other_byte_order_are_turned(tmp_path, stored):
    volume = read_volume(written(tmp_path / "image.nii", stored, False, big_endian=True))
    np.testing.assert_array_equal(volume.array, stored)


def test_scaled_values_and_colours_are_paged_too(tmp_path, stored):
    image = nibabel.Nifti1Image(stored.transpose(2, 1, 0), np.diag([-0.5, -0.5, 2, 1]))
    image.header.set_xyzt_units("mm")
    image.header.set_slope_inter(0.5, -3)
    image.to_filename(tmp_path / "scaled.nii")
    on_disk = nibabel.load(tmp_path / "scaled.nii")
    scaled = read_volume(tmp_path / "scaled.nii").array
    assert (type(scaled), scaled.dtype) == (PagedArray, np.float32)
    np.testing.assert_allclose(scaled, on_disk.get_fdata().transpose(2, 1, 0), rtol=1e-6)
    colours = sitk.GetImageFromArray(np.repeat((stored % 251).astype(np.uint8)[..., None], 3, axis=3), isVector=True)
    sitk.WriteImage(colours, str(tmp_path / "colours.mha"))
    grey = read_volume(tmp_path / "colours.mha", spacing_mm=(2.0, 0.5, 0.5)).array
    assert type(grey) is PagedArray
    np.testing.assert_array_equal(grey, stored % 251)


@pytest.mark.parametrize("name", ["image.nii", "image.mha", "image.nrrd"])
def test_a_file_that_is_shortened_or_replaced_changes_nothing(tmp_path, stored, name):
    path = written(tmp_path / name, stored, compressed=False)
    volume = read_volume(path)
    path.write_bytes(b"")  # whoever had mapped the file would end here
    np.testing.assert_array_equal(volume.array, stored)
    write_volume(path, volume.array + 1, volume)
    np.testing.assert_array_equal(volume.array, stored)
    np.testing.assert_array_equal(read_volume(path).array, stored + 1)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".mha", ".nrrd", ".seg.nrrd"])
def test_masks_are_predicted_written_and_read(tmp_path, stored, suffix):
    image = Volume.from_array(stored, (2.0, 0.5, 0.5))
    references = np.zeros(SHAPE, np.uint8)
    references[[1, 9], 5:15, 8:30] = 3
    path = tmp_path / f"references{suffix}"
    write_labels(path, references, image)
    held = read_labels(path, spacing_mm=(2.0, 0.5, 0.5)).array
    assert type(held) is PagedArray
    np.testing.assert_array_equal(held, references)
    prediction = predict_by_shape(image, Annotation.from_array(held))
    assert type(prediction.labels) is PagedArray
    expected = references.copy()
    expected[1:10] = references[1]
    np.testing.assert_array_equal(prediction.labels, expected)
    assert prediction.volumes_ml == {"3": pytest.approx(9 * 10 * 22 * 0.5e-3)}
    prediction.save(path)
    np.testing.assert_array_equal(read_labels(path, spacing_mm=(2.0, 0.5, 0.5)).array, expected)
