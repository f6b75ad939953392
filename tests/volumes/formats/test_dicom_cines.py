"""Ultrasound cines: grey, colours and palettes; how large their pixels are, and that frames are not slices."""

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset

from ifss_keras.core.errors import InputError
from ifss_keras.volumes.formats.stored import grey
from ifss_keras.volumes.io import read_volume, write_labels
from tests.volumes.formats.dicom_files import as_jpeg, cine, enhanced, region, save


@pytest.fixture
def frames():
    return np.random.default_rng(8).integers(0, 256, (3, 5, 7)).astype(np.uint8)


def test_frames_are_not_slices(tmp_path, frames):
    path = save(cine(frames), tmp_path / "cine")
    with pytest.raises(
        InputError, match=r"frames are not slices: expected .*; give the distance of two frames"
    ) as told:
        read_volume(path)
    assert told.value.setting == "frame_step_mm"
    volume = read_volume(path, frame_step_mm=0.7)
    np.testing.assert_array_equal(volume.array, frames)
    assert volume.spacing_mm == pytest.approx((0.7, 0.2, 0.3))
    assert volume.voxel_volume_ml == pytest.approx(0.7 * 0.2 * 0.3 / 1000)
    assert not volume.source.oriented
    assert read_volume(path, spacing_mm=(3, 2, 1)).spacing_mm == (3, 2, 1)


def test_the_frame_step_is_of_the_last_stored_axis(tmp_path, frames):
    volume = read_volume(save(cine(frames), tmp_path / "cine"), axis=0, frame_step_mm=0.7)
    assert volume.array.shape == (7, 3, 5)
    assert volume.spacing_mm == pytest.approx((0.3, 0.7, 0.2))


def test_a_frame_step_is_one_distance(tmp_path, frames):
    path = save(cine(frames), tmp_path / "cine")
    for step in (0, -1, float("nan"), 1e9, "x"):
        with pytest.raises(InputError, match=r"a frame step of .* cannot be used"):
            read_volume(path, frame_step_mm=step)
    with pytest.raises(InputError, match="Both a spacing and a frame step"):
        read_volume(path, frame_step_mm=1, spacing_mm=(1, 1, 1))


def test_a_frame_step_replaces_that_of_other_formats(tmp_path, write_stored, oblique_affine):
    path = write_stored(tmp_path / "a.nii.gz", np.ones((4, 5, 6), np.int16), oblique_affine)
    assert read_volume(path, frame_step_mm=0.7).spacing_mm == pytest.approx((0.7, 0.8, 0.5))


@pytest.mark.parametrize(
    ("regions", "pixel_spacing", "said"),
    [
        ([region(0.2, 0.3)], None, True),
        ([region(0.2, 0.3), region(0.2, 0.3), region(9, 9, units=4)], None, True),
        ([], [0.2, 0.3], True),
        ([region(0.2, 0.3)], [0.2, 0.3], True),
        ([region(0.2, 0.3), region(0.4, 0.3)], None, False),
        ([region(0.2, 0.3)], [0.2, 0.2], False),
        ([region(0.2, 0.3, units=4)], None, False),
        ([], None, False),
    ],
)
def test_how_large_pixels_are_is_said_once(tmp_path, frames, regions, pixel_spacing, said):
    made = cine(frames)
    made.SequenceOfUltrasoundRegions = regions
    if pixel_spacing:
        made.PixelSpacing = pixel_spacing
    path = save(made, tmp_path / "cine")
    if said:
        assert read_volume(path, frame_step_mm=1.0).spacing_mm == pytest.approx((1, 0.2, 0.3))
    else:
        with pytest.raises(InputError, match="does not say how far its voxels lie apart"):
            read_volume(path, frame_step_mm=1.0)


def test_colours_become_luma(tmp_path):
    frames = np.random.default_rng(9).integers(0, 256, (3, 5, 7, 3)).astype(np.uint8)
    made = read_volume(save(cine(frames, photometric="RGB"), tmp_path / "rgb"), frame_step_mm=1)
    np.testing.assert_array_equal(made.array, grey(frames.transpose(2, 1, 0, 3), tmp_path).T)


