"""Bad files and targets: each refused in one sentence, nothing written, nothing printed."""

import gzip
import os
import resource
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from ifss_keras.core.errors import GeometryError, InputError
from ifss_keras.volumes import io
from ifss_keras.volumes.formats import registry
from ifss_keras.volumes.io import check_writable, read_labels, read_volume, write_labels
from ifss_keras.volumes.volume import Volume

SHAPE = (5, 7, 11)  # as stored: i, j, k
EXTENSIONS = (".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".nhdr")


@pytest.fixture
def stored():
    return np.random.default_rng(3).integers(-900, 3000, SHAPE).astype(np.int16)


def sentence(caught):
    """The text of a refusal, checked to be one sentence that names the file."""
    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text
    assert ". " not in text
    return text


@pytest.mark.parametrize("reader", [read_volume, read_labels])
def test_files_that_are_none_are_refused(tmp_path, reader):
    (tmp_path / "folder.nii").mkdir()
    (tmp_path / "scan.jpg").write_bytes(b"x")
    cases = {"absent.nii.gz": "does not exist", "folder.nii": "folder", "scan.jpg": ".nii.gz, .nii, .mha"}
    for name, word in cases.items():
        with pytest.raises(InputError, match=word) as caught:
            reader(tmp_path / name)
        assert name in sentence(caught)


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_empty_files_and_renamed_text_are_refused(tmp_path, capfd, extension):
    path = tmp_path / f"scan{extension}"
    path.touch()
    with pytest.raises(InputError, match="empty") as caught:
        read_volume(path)
    sentence(caught)
    for content in (b"hello, I am a letter\n" * 40, gzip.compress(b"so am I " * 100)):
        path.write_bytes(content)
        with pytest.raises(InputError, match="is not a") as caught:
            read_volume(path)
        sentence(caught)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kept", [1, 20, 300, -300, -9, -4, -1])
def test_every_truncation_of_a_compressed_nifti_is_found(tmp_path, stored, kept):
    path = tmp_path / "scan.nii.gz"
    nibabel.Nifti1Image(stored, np.eye(4)).to_filename(path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"truncated|not a NIfTI") as caught:
        read_volume(path)
    sentence(caught)


def test_a_flipped_bit_in_a_compressed_nifti_is_found(tmp_path, stored):
    path = tmp_path / "scan.nii.gz"
    path.write_bytes(gzip.compress(nibabel.Nifti1Image(stored, np.eye(4)).to_bytes(), compresslevel=0))
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="corrupted"):
        read_volume(path)


