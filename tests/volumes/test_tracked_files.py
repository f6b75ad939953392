"""Tracked sequences of PLUS and 3D Slicer: where each pixel lies, by matrices multiplied here."""

import numpy as np
import pytest
import SimpleITK as sitk

from ifss_keras.core.errors import InputError
from ifss_keras.volumes.io import read_labels, read_volume
from ifss_keras.volumes.tracking import Tracking
from tests.volumes.sequences import (
    IMAGE_TO_PROBE,
    calibrated,
    frame_fields,
    frames_of,
    text_of,
    tracked,
    write_mha,
    write_nrrd,
)

FRAMES, ROWS, COLUMNS = 7, 5, 3
PIXELS = ((0, 0), (4, 0), (1, 2), (4, 2))  # row, column


def expected_mm(frame, row, column, space="Reference", calibration=IMAGE_TO_PROBE):
    probe, leg = tracked(FRAMES)
    point = probe[frame] @ calibration @ (column, row, 0, 1)
    return (np.linalg.solve(leg[frame], point) if space == "Reference" else point)[:3]


def check_planes(volume, frames=range(FRAMES), **where):
    for frame in frames:
        for row, column in PIXELS:
            found = volume.sweep.poses[frame] @ (0, row, column, 1)
            np.testing.assert_allclose(found[:3], expected_mm(frame, row, column, **where), atol=1e-9)


@pytest.fixture
def array():
    return frames_of((FRAMES, ROWS, COLUMNS))


@pytest.mark.parametrize("name", ["a.igs.mha", "a.mha", "a.igs.mhd", "a.seq.mha"])
@pytest.mark.parametrize("compressed", [False, True])
def test_a_metafile_says_where_each_pixel_lies(tmp_path, array, name, compressed):
    volume = read_volume(write_mha(tmp_path / name, array, calibrated(FRAMES), compressed=compressed))
    np.testing.assert_array_equal(volume.array, array)
    check_planes(volume)
    assert volume.sweep.space == "Reference"
    np.testing.assert_array_equal(volume.sweep.timestamps_s, 100 + 0.125 * np.arange(FRAMES))
    np.testing.assert_array_equal(volume.sweep.tracked, True)
    assert volume.spacing_mm[1:] == pytest.approx(np.linalg.norm(IMAGE_TO_PROBE[:3, [1, 0]], axis=0), rel=1e-12)
    np.testing.assert_array_equal(np.abs(volume.stored_affine), np.eye(4))
    assert not volume.source.oriented


def test_the_normal_is_of_length_1_and_stands_on_the_image(tmp_path, array):
    poses = read_volume(write_mha(tmp_path / "a.mha", array, calibrated(FRAMES))).sweep.poses
    assert np.linalg.norm(poses[:, :3, 0], axis=1) == pytest.approx(1)
    np.testing.assert_allclose(np.einsum("fx,fxp->fp", poses[:, :3, 0], poses[:, :3, 1:3]), 0, atol=1e-12)
    assert (np.linalg.det(poses[:, :3, [2, 1, 0]]) > 0).all()


@pytest.mark.parametrize("kinds", ["domain domain list", "list domain domain", "domain domain domain list",
                                   "list domain domain domain"])  # fmt: skip
@pytest.mark.parametrize("dtype", ["u1", "i2", "f4"])
@pytest.mark.parametrize("big", [False, True])
def test_a_nrrd_sequence_says_the_same(tmp_path, kinds, dtype, big):
    array = frames_of((FRAMES, ROWS, COLUMNS), dtype)
    vectors = [f"({int(k == 0)},{int(k == 1)},{int(k == 2)})" for k in range(kinds.count("domain"))]
    at = iter(vectors)
    directions = " ".join("none" if kind == "list" else next(at) for kind in kinds.split())
    for place, more in enumerate(({}, {"compressed": True, "directions": directions})):
        path = tmp_path / f"{place}.seq.nrrd"
        volume = read_volume(write_nrrd(path, array, calibrated(FRAMES), kinds, big=big, **more))
        np.testing.assert_array_equal(volume.array, array)
        assert volume.array.dtype == np.dtype(dtype)
        check_planes(volume)
        if place == 1 and kinds.count("domain") == 2:
            continue  # ITK reads no planes that lie in a space
        itk = sitk.ReadImage(str(path))
        assert itk.GetNumberOfComponentsPerPixel() * np.prod(itk.GetSize()) == array.size