def test_ybr_is_what_gdcm_makes_of_it(tmp_path):
    frames = np.random.default_rng(9).integers(0, 256, (3, 16, 24, 3)).astype(np.uint8)
    path = save(cine(frames, photometric="YBR_FULL"), tmp_path / "ybr")
    volume = read_volume(path, frame_step_mm=1)
    colours = sitk.GetArrayFromImage(sitk.ReadImage(str(path), imageIO="GDCMImageIO"))
    expected = grey(colours.transpose(2, 1, 0, 3), path).T
    assert np.abs(volume.array.astype(int) - expected).max() <= 1


def test_a_palette_is_looked_up(tmp_path, frames):
    made = cine(frames, photometric="PALETTE COLOR")
    tables = np.random.default_rng(3).integers(0, 2**16, (3, 256)).astype("<u2")
    for name, table in zip(("Red", "Green", "Blue"), tables, strict=True):
        setattr(made, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(made, f"{name}PaletteColorLookupTableData", table.tobytes())
    volume = read_volume(save(made, tmp_path / "palette"), frame_step_mm=1)
    expected = grey(np.moveaxis(tables[:, frames], 0, -1).transpose(2, 1, 0, 3), tmp_path).T
    np.testing.assert_array_equal(volume.array, expected)


def test_jpeg_is_decoded_to_what_pillow_wrote(tmp_path):
    rows, columns = np.mgrid[:40, :56]
    frames = np.stack([(rows * 3 + columns * k) % 200 for k in range(3)]).astype(np.uint8)
    volume = read_volume(save(as_jpeg(cine(frames), frames), tmp_path / "jpeg"), frame_step_mm=1)
    assert volume.array.shape == frames.shape
    assert np.abs(volume.array.astype(int) - frames).mean() < 2


def test_files_of_one_frame_without_positions_are_in_the_order_of_their_numbers(tmp_path, frames):
    series = cine(frames[:1])
    for name, number in (("c", 1), ("a", 3), ("b", 2)):
        one = Dataset()
        one.file_meta = series.file_meta
        one.update(cine(frames[number - 1 : number]))
        del one.NumberOfFrames
        one.SeriesInstanceUID, one.InstanceNumber = series.SeriesInstanceUID, number
        save(one, tmp_path / name)
    np.testing.assert_array_equal(read_volume(tmp_path, frame_step_mm=2).array, frames)


def test_a_cine_has_no_place_for_a_dicom_segmentation(tmp_path, frames):
    volume = read_volume(save(cine(frames), tmp_path / "cine"), frame_step_mm=1)
    with pytest.raises(InputError, match=r"needs images with their place in the patient.*save it as .seg.nrrd"):
        write_labels(tmp_path / "mask.seg.dcm", (frames > 9).astype(np.uint8), volume)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cine"]


def test_an_enhanced_ultrasound_volume_says_where_its_frames_lie_but_not_in_which_body(tmp_path, frames):
    made = enhanced(frames.transpose(2, 1, 0), np.diag([-0.3, -0.2, 0.7, 1]), order=(2, 0, 1))
    for group, outer, inner in (
        (made.SharedFunctionalGroupsSequence, "PlaneOrientation", "ImageOrientation"),
        (made.PerFrameFunctionalGroupsSequence, "PlanePosition", "ImagePosition"),
    ):
        for item in group:
            held = item[f"{outer}Sequence"].value
            setattr(held[0], f"{inner}Volume", [float(part) for part in held[0][f"{inner}Patient"].value])
            delattr(held[0], f"{inner}Patient")
            setattr(item, f"{outer}VolumeSequence", held)
            delattr(item, f"{outer}Sequence")
    volume = read_volume(save(made, tmp_path / "volume"))
    np.testing.assert_array_equal(volume.array, frames)
    assert volume.spacing_mm == pytest.approx((0.7, 0.2, 0.3))
    assert not volume.source.oriented
