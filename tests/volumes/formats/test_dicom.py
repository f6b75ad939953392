"""DICOM series against SimpleITK's reader (GDCM), and what is no series of one volume."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.pixels import get_decoder
from pydicom.uid import JPEG2000Lossless, JPEGLosslessSV1, JPEGLSLossless, RLELossless, generate_uid

from ifss_keras.core.errors import InputError
from ifss_keras.core.records import sha256_of
from ifss_keras.jobs.provenance import fingerprints
from ifss_keras.volumes.formats.dicom.series import is_dicom
from ifss_keras.volumes.formats.registry import files_of, voxels_in
from ifss_keras.volumes.io import read_labels, read_volume
from tests.volumes.formats.dicom_files import RAS_TO_LPS, add_pixels, data_set, enhanced, save, slices, write_series

SHAPE = (7, 5, 3)  # column, row, slice


@pytest.fixture
def stored():
    return np.random.default_rng(1).integers(-900, 3000, SHAPE).astype(np.int16)


@pytest.fixture
def series(tmp_path, stored, oblique_affine):
    """A folder with an oblique series."""
    return write_series(tmp_path / "series", slices(stored, oblique_affine))


def by_gdcm(folder):
    """(k, j, i) and the affine to RAS of SimpleITK's reading of a folder."""
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    lps = np.eye(4)
    lps[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    lps[:3, 3] = image.GetOrigin()
    return sitk.GetArrayFromImage(image), RAS_TO_LPS @ lps


def _ascending(stored):
    """(slice, row, column) of what `oblique_affine` places: its rows run backwards, so slices ascend from the last."""
    return stored.T[::-1]


def refusal(path, read=read_volume, **more):
    with pytest.raises(InputError) as caught:
        read(path, **more)
    text = str(caught.value)
    assert text.isprintable()
    assert text.endswith(".")
    return text


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16])
@pytest.mark.parametrize("flipped", [False, True], ids=["", "flipped"])
def test_a_series_is_what_gdcm_reads(tmp_path, oblique_affine, dtype, flipped):
    stored = np.random.default_rng(2).integers(0, 250, (7, 5, 3)).astype(dtype)
    affine = oblique_affine @ np.diag([1, 1, -1 if flipped else 1, 1])
    folder = write_series(tmp_path / "series", slices(stored, affine))
    volume = read_volume(folder)
    expected, gdcm_affine = by_gdcm(folder)
    assert volume.array.dtype == dtype
    np.testing.assert_array_equal(volume.array, expected)
    np.testing.assert_allclose(volume.stored_affine, gdcm_affine, atol=1e-5)
    assert volume.spacing_mm == pytest.approx((2.5, 0.8, 0.5))
    assert volume.source.format == "dicom"
    assert volume.source.oriented


def test_every_voxel_lies_where_it_was_made(series, stored, oblique_affine):
    volume = read_volume(series)
    for i, j, k in np.ndindex(*stored.shape):
        made_mm = (oblique_affine @ [i, j, k, 1])[:3]
        place = np.linalg.solve(volume.affine, [*made_mm, 1])[:3]
        np.testing.assert_allclose(place, np.rint(place), atol=1e-4)
        assert volume.array[tuple(np.rint(place).astype(int))] == stored[i, j, k]


def test_a_file_of_single_slices_stands_for_its_series(series):
    (series / "notes.txt").write_text("no image")
    other = slices(np.zeros((2, 2, 1), np.uint8), np.eye(4))
    save(other[0], series / "scout.dcm")
    whole = read_volume(sorted(series.iterdir())[0])
    assert whole.array.shape == (3, 5, 7)
    assert "holds 2 series" in refusal(series)
    (series / "scout.dcm").unlink()
    np.testing.assert_array_equal(read_volume(series).array, whole.array)


def test_rescaled_values_are_float32_and_others_keep_their_type(tmp_path, stored, oblique_affine):
    made = slices(stored, oblique_affine)
    for one in made:
        one.RescaleSlope, one.RescaleIntercept = 0.5, -7
    volume = read_volume(write_series(tmp_path / "scaled", made))
    assert volume.array.dtype == np.float32
    np.testing.assert_allclose(volume.array, by_gdcm(tmp_path / "scaled")[0])
    slopes, intercepts = np.array([1, 0.5, 2]), np.array([0, -7, 3])
    for one, slope, intercept in zip(made, slopes, intercepts, strict=True):  # GDCM takes the first one's for all
        one.RescaleSlope, one.RescaleIntercept = slope, intercept
    np.testing.assert_allclose(
        read_volume(write_series(tmp_path / "scaled", made)).array, _ascending(stored * slopes + intercepts)
    )
    for one in made:
        one.RescaleSlope, one.RescaleIntercept = 1, 0
    assert read_volume(write_series(tmp_path / "plain", made)).array.dtype == np.int16


