"""NIfTI's own ways: form codes, units, scaling, byte order; colours in every format."""

import os
import struct

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from ifss_keras.core.errors import InputError
from ifss_keras.volumes.io import read_labels, read_volume, write_labels

SHAPE = (5, 7, 11)  # as stored: i, j, k


@pytest.fixture
def stored():
    return np.random.default_rng(3).integers(-900, 3000, SHAPE).astype(np.int16)


def test_form_codes_and_units_of_a_nifti_image_are_kept(tmp_path, oblique_affine, stored):
    header = nibabel.Nifti1Header()
    header.set_xyzt_units("micron")
    header["descrip"], header["cal_max"] = b"scanner", 80
    micrometres = np.diag([1000, 1000, 1000, 1]) @ oblique_affine
    original = nibabel.Nifti1Image(stored, micrometres, header)
    original.set_qform(micrometres, code=1)
    original.set_sform(micrometres, code=4)
    original.to_filename(tmp_path / "image.nii")
    image = read_volume(tmp_path / "image.nii")
    assert image.spacing_mm == pytest.approx((2.5, 0.8, 0.5), rel=1e-5)
    write_labels(tmp_path / "mask.nii.gz", np.ones_like(image.array), image)
    mask = nibabel.load(tmp_path / "mask.nii.gz")
    assert mask.header.get_xyzt_units()[0] == "micron"
    assert (int(mask.header["qform_code"]), int(mask.header["sform_code"])) == (1, 4)
    np.testing.assert_array_equal(mask.affine, nibabel.load(tmp_path / "image.nii").affine)
    assert mask.header["cal_max"] == 0
    assert mask.header["descrip"].tobytes().strip(b"\0") == b""


def test_values_are_scaled_only_if_the_file_says_so(tmp_path, stored):
    image = nibabel.Nifti1Image(stored, np.eye(4))
    image.header.set_slope_inter(0.5, -10)
    image.to_filename(tmp_path / "scaled.nii.gz")
    on_disk = nibabel.load(tmp_path / "scaled.nii.gz")
    volume = read_volume(tmp_path / "scaled.nii.gz")
    assert volume.array.dtype == np.float32
    np.testing.assert_allclose(volume.array, on_disk.get_fdata().transpose(2, 1, 0), rtol=1e-6)


def test_scaled_labels_are_whole_numbers_again(tmp_path):
    labels = np.random.default_rng(0).integers(0, 5, SHAPE).astype(np.uint8)
    image = nibabel.Nifti1Image(labels, np.eye(4))
    image.header.set_slope_inter(2, 0)
    image.to_filename(tmp_path / "labels.nii")
    array = read_labels(tmp_path / "labels.nii").array
    assert array.dtype == np.uint8
    np.testing.assert_array_equal(array, nibabel.load(tmp_path / "labels.nii").get_fdata().transpose(2, 1, 0))


def test_a_foreign_byte_order_becomes_the_machines(tmp_path, stored):
    nibabel.Nifti1Image(stored, np.eye(4), nibabel.Nifti1Header(endianness=">")).to_filename(tmp_path / "big.nii")
    assert (tmp_path / "big.nii").read_bytes()[:4] == (348).to_bytes(4, "big")
    volume = read_volume(tmp_path / "big.nii")
    assert volume.array.dtype.isnative
    np.testing.assert_array_equal(volume.array, stored.transpose(2, 1, 0))
    write_labels(tmp_path / "mask.nii", np.full(volume.array.shape, 300), volume)
    assert (nibabel.load(tmp_path / "mask.nii").get_fdata() == 300).all()


def test_nifti2_and_trailing_axes_are_accepted(tmp_path, stored):
    nibabel.Nifti2Image(stored[..., None, None], np.eye(4)).to_filename(tmp_path / "five.nii.gz")
    volume = read_volume(tmp_path / "five.nii.gz")
    np.testing.assert_array_equal(volume.array, stored.transpose(2, 1, 0))
    write_labels(tmp_path / "mask.nii.gz", np.ones_like(volume.array), volume)
    assert nibabel.load(tmp_path / "mask.nii.gz").shape == SHAPE


def test_compression_is_told_from_the_content(tmp_path, stored):
    nibabel.Nifti1Image(stored, np.eye(4)).to_filename(tmp_path / "a.nii.gz")
    os.rename(tmp_path / "a.nii.gz", tmp_path / "a.nii")
    np.testing.assert_array_equal(read_volume(tmp_path / "a.nii").array, stored.transpose(2, 1, 0))