@pytest.mark.parametrize("extension", [".nii", ".mha", ".nrrd"])
@pytest.mark.parametrize("compressed", [False, True])
def test_truncated_images_are_refused_quietly(tmp_path, write_stored, stored, capfd, extension, compressed):
    path = write_stored(tmp_path / f"scan{extension}", stored, np.eye(4))
    if compressed and extension != ".nii":
        sitk.WriteImage(sitk.ReadImage(str(path)), str(path), True)
    content = path.read_bytes()
    for cut in (1, 3, 9, len(content) // 3):
        path.write_bytes(content[:-cut])
        with pytest.raises(InputError, match="truncated") as caught:
            read_volume(path)
        sentence(caught)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("extension", [".nii.gz", ".mha", ".mhd", ".nrrd", ".nhdr"])
@pytest.mark.parametrize("missing", [1, 500, 5000, 10**6])
def test_a_disk_that_is_full_loses_nothing(tmp_path, extension, missing):
    path = tmp_path / f"mask{extension}"
    array = np.random.default_rng(0).integers(0, 9, (9, 40, 50), np.uint8)
    write_labels(path, array, Volume.from_array(array, (2.0, 1.0, 1.0)))
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    limit = max(max(map(len, before.values())) - missing, 0)
    old, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(InputError, match="cannot be written"):
            write_labels(path, array, Volume.from_array(array, (2.0, 1.0, 1.0)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (old, hard))
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


@pytest.mark.parametrize("extension", [".mha", ".mhd", ".nrrd", ".nhdr"])
@pytest.mark.parametrize("place", [-1, -6, -40, -200])
def test_a_flipped_bit_in_compressed_voxels_is_found(tmp_path, stored, extension, place):
    path = tmp_path / f"scan{extension}"
    sitk.WriteImage(sitk.GetImageFromArray(stored % 20), str(path), True)
    data = max(tmp_path.iterdir(), key=lambda file: file.stat().st_size)
    read_volume(path)
    content = bytearray(data.read_bytes())
    content[place] ^= 4
    data.write_bytes(content)
    with pytest.raises(InputError, match="truncated or corrupted"):
        read_volume(path)


@pytest.mark.parametrize(("header", "data"), [("scan.mhd", "scan.raw"), ("scan.nhdr", "scan.raw")])
def test_a_header_without_its_data_is_refused(tmp_path, write_stored, stored, header, data):
    path = write_stored(tmp_path / header, stored, np.eye(4))
    (tmp_path / data).unlink()
    with pytest.raises(InputError, match="file beside it"):
        read_volume(path)


@pytest.mark.parametrize(
    ("shape", "word"),
    [((5, 7), "2D image of 5 x 7"), ((5, 7, 1), "fewer than 2 slices"), ((5, 7, 2, 3), "4 axes")],
)
@pytest.mark.parametrize("extension", [".nii.gz", ".mha", ".nrrd"])
def test_images_that_are_no_volumes_are_refused(tmp_path, extension, shape, word):
    path = tmp_path / f"scan{extension}"
    if extension == ".nii.gz":
        nibabel.Nifti1Image(np.zeros(shape, np.uint8), np.eye(4)).to_filename(path)
    else:
        image = sitk.GetImageFromArray(np.zeros(shape[::-1], np.uint8), isVector=False)
        sitk.WriteImage(image, str(path))
    with pytest.raises(InputError, match=word) as caught:
        read_volume(path)
    sentence(caught)


def test_images_without_a_finite_voxel_are_refused(tmp_path):
    array = np.full(SHAPE, np.nan, np.float32)
    nibabel.Nifti1Image(array, np.eye(4)).to_filename(tmp_path / "scan.nii")
    with pytest.raises(InputError, match="no finite voxel") as caught:
        read_volume(tmp_path / "scan.nii")
    sentence(caught)
    array[0, 0, 0] = 1
    nibabel.Nifti1Image(array, np.eye(4)).to_filename(tmp_path / "scan.nii")
    assert np.isfinite(read_volume(tmp_path / "scan.nii").array).sum() == 1


def test_complex_images_are_refused(tmp_path):
    nibabel.Nifti1Image(np.zeros(SHAPE, np.complex64), np.eye(4)).to_filename(tmp_path / "scan.nii")
    with pytest.raises(InputError, match="real numbers"):
        read_volume(tmp_path / "scan.nii")


@pytest.mark.parametrize(
    ("value", "word"), [(0.5, "whole"), (np.nan, "whole"), (-1.0, "negative"), (2.0**40, "2\\^31")]
)
def test_labels_that_are_no_codes_are_refused(tmp_path, value, word):
    array = np.ones(SHAPE)
    array[1, 2, 3] = value
    nibabel.Nifti1Image(array, np.eye(4)).to_filename(tmp_path / "labels.nii")
    with pytest.raises(InputError, match=word) as caught:
        read_labels(tmp_path / "labels.nii")
    sentence(caught)
    with pytest.raises(InputError, match=word):
        write_labels(tmp_path / "out.nii", array, Volume.from_array(array, (1, 1, 1)))
    assert not (tmp_path / "out.nii").exists()


@pytest.mark.parametrize("axis", [3, -1])
def test_an_axis_out_of_range_is_refused_before_reading(tmp_path, axis):
    with pytest.raises(InputError, match=f"axis {axis} is out of range"):
        read_volume(tmp_path / "absent.nii", axis=axis)


def test_targets_that_cannot_be_written_are_refused(tmp_path, monkeypatch):
    (tmp_path / "folder.nii").mkdir()
    cases = {"mask.jpg": "unknown extension.*.nii.gz", "folder.nii": "folder", "no/mask.nii": "existing"}
    for name, word in cases.items():
        with pytest.raises(InputError, match=word) as caught:
            check_writable(tmp_path / name)
        sentence(caught)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    check_writable(tmp_path / "mask.nii")
    monkeypatch.setattr(io.tempfile, "TemporaryFile", refuse)
    with pytest.raises(InputError, match="Permission denied"):
        check_writable(tmp_path / "mask.nii")
    assert os.listdir(tmp_path) == ["folder.nii"]


def test_a_protected_file_is_not_replaced(tmp_path, monkeypatch):
    (tmp_path / "mask.nii").write_bytes(b"old")
    monkeypatch.setattr(io.os, "access", lambda path, mode: False)
    with pytest.raises(InputError, match="write-protected"):
        check_writable(tmp_path / "mask.nii")


@pytest.mark.parametrize("extension", [".nii.gz", ".mha", ".mhd"])
def test_a_failing_write_leaves_the_old_file_alone(tmp_path, monkeypatch, extension):
    like = Volume.from_array(np.zeros((2, 3, 5), np.uint8), (1, 1, 1))
    path = tmp_path / f"mask{extension}"
    write_labels(path, np.ones((2, 3, 5), int), like)
    before = {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)}

    def fail(target, *_, **__):
        Path(target).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    failing = {suffix: replace(file_format, write=fail) for suffix, file_format in registry.FORMATS.items()}
    monkeypatch.setattr(registry, "FORMATS", failing)
    with pytest.raises(InputError, match="No space left"):
        write_labels(path, np.zeros((2, 3, 5), int), like)
    assert {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)} == before


