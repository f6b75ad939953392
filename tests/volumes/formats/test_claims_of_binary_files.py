"""MAT-files, TIFF files and frames that claim more than they hold: refused before memory is taken."""

import struct
import subprocess
import sys
import zlib

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from ifss_keras.core.errors import InputError
from ifss_keras.volumes.io import read_volume
from tests.volumes.formats.matlab_files import write_v7, write_v73
from tests.volumes.formats.test_claims import READ, bomb

HUGE = (1000, 1100, 1200)  # 1.32 GB


def v5_of(shape, stream, claimed=None):
    """A v7 file with one uint8 array of zeros, of which `stream` bytes are there; `claimed` of them its tag says."""
    count = int(np.prod(shape)) if claimed is None else claimed
    head = (
        struct.pack("<IIII", 6, 8, 9, 0) + struct.pack("<IIiii4x", 5, 12, *shape) + struct.pack("<HHcxxx", 1, 1, b"A")
    )
    head += struct.pack("<II", 2, count)
    packed = zlib.compress(struct.pack("<II", 14, len(head) + count) + head + bytes(stream))
    header = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    return header + struct.pack("<II", 15, len(packed)) + packed


def hdf5(path, **options):
    write_v73(path, {"small": np.ones((2, 2))})
    with h5py.File(path, "r+") as file:
        held = file.create_dataset("A", HUGE, np.uint8, **options)
        held.attrs["MATLAB_class"] = np.bytes_("uint8")


def png(path, rows, columns):
    Image.new("L", (columns, rows)).save(path)
    return path.read_bytes()


CASES = {
    "deflated.mat": lambda path: path.write_bytes(v5_of(HUGE, 10**6)),
    "other_count.mat": lambda path: path.write_bytes(v5_of(HUGE, 10**6, claimed=10**6)),
    "never_written.mat": lambda path: hdf5(path, chunks=(100, 100, 100), compression="gzip"),
    "contiguous.mat": hdf5,
    "large_chunks.mat": lambda path: hdf5(path, chunks=HUGE, compression="gzip"),
    "filled.tif": lambda path: tifffile.imwrite(
        path, shape=HUGE, dtype=np.uint8, compression="zlib", photometric="minisblack", rowsperstrip=1100,
        data=(zlib.compress(bytes(10)) for _ in range(1000)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_claims_a_gigabyte_is_refused_in_little_memory(tmp_path, name):
    CASES[name](tmp_path / name)
    assert (tmp_path / name).stat().st_size < 6e6
    warm = write_v73(tmp_path / "warm.mat", {"A": np.ones((2, 3, 4))})  # loads the libraries
    tifffile.imwrite(tmp_path / "warm.tif", np.ones((2, 3, 4), np.uint8), photometric="minisblack")
    script = READ.replace("before =", "for path in sys.argv[2:]: read_volume(path, spacing_mm=(1, 1, 1))\nbefore =", 1)
    script = script.replace("for path in sys.argv[1:]:", "for path in sys.argv[1:2]:")
    command = [sys.executable, "-c", script, tmp_path / name, warm, tmp_path / "warm.tif"]
    made = subprocess.run(command, capture_output=True, text=True, check=True)
    assert made.stderr == ""
    text, more_mib = made.stdout.splitlines()
    assert f"{tmp_path / name} " in text
    assert text.endswith(".")
    assert int(more_mib) < 50


def test_a_stream_that_is_longer_than_it_says_is_read_to_its_end_in_little_memory(tmp_path):
    content = v5_of((100, 100, 100), 10**6)
    (tmp_path / "a.mat").write_bytes(content)
    assert read_volume(tmp_path / "a.mat", spacing_mm=(1, 1, 1)).array.shape == (100, 100, 100)
    head = content[:128] + struct.pack("<II", 15, len(content) - 136 + len(bomb(10**8)))
    (tmp_path / "a.mat").write_bytes(head + content[136:] + bomb(10**8))
    assert not read_volume(tmp_path / "a.mat", spacing_mm=(1, 1, 1)).array.any()


def test_frames_that_claim_more_than_is_allowed_are_refused(tmp_path):
    for number in range(2):
        content = png(tmp_path / f"a{number}.png", 8000, 8000)
        (tmp_path / f"a{number}.png").write_bytes(content[:100])
    with pytest.raises(InputError, match=r"needs 0\.64 GB of memory"):
        read_volume(tmp_path, spacing_mm=(1, 1, 1), max_gb=0.1)


def test_data_sets_in_other_files_and_links_are_not_followed(tmp_path):
    (tmp_path / "secret.bin").write_bytes(bytes(24))
    path = write_v73(tmp_path / "a.mat", {"small": np.ones((2, 2))})
    with h5py.File(path, "r+") as file:
        file.create_dataset("A", (2, 3, 4), np.uint8, external=[(str(tmp_path / "secret.bin"), 0, 24)])
    with pytest.raises(InputError, match="keeps /A as MATLAB never does"):
        read_volume(path, spacing_mm=(1, 1, 1))
    path = write_v73(tmp_path / "b.mat", {"A": np.ones((2, 3, 4))})
    with h5py.File(path, "r+") as file:
        file["soft"], file["elsewhere"] = h5py.SoftLink("/A"), h5py.ExternalLink("a.mat", "/A")
        file["loop"] = file["/"]
    assert read_volume(path, spacing_mm=(1, 1, 1)).array.shape == (4, 2, 3)
    with pytest.raises(InputError, match=r"soft is not there: expected one of A \(2 x 3 x 4 double\)"):
        read_volume(f"{path}:soft", spacing_mm=(1, 1, 1))


@pytest.mark.parametrize("depth", [3, 2000])
def test_structs_in_structs_end(tmp_path, depth):
    inner = np.arange(24.0).reshape(2, 3, 4)
    if depth == 3:
        path = write_v7(tmp_path / "a.mat", {"a": {"b": {"c": inner}}})
        assert read_volume(f"{path}:a.b.c", spacing_mm=(1, 1, 1)).array.shape == (4, 2, 3)
        return
    element = b""
    for level in range(depth):  # cells in cells, which a reader could follow to the end of its stack
        name = struct.pack("<HHcxxx", 1, 1, b"C") if level == depth - 1 else struct.pack("<II", 1, 0)
        body = struct.pack("<IIIIIIii", 6, 8, 1, 0, 5, 8, 1, 1) + name + element
        element = struct.pack("<II", 14, len(body)) + body
    (tmp_path / "b.mat").write_bytes(v5_of((2, 3, 4), 24)[:128] + element)
    with pytest.raises(InputError, match=r"received C \(1 x 1 cell\)"):
        read_volume(tmp_path / "b.mat", spacing_mm=(1, 1, 1))