@pytest.mark.parametrize("bits", [8, 12])
def test_monochrome1_is_as_bright_as_it_is_shown(tmp_path, oblique_affine, bits):
    dtype = np.uint8 if bits == 8 else np.uint16
    stored = np.random.default_rng(3).integers(0, 2**bits, SHAPE).astype(dtype)
    made = slices(stored, oblique_affine)
    for one in made:
        one.PhotometricInterpretation, one.BitsStored, one.HighBit = "MONOCHROME1", bits, bits - 1
    shown = read_volume(write_series(tmp_path / "inverse", made)).array
    plain = read_volume(write_series(tmp_path / "plain", slices(stored, oblique_affine))).array
    np.testing.assert_array_equal(shown, 2**bits - 1 - plain.astype(int))


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless], ids=lambda uid: uid.name)
def test_compressed_slices_are_the_same(tmp_path, oblique_affine, syntax):
    if syntax == JPEG2000Lossless:
        pytest.importorskip("openjpeg", reason="encodes JPEG 2000")
    stored = np.random.default_rng(4).integers(-900, 3000, (48, 40, 3)).astype(np.int16)
    expected = read_volume(write_series(tmp_path / "plain", slices(stored, oblique_affine))).array
    made = slices(stored, oblique_affine)
    for one in made:
        one.compress(syntax)
    np.testing.assert_array_equal(read_volume(write_series(tmp_path / "compressed", made)).array, expected)
    np.testing.assert_array_equal(expected, _ascending(stored))


@pytest.mark.parametrize("shared", [True, False])
def test_an_enhanced_image_is_the_same_whatever_the_order_of_its_frames(
    tmp_path, series, stored, oblique_affine, shared
):
    path = save(enhanced(stored, oblique_affine, (1, 2, 0), shared), tmp_path / "enhanced")
    volume, expected = read_volume(path), read_volume(series)
    np.testing.assert_array_equal(volume.array, expected.array)
    np.testing.assert_allclose(volume.affine, expected.affine, atol=1e-6)
    assert (voxels_in(path), files_of(path)) == (105, [path])


def test_a_tilted_gantry_is_a_sheared_affine(tmp_path, stored):
    affine = np.diag([-0.5, -0.8, 2.5, 1.0])
    affine[1, 2] = 1.25
    volume = read_volume(write_series(tmp_path / "tilted", slices(stored, affine)))
    np.testing.assert_allclose(volume.stored_affine, affine, atol=1e-6)
    assert volume.voxel_volume_ml == pytest.approx(0.5 * 0.8 * 2.5 / 1000)
    np.testing.assert_array_equal(volume.array, stored.T)


def test_what_is_no_volume_is_refused(tmp_path, oblique_affine):
    stored = np.arange(7 * 5 * 6, dtype=np.uint8).reshape(7, 5, 6)

    def told(name, change):
        made = slices(stored, oblique_affine)
        change(made)
        return refusal(write_series(tmp_path / name, made))

    def moved(one, by_mm):
        one.ImagePositionPatient = (np.array(one.ImagePositionPatient, float) + by_mm).tolist()

    assert "has a gap of 5 mm between two slices: expected steps of 2.5" in told("gap", lambda made: made.pop(2))
    assert "two slices at the same place" in told("doubled", lambda made: made.append(made[1]))
    assert "expected even steps" in told("uneven", lambda made: moved(made[3], [0, 0, 0.6]))
    assert "expected 7 columns in each, received 6" in told(
        "size", lambda made: add_pixels(made[4], np.zeros((1, 5, 6), np.uint8))
    )

    def turn(made):
        made[2].ImageOrientationPatient = [1, 0, 0, 0, 1, 0]

    assert "turned differently" in told("turned", turn)

    def two_series(made):
        for one, name in ((made[0], "T1 <b>"), (made[1], "T2")):
            one.SeriesInstanceUID, one.SeriesDescription = generate_uid(), name

    assert "holds 3 series" in told("series", two_series)