def test_a_frame_of_one_plane_in_three_axes_is_a_frame(tmp_path, array):
    path = write_mha(tmp_path / "a.igs.mha", array, calibrated(FRAMES), sizes=(COLUMNS, ROWS, 1, FRAMES))
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.array, array)
    check_planes(volume)


def test_colours_become_grey_and_big_numbers_stay(tmp_path):
    colours = np.repeat(frames_of((FRAMES, ROWS, COLUMNS))[..., None], 3, axis=3)
    grey = read_volume(write_mha(tmp_path / "a.mha", colours, calibrated(FRAMES)))
    np.testing.assert_array_equal(grey.array, colours[..., 0])
    deep = frames_of((FRAMES, ROWS, COLUMNS), "i2") * 100
    np.testing.assert_array_equal(
        read_volume(write_mha(tmp_path / "b.mha", deep, calibrated(FRAMES), big=True)).array, deep
    )


def test_frames_that_were_not_seen_stay_and_have_no_place(tmp_path, array):
    fields = calibrated(FRAMES, lost=(0, 3), no_image=(5,))
    volume = read_volume(write_mha(tmp_path / "a.mha", array, fields))
    np.testing.assert_array_equal(volume.array, array)
    np.testing.assert_array_equal(volume.sweep.tracked, [False, True, True, False, True, False, True])
    check_planes(volume, (1, 2, 4, 6))


def test_a_frame_without_fields_has_no_place(tmp_path, array):
    fields = {name: text for name, text in calibrated(FRAMES).items() if "Frame0002" not in name}
    sweep = read_volume(write_mha(tmp_path / "a.mha", array, fields)).sweep
    np.testing.assert_array_equal(sweep.tracked, np.arange(FRAMES) != 2)
    assert np.isnan(sweep.timestamps_s[2])


@pytest.mark.parametrize(
    ("orientation", "place"),
    [
        ("MF", lambda row, column: (row, column)),
        ("UFA", lambda row, column: (row, COLUMNS - 1 - column)),
        ("MND", lambda row, column: (ROWS - 1 - row, column)),
        ("UN", lambda row, column: (ROWS - 1 - row, COLUMNS - 1 - column)),
        ("FM", lambda row, column: (column, row)),
        ("NU", lambda row, column: (COLUMNS - 1 - column, ROWS - 1 - row)),
        ("??", lambda row, column: (row, column)),
        (None, lambda row, column: (row, column)),
    ],
)
def test_the_orientation_of_the_image_is_undone(tmp_path, array, orientation, place):
    volume = read_volume(write_mha(tmp_path / "a.mha", array, calibrated(FRAMES), orientation=orientation))
    np.testing.assert_array_equal(volume.array, array)
    for row, column in PIXELS:
        found = volume.sweep.poses[2] @ (0, row, column, 1)
        np.testing.assert_allclose(found[:3], expected_mm(2, *place(row, column)), atol=1e-9)


def test_another_space_can_be_named(tmp_path, array):
    path = write_mha(tmp_path / "a.mha", array, calibrated(FRAMES))
    volume = read_volume(path, tracking=Tracking(space="Tracker"))
    assert volume.sweep.space == "Tracker"
    check_planes(volume, space="Tracker")
    with pytest.raises(
        InputError, match="no transforms from its images to Room: expected one of Tracker, Reference"
    ) as e:
        read_volume(path, tracking=Tracking(space="Room"))
    assert e.value.setting == "space"


