"""Headers that claim more or fewer voxels than there are: refused before memory is taken, never filled up."""

import gzip
import struct
import subprocess
import sys
import zlib

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from ifss_keras.core.errors import InputError
from ifss_keras.volumes.io import read_labels, read_volume

SHAPE = (5, 7, 20)  # as stored: i, j, k
EXTENSIONS = (".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".nhdr")


@pytest.fixture
def stored():
    return np.random.default_rng(3).integers(-900, 3000, SHAPE).astype(np.int16)


@pytest.fixture
def claiming(tmp_path, stored, write_stored):
    """A function that writes 20 slices under a header that claims another number."""

    def write(extension, slices, compressed=False):
        path = write_stored(tmp_path / f"a{extension}", stored, np.diag([0.5, 0.8, 2.5, 1]))
        if ".nii" in extension:
            content = gzip.decompress(path.read_bytes()) if extension == ".nii.gz" else path.read_bytes()
            content = content[:46] + struct.pack("<h", slices) + content[48:]
            path.write_bytes(gzip.compress(content) if extension == ".nii.gz" else content)
            return path
        if compressed:
            sitk.WriteImage(sitk.ReadImage(str(path)), str(path), True)
        said, claimed = (f"5 7 {number}\n".encode() for number in (20, slices))
        assert said in path.read_bytes()
        path.write_bytes(path.read_bytes().replace(said, claimed))
        return path

    return write


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize("slices", [19, 21, 30, 10])
def test_another_number_of_slices_than_there_are_is_refused(claiming, extension, compressed, slices):
    path = claiming(extension, slices, compressed)
    for read in (read_volume, read_labels):
        with pytest.raises(InputError, match=rf"expected {slices * 70} bytes of voxels .* received (\d+|more)"):
            read(path)


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_less_than_a_row_behind_the_last_voxel_is_padding_and_a_row_is_not(claiming, stored, extension):
    path = claiming(extension, 20)
    data = path.with_suffix(".raw") if path.suffix in (".mhd", ".nhdr") else path
    content = data.read_bytes()
    row_bytes = stored.shape[0] * stored.dtype.itemsize

    def write_longer(more):
        packed = extension == ".nii.gz"
        data.write_bytes(gzip.compress(gzip.decompress(content) + bytes(more)) if packed else content + bytes(more))

    write_longer(row_bytes - 1)
    np.testing.assert_array_equal(read_volume(path).array, stored.transpose(2, 1, 0))
    write_longer(row_bytes)  # as where the header says a column too few
    with pytest.raises(InputError, match="truncated or corrupted"):
        read_volume(path)


@pytest.mark.parametrize("size", ["0", "34", "9999", "-1", "-5000", None])
def test_the_length_of_a_stream_that_a_metaimage_says_must_hold(claiming, stored, size):
    path = claiming(".mha", 20, compressed=True)
    content = path.read_bytes()
    begin = content.index(b"CompressedDataSize")
    line = content[begin : content.index(b"\n", begin) + 1]
    path.write_bytes(content.replace(line, b"" if size is None else f"CompressedDataSize = {size}\n".encode()))
    if size in ("0", None):  # not said
        np.testing.assert_array_equal(read_volume(path).array, stored.transpose(2, 1, 0))
        return
    with pytest.raises(InputError, match="CompressedDataSize" if size[0] == "-" else "truncated or corrupted"):
        read_volume(path)


def test_only_blanks_separate_the_words_of_an_nrrd(claiming):
    path = claiming(".nrrd", 20)
    content = path.read_bytes()
    assert b"kinds: domain domain domain\n" in content
    path.write_bytes(content.replace(b"domain domain domain", b"domain\x0bdomain domain"))
    with pytest.raises(InputError, match="kinds"):
        read_volume(path)


def test_a_stream_may_consist_of_several_gzip_members(tmp_path, claiming, stored):
    path = claiming(".nhdr", 20, compressed=True)
    voxels = stored.tobytes(order="F")
    (tmp_path / "a.raw.gz").write_bytes(gzip.compress(voxels[:333]) + gzip.compress(voxels[333:]))
    np.testing.assert_array_equal(read_volume(path).array, stored.transpose(2, 1, 0))
    (tmp_path / "a.raw.gz").write_bytes(gzip.compress(voxels[:333]) + gzip.compress(voxels[333:])[:-3])
    with pytest.raises(InputError, match="truncated or corrupted"):
        read_volume(path)


METAIMAGE = "NDims = 3\nBinaryData = True\nDimSize = 5 7 20\nElementSpacing = 1 1 2\nElementType = MET_SHORT\n"
NRRD = "NRRD0004\ntype: short\ndimension: 3\nsizes: 5 7 20\nspacings: 1 1 2\nencoding: raw\nendian: little\n"
NAMES = [f"s{place:02d}.raw" for place in range(2, 22)]


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a.mhd", METAIMAGE + "ElementDataFile = LIST\n" + "\n".join(NAMES)),
        ("b.mhd", METAIMAGE + "ElementDataFile = s%02d.raw 2 21 1\n"),
        ("c.mhd", METAIMAGE + "HeaderSize = -1\nElementDataFile = s%02d.raw 2 21 1\n"),
        ("a.nhdr", NRRD + "data file: LIST\n" + "\n".join(NAMES)),
        ("b.nhdr", NRRD + "data file: s%02d.raw 2 21 1\n"),
        ("c.nhdr", NRRD + "byte skip: -1\ndata file: s%02d.raw 2 21 1 2\n\n"),
    ],
)
def test_every_file_of_a_list_is_read_and_must_be_whole(tmp_path, stored, name, header):
    path = tmp_path / name
    path.write_text(header)
    for place, file in enumerate(NAMES):
        (tmp_path / file).write_bytes(stored[:, :, place].tobytes(order="F"))
    np.testing.assert_array_equal(read_volume(path).array, stored.transpose(2, 1, 0))
    (tmp_path / NAMES[4]).write_bytes(bytes(69))
    with pytest.raises(InputError, match="expected 70 bytes of voxels as its header says, received 69"):
        read_volume(path)
    (tmp_path / NAMES[4]).unlink()
    with pytest.raises(InputError, match=r"file beside it, 's06\.raw', which is missing"):
        read_volume(path)


