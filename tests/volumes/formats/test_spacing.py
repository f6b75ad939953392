"""Files that say no spacing, or sizes that no body has: refused, and read with a spacing that is given."""

import nibabel
import numpy as np
import pytest

from ifss_keras.core.errors import GeometryError, InputError
from ifss_keras.volumes.annotation import read_annotation
from ifss_keras.volumes.io import read_labels, read_volume, write_labels
from ifss_keras.volumes.volume import LARGEST_EXTENT_MM, Source, Volume

SHAPE = (5, 7, 11)  # as stored: i, j, k
AFFINE = np.diag([0.5, 0.8, 2.5, 1.0])
GIVEN_MM = (3.0, 0.7, 0.6)


@pytest.fixture
def voxels():
    return np.random.default_rng(3).integers(0, 3, SHAPE).astype(np.uint8)


def metaimage(path, voxels, *lines, drop=("ElementSpacing",)):
    """A MetaImage file with lines of its own, without those that are dropped."""
    given = [
        "ObjectType = Image",
        "NDims = 3",
        "BinaryData = True",
        "ElementSpacing = 0.5 0.8 2.5",
        "DimSize = 5 7 11",
        *lines,
        "ElementType = MET_UCHAR",
        "ElementDataFile = LOCAL",
    ]
    text = "".join(f"{line}\n" for line in given if not line.startswith(drop))
    path.write_bytes(text.encode() + voxels.tobytes(order="F"))


def nrrd(path, voxels, *lines):
    given = ["NRRD0004", "type: uchar", "dimension: 3", "sizes: 5 7 11", "encoding: raw", *lines, "", ""]
    path.write_bytes("\n".join(given).encode() + voxels.tobytes(order="F"))


def nifti(path, voxels, pixdim, codes=(0, 0), unit=0, affine=None):
    image = nibabel.Nifti1Image(voxels, affine)
    image.header.set_xyzt_units(unit)
    content = bytearray(image.to_bytes())
    content[80:92] = np.array(pixdim, "<f4").tobytes()
    content[252:256] = np.array(codes, "<i2").tobytes()
    path.write_bytes(content)


LPS = "space: left-posterior-superior"
SILENT = {
    "a.mha": lambda path, voxels: metaimage(path, voxels),
    "b.mha": lambda path, voxels: metaimage(path, voxels, "ElementSpacing = 0 0.8 2.5", drop=("ElementSpacing = 0.5",)),
    "c.mha": lambda path, voxels: metaimage(path, voxels, "DistanceUnits = cm", drop=()),
    "a.nrrd": lambda path, voxels: nrrd(path, voxels),
    "b.nrrd": lambda path, voxels: nrrd(path, voxels, "spacings: 0.5 nan 2.5"),
    "c.nrrd": lambda path, voxels: nrrd(path, voxels, LPS, "space origin: (1,2,3)"),
    "d.nrrd": lambda path, voxels: nrrd(path, voxels, LPS, "space directions: (1,0,0) (0,0,0) (0,0,1)"),
    "e.nrrd": lambda path, voxels: nrrd(
        path, voxels, LPS, "space directions: (1,0,0) (0,1,0) (0,0,1)", 'space units: "m" "m" "m"'
    ),
    "a.nii": lambda path, voxels: nifti(path, voxels, (0, 0, 0)),
    "b.nii": lambda path, voxels: nifti(path, voxels, (0.5, 0, 2.5), codes=(1, 0)),
    "c.nii": lambda path, voxels: nifti(path, voxels, (np.nan, 1, 1)),
    "d.nii": lambda path, voxels: nifti(path, voxels, (1, 1, 1)),
}
SPEAKING = {
    "a.mha": lambda path, voxels: metaimage(path, voxels, drop=()),
    "b.mha": lambda path, voxels: metaimage(path, voxels, "ElementSize = 0.5 0.8 2.5"),
    "c.mha": lambda path, voxels: metaimage(path, voxels, "DistanceUnits = mm", drop=()),
    "a.nrrd": lambda path, voxels: nrrd(path, voxels, "spacings: 0.5 0.8 2.5"),
    "b.nrrd": lambda path, voxels: nrrd(
        path, voxels, LPS, "space directions: (0.5,0,0) (0,0.8,0) (0,0,2.5)", 'space units: "mm" "mm" "mm"'
    ),
    "a.nii": lambda path, voxels: nifti(path, voxels, (0.5, 0.8, 2.5)),
    "b.nii": lambda path, voxels: nifti(path, voxels, (0.5, 0.8, 2.5), codes=(1, 0)),
    "c.nii": lambda path, voxels: nifti(path, voxels, (0, 0, 0), codes=(0, 1), affine=AFFINE),
    "d.nii": lambda path, voxels: nifti(path, voxels, (500, 800, 2500), unit="micron"),
    "e.nii": lambda path, voxels: nifti(path, voxels, (0.0005, 0.0008, 0.0025), unit="meter"),
}