def test_one_transform_of_each_image_is_enough(tmp_path, array):
    probe, _ = tracked(FRAMES)
    fields = {f"Seq_Frame{k:04d}_ImageToBedTransform": text_of(probe[k] @ IMAGE_TO_PROBE) for k in range(FRAMES)}
    volume = read_volume(write_mha(tmp_path / "a.mha", array, fields))
    assert volume.sweep.space == "Bed"
    assert volume.sweep.timestamps_s is None
    check_planes(volume, space="Tracker")


@pytest.mark.parametrize("name", ["plus.xml", "probe.txt", "ImageToProbe.txt"])
def test_the_calibration_may_be_in_a_file_of_its_own(tmp_path, array, name):
    path = write_mha(tmp_path / "a.mha", array, frame_fields(FRAMES))
    with pytest.raises(InputError, match="does not say where its images lie on the probe") as error:
        read_volume(path)
    assert error.value.setting == "calibration"
    rows = "\n".join(text_of(row) for row in IMAGE_TO_PROBE)
    (tmp_path / name).write_text(
        f'<PlusConfiguration><CoordinateDefinitions><Transform From="Image" To="Probe" Matrix="{rows}" Error="1"/>'
        f'<Transform From="Stylus" To="Tip" Matrix="{text_of(np.eye(4))}"/></CoordinateDefinitions></PlusConfiguration>'
        if name.endswith("xml")
        else rows
    )
    check_planes(read_volume(path, tracking=Tracking(calibration=tmp_path / name)))


def test_the_name_of_a_matrix_says_what_it_leads_to(tmp_path, array):
    fields = {name.replace("Probe", "Transducer"): text for name, text in frame_fields(FRAMES).items()}
    path = write_mha(tmp_path / "a.mha", array, fields)
    (tmp_path / "ImageToTransducer.txt").write_text(text_of(IMAGE_TO_PROBE))
    check_planes(read_volume(path, tracking=Tracking(calibration=tmp_path / "ImageToTransducer.txt")))


def test_a_calibration_that_is_given_goes_before_that_of_the_file(tmp_path, array):
    path = write_mha(tmp_path / "a.mha", array, calibrated(FRAMES))
    other = IMAGE_TO_PROBE * [[1.1], [1.1], [1.1], [1]]
    (tmp_path / "c.txt").write_text(text_of(other))
    check_planes(read_volume(path, tracking=Tracking(calibration=tmp_path / "c.txt")), calibration=other)


def test_the_distance_of_frames_is_a_median_along_the_normal(tmp_path, array):
    fields, at = {"ImageToProbeTransform": text_of(np.diag([0.2, 0.1, 1, 1]))}, (0, 1, 1, 1, 3, 4, 9)
    for k, z in enumerate(at):
        pose = np.eye(4)
        pose[:3, 3] = 0.5 * k, -k, z  # it slips sideways, too
        fields[f"Seq_Frame{k:04d}_ProbeToTrackerTransform"] = text_of(pose)
    volume = read_volume(write_mha(tmp_path / "a.mha", array, fields))
    assert volume.spacing_mm == pytest.approx((1.5, 0.1, 0.2))  # of 1, 2, 1, 5
    fields["Seq_Frame0004_ProbeToTrackerTransformStatus"] = "INVALID"
    volume = read_volume(write_mha(tmp_path / "b.mha", array, fields))
    assert volume.spacing_mm == pytest.approx((1.5, 0.1, 0.2))  # of 1, 3 over two frames, 5


def test_the_distance_of_frames_can_be_given_and_that_of_pixels_cannot(tmp_path, array):
    path = write_mha(tmp_path / "a.mha", array, calibrated(FRAMES))
    row_mm, column_mm = read_volume(path).spacing_mm[1:]
    assert read_volume(path, spacing_mm=(4.0, row_mm, column_mm)).spacing_mm == (4.0, row_mm, column_mm)
    with pytest.raises(InputError, match=r"is a tracked sweep with rows 0\.2032 and columns 0\.3002 mm apart") as error:
        read_volume(path, spacing_mm=(4.0, row_mm, 0.5))
    assert error.value.setting == "spacing_mm"


