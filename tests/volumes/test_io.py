"""Files: the same data in every format, masks in place by independent readers, refusals in one sentence."""

import subprocess
import sys
import tempfile
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ifss_keras.volumes import io
from ifss_keras.volumes.io import read_labels, read_volume, write_labels, write_volume
from ifss_keras.volumes.volume import Volume

SHAPE = (5, 7, 11)  # as stored: i, j, k
EXTENSIONS = (".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".nhdr")
SLICE_FIRST = {0: "ijk->ikj", 1: "ijk->jki", 2: "ijk->kji"}


@pytest.fixture
def stored():
    return np.random.default_rng(3).integers(-900, 3000, SHAPE).astype(np.int16)


def positions_mm(labels, affine):
    """{code: sorted (n, 3) RAS positions of its voxels}, in tenths of a micrometre to survive rounding."""
    out = {}
    for code in np.unique(labels[labels > 0]).tolist():
        index = np.argwhere(labels == code)
        mm = index @ affine[:3, :3].T + affine[:3, 3]
        out[code] = mm[np.lexsort(np.round(mm, 3).T)]
    return out


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("extension", EXTENSIONS)
def test_the_same_data_gives_the_same_volume(tmp_path, write_stored, oblique_affine, stored, extension, axis):
    path = write_stored(tmp_path / f"image{extension}", stored, oblique_affine)
    volume = read_volume(path, axis=axis)
    np.testing.assert_array_equal(volume.array, np.einsum(SLICE_FIRST[axis], stored))
    assert volume.array.dtype == np.int16
    np.testing.assert_allclose(volume.stored_affine, oblique_affine, atol=1e-5)
    spacing = {0: (0.5, 2.5, 0.8), 1: (0.8, 2.5, 0.5), 2: (2.5, 0.8, 0.5)}[axis]
    np.testing.assert_allclose(volume.spacing_mm, spacing, rtol=1e-5)
    assert volume.voxel_volume_ml == pytest.approx(0.001, rel=1e-5)
    assert volume.source.path == path


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("extension", [*EXTENSIONS, ".seg.nrrd"])
@pytest.mark.parametrize("image_extension", [".nii.gz", ".mha", ".nrrd"])
def test_masks_lie_where_they_belong_in_every_format(
    tmp_path, write_stored, read_stored, oblique_affine, stored, image_extension, extension, axis
):
    image = read_volume(write_stored(tmp_path / f"i{image_extension}", stored, oblique_affine), axis=axis)
    rng = np.random.default_rng(5)
    labels = rng.choice([0, 0, 0, 1, 100, 300], image.array.shape)
    write_labels(tmp_path / f"mask{extension}", labels, image)

    found, affine = read_stored(tmp_path / f"mask{extension}")
    np.testing.assert_allclose(affine, oblique_affine, atol=1e-5)
    assert found.shape == SHAPE
    assert found.dtype == np.uint16
    expected = positions_mm(labels, image.affine)
    received = positions_mm(found, affine)
    assert sorted(expected) == sorted(received) == [1, 100, 300]
    for code, mm in expected.items():
        np.testing.assert_allclose(received[code], mm, atol=1e-3)

    again = read_labels(tmp_path / f"mask{extension}", axis=axis)
    np.testing.assert_array_equal(again.array, labels)
    assert again.voxel_volume_ml == pytest.approx(image.voxel_volume_ml, rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(*[st.integers(2, 6)] * 3),
    axis=st.integers(0, 2),
    extension=st.sampled_from((".nii.gz", ".mha", ".seg.nrrd")),
    seed=st.integers(0, 2**16),
)
def test_what_is_written_is_read(shape, axis, extension, seed):
    rng = np.random.default_rng(seed)
    affine = np.eye(4)
    affine[:3, :3] = np.linalg.qr(rng.normal(size=(3, 3)))[0] * rng.uniform(0.2, 4, 3)
    affine[:3, 3] = rng.uniform(-200, 200, 3)
    made = Volume.from_stored(np.zeros(shape, np.uint8), affine, io.Source(axis=axis))
    labels = rng.integers(0, 4, made.array.shape)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"mask{extension}"
        write_labels(path, labels, made)
        again = read_labels(path, axis=axis)
    np.testing.assert_array_equal(again.array, labels)
    np.testing.assert_allclose(again.affine, made.affine, atol=1e-4)


def test_an_image_in_memory_is_written_and_read(tmp_path, oblique_affine):
    array = np.random.default_rng(0).normal(size=(3, 5, 7)).astype(np.float32)
    like = Volume.from_array(array, (4.0, 3.0, 2.0))
    for name in ("image.nii.gz", "image.mhd", "image.nrrd"):
        write_volume(tmp_path / name, array, like)
        again = read_volume(tmp_path / name)
        np.testing.assert_array_equal(again.array, array)
        assert again.array.dtype == np.float32
        np.testing.assert_allclose(again.affine, like.affine, atol=1e-6)
    write_volume(tmp_path / "half.mha", array.astype(np.float16), like)
    assert read_volume(tmp_path / "half.mha").array.dtype == np.float32


def test_an_overridden_spacing_is_used_but_not_written(tmp_path, write_stored, read_stored, oblique_affine, stored):
    path = write_stored(tmp_path / "image.mha", stored, oblique_affine)
    image = read_volume(path, spacing_mm=(1.0, 2.0, 5.0))
    assert image.voxel_volume_ml == pytest.approx(0.010)
    write_labels(tmp_path / "mask.nii.gz", np.ones_like(image.array), image)
    np.testing.assert_allclose(read_stored(tmp_path / "mask.nii.gz")[1], oblique_affine, atol=1e-5)


def test_the_same_labels_give_the_same_bytes(tmp_path, oblique_affine):
    like = Volume.from_stored(np.zeros(SHAPE, np.uint8), oblique_affine, io.Source())
    labels = np.random.default_rng(0).integers(0, 3, like.array.shape)
    for extension in (*EXTENSIONS, ".seg.nrrd"):
        path = tmp_path / f"mask{extension}"
        write_labels(path, labels, like, {1: "SOL"})
        first = path.read_bytes()
        write_labels(path, labels, like, {1: "SOL"})
        assert path.read_bytes() == first


@pytest.mark.parametrize(
    ("largest", "dtype"), [(255, np.uint8), (256, np.uint16), (65535, np.uint16), (65536, np.int32)]
)
def test_masks_take_the_smallest_type_that_holds_them(tmp_path, largest, dtype):
    labels = np.full((2, 3, 5), largest, np.int64)
    write_labels(tmp_path / "mask.nii", labels, Volume.from_array(labels, (1, 1, 1)))
    assert nibabel.load(tmp_path / "mask.nii").get_data_dtype() == dtype


def test_real_images_keep_their_grid_in_every_format(tmp_path, test_data, read_stored):
    for name in ("leg_mri_3mm", "spinal_cord_mri"):
        image = read_volume(test_data / name / "image.nii.gz")
        labels = read_labels(test_data / name / "label.nii.gz")
        original = nibabel.load(test_data / name / "label.nii.gz")
        for extension in (".nii.gz", ".mha", ".seg.nrrd"):
            write_labels(tmp_path / f"mask{extension}", labels.array, image)
            found, affine = read_stored(tmp_path / f"mask{extension}")
            np.testing.assert_array_equal(found, original.get_fdata())
            np.testing.assert_allclose(affine, nibabel.load(image.source.path).affine, atol=1e-4)
            again = read_labels(tmp_path / f"mask{extension}")
            assert again.voxel_volume_ml == pytest.approx(image.voxel_volume_ml, rel=1e-5)


def test_a_real_reconstruction_is_read_as_it_is(test_data):
    image = read_volume(test_data / "tracked_sweeps" / "SpinePhantomFreehandReconstructed.mha")
    assert image.array.shape == (104, 106, 147)
    assert image.spacing_mm == (0.5, 0.5, 0.5)


def test_libraries_of_other_formats_are_not_imported_for_nifti(tmp_path):
    path = tmp_path / "a.nii.gz"
    nibabel.Nifti1Image(np.ones((5, 7, 11), np.uint8), np.eye(4)).to_filename(path)
    script = """
import sys
from ifss_keras.volumes.io import read_volume, write_labels
volume = read_volume(sys.argv[1])
write_labels(sys.argv[1].replace("a.nii", "b.nii"), volume.array, volume)
print(sorted({"tifffile", "imagecodecs", "openpyxl", "h5py", "scipy.io"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")