def nifti_of(shape, rest=b"", dtype="<i2"):
    header = nibabel.Nifti1Header()
    header.set_data_dtype(dtype)
    header["dim"][:4] = (3, *shape)
    header["pixdim"][1:4], header["vox_offset"], header["magic"] = 0.5, 352, b"n+1"
    return header.binaryblock + bytes(4) + rest


def nrrd_of(size, stream):
    return NRRD.replace("5 7 20", f"{size} " * 3).replace("raw", "gzip").encode() + b"\n" + stream


ZEROS = 5 * 10**9


def bomb(size):
    """A gzip stream of so many zeros, made of many members."""
    piece = gzip.compress(bytes(10**7), 9, mtime=0)
    return piece * (size // 10**7)


CASES = {
    "claims.nii": lambda: nifti_of((2000, 2000, 2000), bytes(46000)),
    "claims.nii.gz": lambda: gzip.compress(nifti_of((2000, 2000, 2000))),
    "offset.nii.gz": lambda: gzip.compress(nifti_of((2, 2, 2)).replace(struct.pack("<f", 352), struct.pack("<f", 8e9))),
    "claims.mha": lambda: METAIMAGE.replace("5 7 20", "2000 2000 2000").encode() + b"ElementDataFile = LOCAL\n",
    "zlib.mha": lambda: (
        METAIMAGE.replace("5 7 20", "2000 2000 2000").encode()
        + b"CompressedData = True\nElementDataFile = LOCAL\n"
        + zlib.compress(bytes(10**7))
    ),
    "claims.nrrd": lambda: nrrd_of(1500, gzip.compress(bytes(10**6))),
    "bomb.nii.gz": lambda: gzip.compress(nifti_of((1300, 1300, 1479)), mtime=0) + bomb(ZEROS),
    "bomb.nrrd": lambda: nrrd_of(1350, bomb(ZEROS)),
    "longer.nii.gz": lambda: gzip.compress(nifti_of((20, 20, 20)), mtime=0) + bomb(ZEROS),
    "longer.nrrd": lambda: nrrd_of(20, bomb(ZEROS)),
}
READ = """
import resource, sys
from ifss_keras.volumes.io import read_volume
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    try:
        read_volume(path, max_gb=1)
    except ValueError as error:
        print(error)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_what_claims_gigabytes_is_refused_in_little_memory(tmp_path):
    for name, content in CASES.items():
        (tmp_path / name).write_bytes(content())
        assert (tmp_path / name).stat().st_size < 6e6
    paths = [tmp_path / name for name in CASES]
    made = subprocess.run([sys.executable, "-c", READ, *paths], capture_output=True, text=True, check=True)
    assert made.stderr == ""
    lines = made.stdout.splitlines()
    for path, text, more_mib in zip(paths, lines[::2], lines[1::2], strict=True):
        said = "GB that are allowed" if path.name.startswith("bomb") else "bytes of voxels as its header says"
        assert str(path) in text
        assert said in text
        assert int(more_mib) < 50