@pytest.mark.parametrize("name", SILENT)
def test_a_file_that_says_no_spacing_is_refused_unless_one_is_given(tmp_path, voxels, name):
    path = tmp_path / name
    SILENT[name](path, voxels)
    for read in (read_volume, read_labels):
        with pytest.raises(InputError, match="does not say how far its voxels lie apart") as caught:
            read(path)
        assert caught.value.setting == "spacing_mm"
        volume = read(path, spacing_mm=GIVEN_MM)
        assert volume.spacing_mm == GIVEN_MM
        assert volume.voxel_volume_ml == pytest.approx(0.00126)
        np.testing.assert_array_equal(volume.array, voxels.transpose(2, 1, 0))


@pytest.mark.parametrize("name", SPEAKING)
def test_a_file_that_says_its_spacing_is_read(tmp_path, voxels, name):
    SPEAKING[name](tmp_path / name, voxels)
    volume = read_volume(tmp_path / name)
    assert volume.spacing_mm == pytest.approx((2.5, 0.8, 0.5))
    np.testing.assert_array_equal(volume.array, voxels.transpose(2, 1, 0))


def test_a_spacing_of_one_that_is_said_is_believed(tmp_path, voxels):
    metaimage(tmp_path / "a.mha", voxels, "ElementSpacing = 1 1 1", drop=("ElementSpacing = 0.5",))
    nifti(tmp_path / "a.nii", voxels, (1, 1, 1), unit="mm")
    nibabel.Nifti1Image(voxels, np.eye(4)).to_filename(tmp_path / "b.nii")
    for name in ("a.mha", "a.nii", "b.nii"):
        assert read_volume(tmp_path / name).spacing_mm == (1, 1, 1)


@pytest.mark.parametrize("name", ["a.mha", "c.nrrd", "a.nii", "b.nii", "d.nii"])
def test_a_mask_lies_on_the_grid_of_an_image_without_spacing(tmp_path, voxels, read_stored, name):
    SILENT[name](tmp_path / name, voxels)
    image = read_volume(tmp_path / name, spacing_mm=GIVEN_MM)
    mask = tmp_path / f"mask{(tmp_path / name).suffix}"
    write_labels(mask, image.array, image)
    found, affine = read_stored(mask)
    np.testing.assert_array_equal(found, voxels)
    # where the file says nothing, every reader takes 1 mm; nibabel alone mends a NIfTI header the same way
    np.testing.assert_allclose(affine, read_stored(tmp_path / name)[1], atol=1e-6)


@pytest.mark.parametrize("name", ["a.mha", "a.nrrd", "a.nii", "d.nii"])
def test_a_reference_without_spacing_fits_its_image_without_spacing(tmp_path, voxels, name):
    voxels[:, :, 3:8] = 0
    SILENT[name](tmp_path / name, voxels + np.uint8(7))
    SILENT[name](tmp_path / f"labels_{name}", voxels)
    image = read_volume(tmp_path / name, spacing_mm=GIVEN_MM)
    annotation = read_annotation(tmp_path / f"labels_{name}", image)
    np.testing.assert_array_equal(annotation.slices, [0, 1, 2, 8, 9, 10])
    np.testing.assert_array_equal(annotation.masks, voxels.transpose(2, 1, 0)[annotation.slices])


