"""MAT-files of every version: the right voxel in the right place, its spacing and names, and plain refusals."""

from pathlib import Path, PureWindowsPath

import numpy as np
import pytest
import scipy.io

from ifss_keras.core.errors import GeometryError, InputError
from ifss_keras.volumes.annotation import read_annotation
from ifss_keras.volumes.formats.matlab import format as matlab
from ifss_keras.volumes.formats.registry import file_of, files_of, format_of, voxels_in
from ifss_keras.volumes.io import read_labels, read_volume, write_labels, write_volume
from ifss_keras.volumes.volume import Volume
from tests.volumes.formats.matlab_files import big_endian_v5, write_v7, write_v73

SHAPE = (5, 7, 11)  # rows, columns, slices
SPACING = np.array([0.5, 0.8, 2.5])
WRITERS = {
    "v7": write_v7,
    "v6": lambda path, content: write_v7(path, content, compressed=False),
    "v7.3": write_v73,
    "v7.3 plain": lambda path, content: write_v73(path, content, compressed=False),
}


@pytest.fixture(params=WRITERS)
def write(request, tmp_path):
    return lambda content, name="a.mat": WRITERS[request.param](tmp_path / name, content)


def voxels(dtype="int16"):
    """A(row, column, slice) = 40 row + 6 column + slice, less 60 where the type has a sign."""
    row, column, slice_ = np.indices(SHAPE)
    numbers = 40 * row + 6 * column + slice_
    return (numbers % 2 == 1) if dtype == "bool" else (numbers - (60 if dtype[0] in "if" else 0)).astype(dtype)


@pytest.mark.parametrize(
    "dtype", ["uint8", "int16", "uint16", "int32", "int64", "float32", "float64", "bool"]
)  # fmt: skip
def test_row_column_and_slice_are_where_matlab_has_them(write, dtype):
    array = voxels(dtype)
    volume = read_volume(write({"A": array, "spacing": SPACING}))
    assert volume.array.shape == (11, 5, 7)
    assert volume.array[9, 3, 6] == array[3, 6, 9]
    np.testing.assert_array_equal(volume.array, array.transpose(2, 0, 1))
    assert volume.array.dtype == (np.uint8 if dtype == "bool" else array.dtype)
    assert volume.spacing_mm == (2.5, 0.5, 0.8)
    np.testing.assert_array_equal(volume.affine[:3, :3], [[0, 0, -0.8], [0, -0.5, 0], [2.5, 0, 0]])
    assert not volume.source.oriented


@pytest.mark.parametrize(("axis", "to_array"), [(0, (1, 2, 0)), (1, (0, 2, 1)), (2, (2, 0, 1))])
def test_axes_are_columns_rows_and_slices(write, axis, to_array):
    volume = read_volume(write({"A": voxels(), "spacing": SPACING}), axis=axis)
    np.testing.assert_array_equal(volume.array, voxels().transpose(to_array))
    assert volume.spacing_mm == tuple(SPACING[list(to_array)])


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64"])
def test_files_of_big_endian_machines(tmp_path, dtype):
    for name in ("A", "a_longer_name"):
        (tmp_path / "a.mat").write_bytes(big_endian_v5(name, voxels(dtype)))
        np.testing.assert_array_equal(scipy.io.loadmat(tmp_path / "a.mat")[name], voxels(dtype))
        volume = read_volume(tmp_path / "a.mat", spacing_mm=(1, 1, 1))
        np.testing.assert_array_equal(volume.array, voxels(dtype).transpose(2, 0, 1))
        assert volume.array.dtype == dtype


def test_the_field_of_a_struct_with_its_own_spacing_before_that_of_the_file(write):
    path = write(
        {
            "spacing": np.full(3, 9.0),
            "text": "some text",
            "plane": np.ones((3, 4)),
            "scan": {"image": voxels("uint8"), "VoxelSize": SPACING, "more": {"mask": voxels("bool")}},
        }
    )
    image = read_volume(f"{path}:scan.image")
    np.testing.assert_array_equal(image.array, voxels("uint8").transpose(2, 0, 1))
    assert image.spacing_mm == (2.5, 0.5, 0.8)
    mask = read_labels(f"{path}:scan.more.mask")
    np.testing.assert_array_equal(mask.array, voxels("bool").transpose(2, 0, 1))
    assert mask.spacing_mm == (9, 9, 9)
    with pytest.raises(InputError) as caught:
        read_volume(path)
    assert f"{path} has 2 arrays of three dimensions, " in str(caught.value)
    assert "scan.image (5 x 7 x 11 uint8), scan.more.mask (5 x 7 x 11 logical): expected one" in str(caught.value)
    assert str(caught.value).endswith(f"write {path}:scan.image for that one.")