def test_labels_of_another_shape_are_refused(tmp_path):
    like = Volume.from_array(np.zeros((2, 3, 5), np.uint8), (1, 1, 1))
    with pytest.raises(GeometryError, match=r"expected .*\(2, 3, 5\), received \(2, 5, 3\)"):
        write_labels(tmp_path / "mask.nii", np.zeros((2, 5, 3), int), like)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(("name", "data"), [("mask.mhd", "mask.zraw"), ("mask.nhdr", "mask.raw.gz")])
def test_voxels_of_another_header_are_not_replaced(tmp_path, name, data):
    (tmp_path / data).write_bytes(b"voxels of another file")
    with pytest.raises(InputError, match="would replace") as caught:
        check_writable(tmp_path / name)
    assert data in sentence(caught)
    like = Volume.from_array(np.zeros(SHAPE, np.uint8), (1, 1, 1))
    with pytest.raises(InputError, match="would replace"):
        write_labels(tmp_path / name, np.ones(SHAPE, np.uint8), like)
    assert (tmp_path / data).read_bytes() == b"voxels of another file"
    (tmp_path / data).unlink()
    for value in (1, 2):  # its own voxels are replaced
        write_labels(tmp_path / name, np.full(SHAPE, value, np.uint8), like)
        assert (read_labels(tmp_path / name).array == value).all()


@pytest.mark.parametrize(("error", "word"), [(MemoryError(), "more memory than there is"), (OSError(5, "I/O"), "I/O")])
def test_what_the_machine_refuses_while_reading_is_said_in_one_sentence(tmp_path, monkeypatch, stored, error, word):
    nibabel.Nifti1Image(stored, np.eye(4)).to_filename(tmp_path / "scan.nii")

    def fail(*_):
        raise error

    failing = {suffix: replace(file_format, read=fail) for suffix, file_format in registry.FORMATS.items()}
    monkeypatch.setattr(registry, "FORMATS", failing)
    with pytest.raises(InputError, match=word) as caught:
        read_volume(tmp_path / "scan.nii")
    assert "scan.nii" in sentence(caught)