def test_a_reference_without_spacing_does_not_fit_an_image_with_one(tmp_path, voxels):
    metaimage(tmp_path / "image.mha", voxels + np.uint8(7), drop=())
    metaimage(tmp_path / "labels.mha", voxels)
    with pytest.raises(GeometryError, match="expected spacing"):
        read_annotation(tmp_path / "labels.mha", read_volume(tmp_path / "image.mha"))


@pytest.mark.parametrize("spacing_mm", [(50.1, 1, 1), (1, 1e6, 1), (1, 1, 99), (0, 1, 1), (np.nan, 1, 1)])
def test_spacings_that_no_body_has_are_refused_in_whatever_way_they_come(tmp_path, voxels, spacing_mm):
    metaimage(tmp_path / "given.mha", voxels, drop=())
    for refuse in (
        lambda: Volume.from_array(voxels, spacing_mm),
        lambda: read_volume(tmp_path / "given.mha", spacing_mm=spacing_mm),
        lambda: read_labels(tmp_path / "given.mha", spacing_mm=spacing_mm),
    ):
        with pytest.raises(InputError) as caught:
            refuse()
        assert caught.value.setting == "spacing_mm"


@pytest.mark.parametrize("extension", [".nii", ".mha", ".nrrd"])
@pytest.mark.parametrize("large", [51.0, 1e6])
def test_sizes_in_a_header_that_no_body_has_are_refused(tmp_path, voxels, write_stored, extension, large):
    path = write_stored(tmp_path / f"a{extension}", voxels, np.diag([large, 0.8, 2.5, 1]))
    with pytest.raises(InputError, match="expected at most 2500 mm and 50 mm") as caught:
        read_volume(path)
    assert caught.value.setting == "spacing_mm"


def test_a_volume_may_be_as_large_as_a_body_and_no_larger():
    at_most = Volume.from_array(np.zeros((50, 2, 2), np.uint8), (LARGEST_EXTENT_MM / 50, 1, 1))
    assert at_most.spacing_mm == (50, 1, 1)
    for shape, spacing_mm in (((51, 2, 2), (50, 1, 1)), ((2, 2501, 2), (1, 1, 1)), ((2, 2, 5001), (1, 1, 0.5))):
        with pytest.raises(InputError, match=r"is said to be .* mm large"):
            Volume.from_array(np.zeros(shape, np.uint8), spacing_mm)
        with pytest.raises(InputError, match=r"is said to be .* mm large"):
            Volume.from_stored(np.zeros(shape[::-1], np.uint8), np.diag([*spacing_mm[::-1], 1]), Source())


def test_what_nibabel_mends_in_a_header_is_told_to_nobody(tmp_path, voxels, capfd, caplog, recwarn):
    cases = {"a.nii": (0, 0), "b.nii": (1, 77), "c.nii": (99, 0)}
    for name, codes in cases.items():
        nifti(tmp_path / name, voxels, (0, -0.8, 2.5), codes=codes)
        image = read_volume(tmp_path / name, spacing_mm=GIVEN_MM)
        write_labels(tmp_path / f"mask_{name}", image.array, image)
        read_labels(tmp_path / f"mask_{name}", spacing_mm=GIVEN_MM)
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []
    assert list(recwarn) == []


@pytest.mark.parametrize("spacing_mm", [(0.003, 0.002, 0.002), (0.0005, 1, 1)])
def test_metres_taken_for_millimetres_are_refused(spacing_mm):
    with pytest.raises(InputError) as caught:
        Volume.from_stored(np.zeros((30, 30, 20), np.uint8), np.diag([*spacing_mm[::-1], 1]), Source())
    assert caught.value.setting == "spacing_mm"