@pytest.mark.parametrize("name", ["spacing", "spacing_mm", "voxel_size", "VoxelSize", "PixelSpacing", "pixdim"])
@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_names_of_spacings(tmp_path, name, shape):
    path = write_v7(tmp_path / "a.mat", {"A": voxels(), name: SPACING.reshape(shape)})
    assert read_volume(path).spacing_mm == (2.5, 0.5, 0.8)


@pytest.mark.parametrize("spacing", [[0.5, 0.8], [0.5, 0.8, 0], [0.5, np.nan, 1], [0.5, -1, 1], "0.5 0.8 2.5", 1.0])
def test_a_spacing_that_is_not_three_distances_is_none(write, spacing):
    path = write({"A": voxels(), "spacing": spacing if isinstance(spacing, str) else np.array(spacing)})
    with pytest.raises(InputError, match="does not say how far its voxels lie apart") as caught:
        read_volume(path)
    assert caught.value.setting == "spacing_mm"
    volume = read_volume(path, spacing_mm=(3, 2, 0.7))
    assert volume.spacing_mm == (3, 2, 0.7)
    np.testing.assert_array_equal(volume.affine, Volume.from_array(volume.array, (3, 2, 0.7)).affine)


def test_two_spacings_are_refused(write):
    path = write({"A": voxels(), "spacing": SPACING, "voxel_size": np.ones(3)})
    with pytest.raises(InputError, match=r"says two spacings, 0\.5 x 0\.8 x 2\.5 and 1 x 1 x 1 mm"):
        read_volume(path)
    assert read_volume(write({"A": voxels(), "spacing": SPACING, "VoxelSize": SPACING})).spacing_mm == (2.5, 0.5, 0.8)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ({"A": np.ones((5, 7))}, "no array of three dimensions .* received A .5 x 7 double."),
        ({"A": np.ones((5, 7, 3, 11), np.uint8)}, "received A .5 x 7 x 3 x 11 uint8."),
        ({"A": voxels() * 1j}, "received A .5 x 7 x 11 complex."),
        ({"A": "text"}, "received A .1 x 4 char."),
    ],
)
def test_what_is_no_volume_of_real_numbers_is_refused(write, content, word):
    path = write(content)
    with pytest.raises(InputError, match=word):
        read_volume(path)
    with pytest.raises(InputError, match="expected an array of three dimensions of real numbers"):
        read_volume(f"{path}:A")


def test_what_a_file_lacks_is_refused_with_what_it_has(write):
    path = write({"A": voxels()})
    with pytest.raises(InputError, match=r"a\.mat:B is not there: expected one of A .5 x 7 x 11 int16.; correct"):
        read_volume(f"{path}:B")
    with pytest.raises(InputError, match="does not exist"):
        read_volume(f"{path.with_name('b.mat')}:A")


def test_cells_and_sparse_and_version_4_are_refused(tmp_path):
    cells = np.empty((2, 3, 4), object)
    cells[:] = 1.0
    path = write_v7(tmp_path / "a.mat", {"C": cells, "S": scipy.sparse.csc_matrix(np.eye(3))})
    for name, kind in (("C", "2 x 3 x 4 cell"), ("S", "3 x 3 sparse")):
        with pytest.raises(InputError, match=f"received {name} .{kind}."):
            read_volume(f"{path}:{name}")
    scipy.io.savemat(tmp_path / "b.mat", {"A": np.ones((5, 7))}, format="4")
    with pytest.raises(InputError, match="version 4, which holds no volumes"):
        read_volume(tmp_path / "b.mat")


def test_the_path_of_a_part_leads_to_its_file(tmp_path):
    path = write_v7(tmp_path / "a.MAT", {"A": voxels(), "spacing": SPACING})
    part = Path(f"{path}:A")
    assert (file_of(part), files_of(part), format_of(part).name, voxels_in(part)) == (path, [path], "matlab", 385)
    assert file_of(path) == path
    assert file_of(tmp_path / "a.nii:A") == tmp_path / "a.nii:A"
    windows = matlab._PART.fullmatch(str(PureWindowsPath(r"C:\scans\a.mat:s.image")))
    assert windows.groups() == (r"C:\scans\a.mat", "s.image")
    assert matlab._PART.fullmatch(r"C:\scans\a.mat") is None


