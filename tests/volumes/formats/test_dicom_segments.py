"""DICOM segmentations: those that are written as highdicom reads them, and those of others as label volumes."""

import highdicom
import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

from ifss_keras.core.errors import GeometryError, InputError
from ifss_keras.volumes.annotation import read_annotation
from ifss_keras.volumes.formats.registry import files_of
from ifss_keras.volumes.grid import check_same_grid
from ifss_keras.volumes.io import check_writable, read_labels, read_volume, write_labels, write_volume
from ifss_keras.volumes.volume import Volume
from tests.volumes.formats.dicom_files import enhanced, save, slices, write_series

SHAPE = (7, 5, 6)  # column, row, slice
NAMES, COLOURS = {7: "GM left", 150: "something new"}, {7: (230, 159, 0), 150: (0, 114, 178)}


@pytest.fixture
def image(tmp_path, oblique_affine):
    """An oblique series of six slices."""
    stored = np.random.default_rng(1).integers(0, 3000, SHAPE).astype(np.int16)
    return read_volume(write_series(tmp_path / "series", slices(stored, oblique_affine)))


@pytest.fixture
def labels(image):
    """(slice, row, column) two labels, none in the first slice and between."""
    made = np.zeros(image.array.shape, np.uint8)
    made[1, 1:4, 2:6], made[4, 2:, 3:5], made[4, 0, :2], made[5, 4, 6] = 7, 7, 150, 150
    return made


def by_highdicom(path):
    """Label volume (slice, row, column) of segment numbers, and its affine to LPS from (slice, row, column)."""
    volume = highdicom.seg.segread(path).get_volume(combine_segments=True)
    return volume.array, volume.affine


def made_by_highdicom(image, frames, **more):
    """A segmentation of an image's series, as other programs write it."""
    sources = [pydicom.dcmread(file, stop_before_pixels=True) for file in files_of(image.source.path)]
    described = [
        highdicom.seg.SegmentDescription(
            number,
            name,
            codes.cid7150.Tissue,
            codes.SCT.Tissue,
            "MANUAL",
            tracking_uid=generate_uid(),
            tracking_id=name,
        )
        for number, name in ((1, "SOL"), (2, "GL"))
    ]
    settings = {"segmentation_type": "BINARY", "segment_descriptions": described} | more
    return highdicom.seg.Segmentation(
        sources,
        frames,
        series_instance_uid=generate_uid(),
        series_number=3,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="test",
        manufacturer_model_name="test",
        software_versions="1",
        device_serial_number="1",
        **settings,
    )


@pytest.mark.parametrize("one_file", [False, True], ids=["slices", "enhanced"])
def test_a_written_segmentation_is_read_by_highdicom(tmp_path, image, labels, oblique_affine, one_file):
    if one_file:
        stored = image.to_stored(image.array)
        image = read_volume(save(enhanced(stored, image.stored_affine, (3, 0, 5, 1, 4, 2)), tmp_path / "enhanced"))
    path = tmp_path / "mask.seg.dcm"
    write_labels(path, labels, image, NAMES, COLOURS)
    array, affine = by_highdicom(path)
    turn = 1 if affine[:3, 0] @ (np.diag([-1, -1, 1, 1]) @ image.affine)[:3, 0] > 0 else -1
    np.testing.assert_array_equal(array[::turn], np.select([labels == 7, labels == 150], [1, 2]))
    assert np.prod(highdicom.seg.segread(path).get_volume().spacing) == pytest.approx(1000 * image.voxel_volume_ml)
    held = pydicom.dcmread(path)
    assert [item.SegmentLabel for item in held.SegmentSequence] == ["GM left", "something new"]
    kinds = [item.SegmentedPropertyTypeCodeSequence[0] for item in held.SegmentSequence]
    assert [(kind.CodeValue, kind.CodingSchemeDesignator) for kind in kinds] == [("7:929", "MDC"), ("85756007", "SCT")]
    assert held.FrameOfReferenceUID == pydicom.dcmread(files_of(image.source.path)[0]).FrameOfReferenceUID
    referenced = {item.ReferencedSOPInstanceUID for item in held.ReferencedSeriesSequence[0].ReferencedInstanceSequence}
    assert referenced == {pydicom.dcmread(file).SOPInstanceUID for file in files_of(image.source.path)}


def test_what_images_may_leave_empty_they_may_lack(tmp_path, oblique_affine, labels):
    made = slices(np.random.default_rng(1).integers(0, 3000, SHAPE).astype(np.int16), oblique_affine)
    for one in made:
        for keyword in ("SliceThickness", "PatientID", "PatientName", "StudyDate", "AccessionNumber"):
            delattr(one, keyword)
    write_labels(tmp_path / "mask.dcm", labels, read_volume(write_series(tmp_path / "bare", made)))
    np.testing.assert_array_equal(read_labels(tmp_path / "mask.dcm").array, labels)


def test_of_a_tilted_gantry_it_lies_on_the_sheared_grid(tmp_path, labels):
    affine = np.diag([-0.5, -0.8, 2.5, 1.0])
    affine[1, 2] = 1.25
    image = read_volume(write_series(tmp_path / "tilted", slices(np.zeros(SHAPE, np.int16), affine)))
    write_labels(tmp_path / "mask.dcm", labels, image)
    for held in (read_labels(tmp_path / "mask.dcm"), read_labels(tmp_path / "mask.dcm", like=image)):
        np.testing.assert_array_equal(held.array, labels)
        np.testing.assert_allclose(held.stored_affine, affine, atol=1e-5)