def test_a_header_is_not_believed(tmp_path, series, stored, oblique_affine):
    assert "GB that are allowed" in refusal(series, max_gb=1e-7)
    made = slices(stored, oblique_affine)
    for one in made:
        one.Rows = one.Columns = 65535
    assert "is truncated or corrupted: expected 8589672450 bytes" in refusal(write_series(tmp_path / "huge", made))
    many = enhanced(stored, oblique_affine)
    many.NumberOfFrames = 2_000_000_000
    assert "is truncated or corrupted" in refusal(save(many, tmp_path / "many"))
    file = sorted(series.iterdir())[1]
    file.write_bytes(file.read_bytes()[:-20])
    assert "is truncated or corrupted" in refusal(series)


def test_a_compressed_frame_that_says_another_size_is_refused_before_it_is_decoded(tmp_path, stored, oblique_affine):
    made = slices(stored, oblique_affine)
    for one in made:
        one.compress(JPEGLSLossless)
        at = one.PixelData.index(b"\xff\xf7") + 5
        one.PixelData = one.PixelData[:at] + b"\xff\xff\xff\xff" + one.PixelData[at + 4 :]
    assert re.search(r"a frame of \(65535, 65535\)", refusal(write_series(tmp_path / "bomb", made)))


def test_a_compression_without_decoder_says_what_to_install(tmp_path, stored, oblique_affine, monkeypatch):
    made = slices(stored, oblique_affine)
    for one in made:
        one.compress(RLELossless)
        one.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    monkeypatch.setattr(get_decoder(JPEGLosslessSV1), "_available", {})
    text = refusal(write_series(tmp_path / "lossless", made))
    assert text.endswith("those of the extra dicom-jpeg; pip install 'ifss_keras[dicom-jpeg]', or convert it.")


def test_other_files_are_refused_by_what_they_are(tmp_path):
    (tmp_path / "text.dcm").write_text("no DICOM at all, " * 20)
    assert "is not a DICOM file" in refusal(tmp_path / "text.dcm")
    (tmp_path / "empty").mkdir()
    assert "or a folder of DICOM files" in refusal(tmp_path / "empty")
    report = save(data_set("1.2.840.10008.5.1.4.1.1.88.11", "SR"), tmp_path / "report")
    assert "is no image but Basic Text SR Storage" in refusal(report)


def own_files():
    """The DICOM files in pydicom's wheel."""
    found = sorted(Path(pydicom.data.__file__).parent.rglob("*"))
    return [path for path in found if path.is_file() and is_dicom(path)]


@pytest.mark.parametrize("path", own_files(), ids=lambda path: path.name)
def test_pydicoms_own_files_are_read_as_pydicom_does_or_refused(tmp_path, path):
    alone = Path(shutil.copy(path, tmp_path))
    try:
        held = read_labels(alone, spacing_mm=(1, 1, 1))
    except InputError as error:
        told = str(error)
    else:
        whole, told = pydicom.dcmread(path), "read."
        plain = whole.SamplesPerPixel == 1 and whole.PhotometricInterpretation == "MONOCHROME2"
        if plain and whole.get("RescaleSlope", 1) == 1 and whole.get("RescaleIntercept", 0) == 0:
            np.testing.assert_array_equal(held.array[0], whole.pixel_array)
    assert told.isprintable()
    assert told.endswith(".")


def test_what_is_needed_for_dicom_alone_is_not_imported_for_other_formats(tmp_path, write_stored, oblique_affine):
    path = write_stored(tmp_path / "a.nii.gz", np.ones((4, 5, 6), np.int16), oblique_affine)
    script = f"""
import sys, ifss_keras as ifss
ifss.read_volume({str(path)!r})
print({{"highdicom", "pydicom.sr"}} & {{*sys.modules}})  # nibabel itself imports pydicom where it is installed
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("set()\n", "")


def test_labels_may_be_an_image(tmp_path, oblique_affine):
    stored = np.zeros(SHAPE, np.uint8)
    stored[2:5, 1:3, 1] = 3
    labels = read_labels(write_series(tmp_path / "labels", slices(stored, oblique_affine)))
    assert labels.array.sum() == 3 * stored.astype(bool).sum()


def test_a_series_has_one_fingerprint(series):
    files = files_of(series)
    assert len(files) == 3
    held = fingerprints(image=series)
    assert list(held) == ["image"]
    before = held["image"].sha256
    assert before not in {sha256_of(file) for file in files}
    first = files[0]
    first.rename(series / "renamed")
    assert fingerprints(image=series)["image"].sha256 != before
    (series / "renamed").rename(first)
    assert fingerprints(image=series)["image"].sha256 == before
    changed = files_of(series)[1]
    changed.write_bytes(changed.read_bytes()[:-1] + b"\x55")
    assert fingerprints(image=series)["image"].sha256 != before