def test_colours_become_grey(tmp_path):
    colours = np.random.default_rng(0).integers(0, 256, (*SHAPE, 3)).astype(np.uint8)
    colours[0, 0, 0] = (255, 255, 255)
    colours[1, 0, 0] = (7, 7, 7)
    grey = np.floor(colours @ (0.299, 0.587, 0.114) + 0.5 + 1e-9).transpose(2, 1, 0)
    rgb = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.Nifti1Image(colours.view(rgb)[..., 0], np.eye(4)).to_filename(tmp_path / "a.nii.gz")
    rgba = np.concatenate([colours, np.full((*SHAPE, 1), 9, np.uint8)], axis=3)
    for name, channels in (("b.mha", colours), ("c.nrrd", colours), ("d.mha", rgba), ("e.nrrd", rgba)):
        image = sitk.GetImageFromArray(channels.transpose(2, 1, 0, 3), isVector=True)
        sitk.WriteImage(image, str(tmp_path / name))
    for name in ("a.nii.gz", "b.mha", "c.nrrd", "d.mha", "e.nrrd"):
        volume = read_volume(tmp_path / name)
        assert volume.array.dtype == np.uint8
        np.testing.assert_array_equal(volume.array, grey)
        assert (volume.array[0, 0, 0], volume.array[0, 0, 1]) == (255, 7)


def test_float_colours_become_float_grey(tmp_path):
    colours = np.random.default_rng(0).random((4, 3, 2, 3)).astype(np.float32)
    sitk.WriteImage(sitk.GetImageFromArray(colours, isVector=True), str(tmp_path / "a.mha"))
    array = read_volume(tmp_path / "a.mha").array
    assert array.dtype == np.float32
    np.testing.assert_allclose(array, colours @ np.float32([0.299, 0.587, 0.114]), rtol=1e-5)


def test_other_numbers_of_components_are_refused(tmp_path):
    image = sitk.GetImageFromArray(np.zeros((4, 3, 2, 2), np.uint8), isVector=True)
    sitk.WriteImage(image, str(tmp_path / "two.mha"))
    with pytest.raises(InputError, match="2 values per voxel: expected 1"):
        read_volume(tmp_path / "two.mha")
    with pytest.raises(InputError, match="2 values per voxel: expected one label"):
        read_labels(tmp_path / "two.mha")


def test_the_header_of_a_pair_of_files_is_refused(tmp_path, stored):
    content = bytearray(nibabel.Nifti1Image(stored, np.eye(4)).to_bytes())
    content[344:347] = b"ni1"
    (tmp_path / "a.nii").write_bytes(content)
    with pytest.raises(InputError, match="voxels are in another file"):
        read_volume(tmp_path / "a.nii")


@pytest.mark.parametrize(
    ("place", "value"),
    [(42, b"\xff\xff"), (42, b"\0\0"), (70, b"\x07\x04"), (108, b"\0\0\xc0\x7f"), (116, b"\0\0\x80\x7f")],
    ids=["size -1", "size 0", "unknown type", "offset not a number", "intercept infinite"],
)
def test_headers_that_cannot_be_used_are_refused(tmp_path, stored, place, value):
    image = nibabel.Nifti1Image(stored, np.eye(4))
    image.header.set_slope_inter(2, 1)
    content = bytearray(image.to_bytes())
    content[place : place + len(value)] = value
    (tmp_path / "a.nii").write_bytes(content)
    with pytest.raises(InputError, match="has a header that cannot be used") as caught:
        read_volume(tmp_path / "a.nii")
    assert str(caught.value).isprintable()


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("column", [np.inf, 0.0])
def test_axes_that_are_none_are_refused_without_a_warning(tmp_path, stored, column):
    content = bytearray(nibabel.Nifti1Image(stored, np.diag([0.5, 0.8, 2.5, 1])).to_bytes())
    content[252:256] = struct.pack("<2h", 0, 1)  # qform and sform codes
    content[280:284] = struct.pack("<f", column)
    (tmp_path / "a.nii").write_bytes(content)
    with pytest.raises(InputError, match="where its voxels lie"):
        read_volume(tmp_path / "a.nii", spacing_mm=(2.5, 0.8, 0.5))