def test_what_we_write_others_read(tmp_path, oblique_affine):
    labels = np.zeros((11, 5, 7), np.uint8)
    labels[9, 3, 6], labels[2, :3, :4] = 200, 7
    like = _like(oblique_affine)
    names = {7: "soléaire", 200: "GM", 31: "not in it"}
    write_labels(tmp_path / "mask.mat", labels, like, names)
    held = scipy.io.loadmat(tmp_path / "mask.mat")
    assert held["labels"].dtype == np.uint8
    assert held["labels"][3, 6, 9] == 200
    np.testing.assert_array_equal(held["labels"], labels.transpose(1, 2, 0))
    np.testing.assert_allclose(held["spacing_mm"], [[0.8, 0.5, 2.5]])
    row, column, slice_ = 3, 6, 9
    np.testing.assert_allclose(held["affine"] @ [row, column, slice_, 1], like.affine @ [slice_, row, column, 1])
    assert held["names"]["code"][0, 0].ravel().tolist() == [7, 31, 200]
    assert [cell.item() for cell in held["names"]["name"][0, 0].ravel()] == ["soléaire", "not in it", "GM"]
    back = read_labels(tmp_path / "mask.mat")
    np.testing.assert_array_equal(back.array, labels)
    np.testing.assert_allclose(back.affine, like.affine)
    assert back.spacing_mm == pytest.approx(like.spacing_mm)
    assert (back.source.names, back.source.oriented) == (names, True)
    assert (tmp_path / "mask.mat").read_bytes()[:20] == b"MATLAB 5.0 MAT-file,"
    first = (tmp_path / "mask.mat").read_bytes()
    write_labels(tmp_path / "mask.mat", labels, like, names)
    assert (tmp_path / "mask.mat").read_bytes() == first


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_masks_of_any_axis_come_back_on_the_grid_of_their_image(tmp_path, write, axis):
    image = read_volume(write({"A": voxels(), "spacing": SPACING}), axis=axis)
    labels = (image.array > 0) * np.uint8(3)
    write_labels(tmp_path / "mask.mat", labels, image)
    np.testing.assert_array_equal(scipy.io.loadmat(tmp_path / "mask.mat")["labels"], (voxels() > 0) * 3)
    found = read_labels(tmp_path / "mask.mat", axis=axis)
    np.testing.assert_array_equal(found.array, labels)
    np.testing.assert_array_equal(found.affine, image.affine)
    annotation = read_annotation(tmp_path / "mask.mat", image)
    assert annotation.codes == (3,)


def test_names_in_version_7_3(tmp_path):
    names = {"code": np.array([[3.0], [7.0]]), "name": ["SOL", "GM"]}
    path = write_v73(tmp_path / "a.mat", {"labels": voxels("bool"), "spacing": SPACING, "names": names})
    assert read_labels(path).source.names == {3: "SOL", 7: "GM"}


def test_an_image_is_written(tmp_path):
    like = Volume.from_array(np.zeros((11, 5, 7)), (2.5, 0.5, 0.8))
    write_volume(tmp_path / "a.mat", voxels("float32").transpose(2, 0, 1), like)
    np.testing.assert_array_equal(scipy.io.loadmat(tmp_path / "a.mat")["image"], voxels("float32"))
    assert read_volume(tmp_path / "a.mat").spacing_mm == (2.5, 0.5, 0.8)


def test_more_than_a_file_can_hold_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(matlab, "LARGEST_BYTES", 384)
    like = Volume.from_array(np.zeros((11, 5, 7)), (2.5, 0.5, 0.8))
    with pytest.raises(InputError, match="expected at most 2 GB"):
        write_labels(tmp_path / "a.mat", np.ones((11, 5, 7), np.uint8), like)
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match="unknown extension"):
        write_labels(tmp_path / "a.mat:labels", np.ones((11, 5, 7), np.uint8), like)


def test_an_affine_and_a_spacing_that_differ_are_refused(write):
    affine = np.diag([0.5, 0.8, 2.5, 1.0])
    path = write({"A": voxels(), "affine": affine})
    assert read_volume(path).spacing_mm == (2.5, 0.5, 0.8)
    path = write({"A": voxels(), "affine": affine, "spacing": SPACING[::-1]})
    with pytest.raises(InputError, match="says two spacings"):
        read_volume(path)


def test_a_reference_on_another_grid_is_refused(write):
    image = read_volume(write({"A": voxels(), "spacing": SPACING}))
    write({"A": voxels("bool"), "spacing": SPACING[::-1]}, "b.mat")
    with pytest.raises(GeometryError, match="expected spacing"):
        read_annotation(f"{image.source.path.with_name('b.mat')}:A", image)


@pytest.mark.parametrize("kept", [0.02, 0.3, 0.6, 0.95, 0.999])
def test_truncated_files_are_refused(write, kept):
    path = write({"A": np.random.default_rng(0).integers(0, 255, SHAPE, np.uint8), "z": np.arange(1000)})
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(InputError, match=r"truncated or corrupted|not a MAT-file"):
        read_volume(path, spacing_mm=(1, 1, 1))


def test_the_memory_that_is_allowed_is_kept_to(write):
    path = write({"A": np.zeros((100, 100, 100))})
    with pytest.raises(InputError, match=r"needs 0\.008 GB of memory") as caught:
        read_volume(path, spacing_mm=(1, 1, 1), max_gb=0.0079)
    assert caught.value.setting == "max_gb"
    assert read_volume(path, spacing_mm=(1, 1, 1), max_gb=0.0081).array.shape == (100, 100, 100)


def _like(oblique_affine):
    from ifss_keras.volumes.volume import Source

    return Volume.from_stored(np.zeros((7, 5, 11), np.uint8), oblique_affine, Source(oriented=True))