def test_codes_names_and_colours_come_back(tmp_path, image, labels):
    path = tmp_path / "mask.seg.dcm"
    write_labels(path, labels, image, NAMES | {9: "not there"}, COLOURS)
    held = read_labels(path)
    np.testing.assert_array_equal(held.array, labels)
    check_same_grid(image, held)
    assert held.source.names == NAMES | {9: "not there"}
    assert {code: held.source.colours[code] for code in COLOURS} == COLOURS
    assert np.count_nonzero(held.array == 7) * held.voxel_volume_ml == pytest.approx(18 * 0.5 * 0.8 * 2.5 / 1000)


def test_slices_that_others_leave_out_are_placed_on_the_image(tmp_path, image, labels):
    frames = np.select([labels == 7, labels == 150], [1, 2]).astype(np.uint8)
    path = tmp_path / "others"
    made_by_highdicom(image, frames).save_as(path)
    annotation = read_annotation(path, image)
    assert annotation.slices.tolist() == [1, 4, 5]
    assert annotation.names == {1: "SOL", 2: "GL"}
    np.testing.assert_array_equal(annotation.masks, frames[[1, 4, 5]])
    np.testing.assert_array_equal(read_labels(path, like=image).array, frames)
    alone = read_labels(path)
    np.testing.assert_array_equal(alone.array, frames[1:])
    assert alone.spacing_mm == pytest.approx(image.spacing_mm)


def test_without_a_said_step_the_smallest_gap_is_one(tmp_path, image, labels):
    made = made_by_highdicom(image, (labels == 7).astype(np.uint8), segment_descriptions=[_one()])
    del made.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices
    made.save_as(tmp_path / "gap")
    held = read_labels(tmp_path / "gap")
    assert held.array.shape[0] == 2
    assert held.spacing_mm[0] == pytest.approx(3 * 2.5)
    np.testing.assert_array_equal(read_labels(tmp_path / "gap", like=image).array, np.where(labels == 7, 1, 0))


def test_a_label_map_holds_segment_numbers(tmp_path, image, labels):
    frames = np.select([labels == 7, labels == 150], [1, 2]).astype(np.uint8)
    made_by_highdicom(image, frames, segmentation_type="LABELMAP", omit_empty_frames=False).save_as(tmp_path / "map")
    np.testing.assert_array_equal(read_labels(tmp_path / "map").array, frames)


def test_fractions_are_refused_unless_whole(tmp_path, image, labels):
    shares = (labels == 7)[..., None] * 1.0
    settings = {"segmentation_type": "FRACTIONAL", "segment_descriptions": [_one()]}
    made_by_highdicom(image, shares, **settings).save_as(tmp_path / "whole")
    np.testing.assert_array_equal(read_labels(tmp_path / "whole", like=image).array, np.where(labels == 7, 1, 0))
    made_by_highdicom(image, 0.5 * shares, **settings).save_as(tmp_path / "half")
    with pytest.raises(InputError, match="is fractional"):
        read_labels(tmp_path / "half")


def test_overlapping_segments_are_refused(tmp_path, image, labels):
    both = np.stack([labels > 0, labels == 7], axis=-1)
    made_by_highdicom(image, both.astype(np.uint8)).save_as(tmp_path / "overlap")
    with pytest.raises(InputError, match=r"overlapping segments, SOL and GL: .* received 6 voxels"):
        read_labels(tmp_path / "overlap")


def test_of_another_grid_is_refused(tmp_path, image, labels, oblique_affine):
    write_labels(tmp_path / "mask.seg.dcm", labels, image)
    moved = oblique_affine.copy()
    moved[:3, 3] += moved[:3, 2] * 0.5
    other = read_volume(
        write_series(tmp_path / "other", slices(np.zeros(SHAPE, np.int16) + np.arange(6, dtype=np.int16), moved))
    )
    with pytest.raises(GeometryError, match="lies on another grid"):
        read_annotation(tmp_path / "mask.seg.dcm", other)


def test_a_segmentation_is_no_image_and_does_not_count_as_one(tmp_path, image, labels):
    path = image.source.path / "mask.seg.dcm"
    write_labels(path, labels, image)
    with pytest.raises(InputError, match="is no image but Segmentation Storage"):
        read_volume(path)
    np.testing.assert_array_equal(read_volume(image.source.path).array, image.array)
    (tmp_path / "alone").mkdir()
    path.rename(tmp_path / "alone" / "any name")
    np.testing.assert_array_equal(read_labels(tmp_path / "alone").array, labels)


def test_it_is_written_of_dicom_images_alone(tmp_path, image, labels):
    path = tmp_path / "mask.seg.dcm"
    in_memory = Volume.from_array(np.asarray(image.array), (1, 1, 1))
    for call in (lambda: write_labels(path, labels, in_memory), lambda: check_writable(path, in_memory.source)):
        with pytest.raises(InputError, match=r"refers to the DICOM images it was made from.*save it as \.seg\.nrrd"):
            call()
    with pytest.raises(InputError, match="DICOM is written of labels alone"):
        write_volume(path, np.asarray(image.array), image)
    with pytest.raises(InputError, match="needs a label"):
        write_labels(path, 0 * labels, image)
    next(image.source.path.iterdir()).unlink()
    with pytest.raises(InputError):
        write_labels(path, labels, image)
    assert [found.name for found in tmp_path.iterdir()] == ["series"]


def _one():
    return highdicom.seg.SegmentDescription(1, "SOL", codes.cid7150.Tissue, codes.SCT.Tissue, "MANUAL")
