"""MetaImage and NRRD as written: SimpleITK finds the same voxels at the same place, to the last bit."""

import numpy as np
import pytest
import SimpleITK as sitk

from ifss_keras.volumes.io import write_labels, write_volume
from ifss_keras.volumes.volume import Source, Volume

SUFFIXES = (".mha", ".mhd", ".nrrd", ".nhdr", ".seg.nrrd")
TYPES = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8")
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def oblique(axis, array):
    """A volume whose axes are turned, its slices stored along an axis."""
    turned, _ = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))
    affine = np.eye(4)
    affine[:3, :3] = turned * (1 / 3, 0.7, 1.1)
    affine[:3, 3] = -12.345678901234567, 0.1, 1e-7
    return Volume.from_stored(array.transpose(np.argsort(Source(axis=axis).stored_order)), affine, Source(axis=axis))


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("axis", [0, 2])
@pytest.mark.parametrize("dtype", TYPES)
def test_simpleitk_reads_the_same_voxels_at_the_same_place(tmp_path, suffix, axis, dtype):
    array = np.random.default_rng(0).normal(0, 1000, (5, 2, 7)).astype(dtype)
    volume, path = oblique(axis, array), tmp_path / f"image{suffix}"
    write_volume(path, array, volume)
    image = sitk.ReadImage(str(path))
    found = sitk.GetArrayFromImage(image)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found.transpose(2, 1, 0), volume.to_stored(array))
    lps = LPS @ volume.stored_affine
    direction = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    np.testing.assert_allclose(direction, lps[:3, :3], rtol=1e-14, atol=1e-14)
    np.testing.assert_array_equal(image.GetOrigin(), lps[:3, 3])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_numbers_are_little_endian_whatever_the_array(tmp_path, suffix):
    array = (np.arange(60) * 500).reshape(3, 4, 5).astype(">i2")
    write_volume(tmp_path / f"image{suffix}", array, Volume.from_array(array, (1.0, 0.5, 0.5)))
    found = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / f"image{suffix}")))
    np.testing.assert_array_equal(found, array)


def test_segments_are_told_in_fields_that_simpleitk_reads(tmp_path):
    labels = np.zeros((3, 4, 5), np.uint8)
    labels[1, 1:3, 2:4] = 7
    path = tmp_path / "mask.seg.nrrd"
    volume = Volume.from_array(labels, (1.0, 0.5, 0.5))
    write_labels(path, labels, volume, {7: "Soléaire: droit := a\\b\nc"}, {7: (255, 0, 51)})
    image = sitk.ReadImage(str(path))
    held = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}
    assert held["Segment0_LabelValue"] == "7"
    assert held["Segment0_Color"] == "1.000000 0.000000 0.200000"
    assert held["Segment0_Extent"] == "0 4 0 3 0 2"
    assert held["Segment0_Name"].startswith("Soléaire: droit := a")
    write_volume(path, labels, volume)  # an image has no segments
    image = sitk.ReadImage(str(path))
    assert not any(key.startswith("Segment") for key in image.GetMetaDataKeys())