def test_labels_in_a_sequence_are_labels(tmp_path, array):
    path = write_mha(tmp_path / "a.mha", array % 3, frame_fields(FRAMES))
    np.testing.assert_array_equal(read_labels(path).array, array % 3)


SPOILT = {
    "holds no matrix": {"Seq_Frame0002_ProbeToTrackerTransform": "1 0 0 0 0 1 0 0 0 0 1 0 0 0 0"},
    "last row 0 0 0 1": {"ImageToProbeTransform": text_of(np.ones((4, 4)))},
    "holds no number": {"Seq_Frame0002_Timestamp": "noon"},
    "has 7 frames, but a field Seq_Frame0007_Timestamp": {"Seq_Frame0007_Timestamp": "3"},
    "image orientation 'XY'": {"UltrasoundImageOrientation": "XY"},
    "frames without size": {"ImageToProbeTransform": text_of(np.diag([1, 0, 1, 1]))},
}  # fmt: skip


@pytest.mark.parametrize("said", SPOILT)
def test_what_cannot_be_used_is_refused_in_a_sentence(tmp_path, array, said):
    fields = calibrated(FRAMES) | {"UltrasoundImageOrientation": "MFA"} | SPOILT[said]
    path = write_mha(tmp_path / "a.mha", array, fields, orientation=None)
    with pytest.raises(InputError, match=said):
        read_volume(path)


def test_frames_in_one_plane_and_too_few_frames_are_refused(tmp_path, array):
    fields = {f"Seq_Frame{k:04d}_ImageToBedTransform": text_of(IMAGE_TO_PROBE) for k in range(FRAMES)}
    with pytest.raises(InputError, match="all lie in one plane"):
        read_volume(write_mha(tmp_path / "a.mha", array, fields))
    fields = calibrated(FRAMES, lost=range(1, FRAMES))
    with pytest.raises(InputError, match="has 1 tracked frames of 7"):
        read_volume(write_mha(tmp_path / "b.mha", array, fields))


def test_several_spaces_of_which_none_is_known_are_asked_for(tmp_path, array):
    fields = {}
    for k, (probe, leg) in enumerate(zip(*tracked(FRAMES), strict=True)):
        fields[f"Seq_Frame{k:04d}_ImageToBedTransform"] = text_of(probe @ IMAGE_TO_PROBE)
        fields[f"Seq_Frame{k:04d}_LegToBedTransform"] = text_of(leg)
    path = write_mha(tmp_path / "a.mha", array, fields)
    with pytest.raises(InputError, match="to Bed, Leg: expected Reference") as error:
        read_volume(path)
    assert error.value.setting == "space"
    check_planes(read_volume(path, tracking=Tracking(space="Leg")))


def test_what_no_file_takes_is_refused(tmp_path, array, write_stored):
    plain = write_stored(tmp_path / "a.nii", np.ascontiguousarray(array.T), np.eye(4))
    with pytest.raises(InputError, match="takes no calibration, as it holds no transforms by name"):
        read_volume(plain, tracking=Tracking(calibration=tmp_path / "c.txt"))
    with pytest.raises(InputError, match="takes no space, as the poses say where its frames lie"):
        read_volume(plain, tracking=Tracking(poses=tmp_path / "p.csv", space="Tracker"))
    with pytest.raises(InputError, match="frames along axis 2"):
        read_volume(write_mha(tmp_path / "a.mha", array, calibrated(FRAMES)), axis=0)


@pytest.mark.parametrize(
    "text",
    ["", "<a/>", "<a><Transform/></a>", "<!DOCTYPE a><a/>", "<a", '<a><Transform From="A" To="B" Matrix=""/></a>'],
)
def test_a_configuration_without_transforms_is_refused(tmp_path, array, text):
    (tmp_path / "c.xml").write_text(text)
    path = write_mha(tmp_path / "a.mha", array, frame_fields(FRAMES))
    with pytest.raises(InputError, match="holds no calibration"):
        read_volume(path, tracking=Tracking(calibration=tmp_path / "c.xml"))
