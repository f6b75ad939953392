"""Reads many damaged MAT-files, TIFF files and folders of frames, in a process of its own, which a crash would end.

python -m tests.volumes.formats.mutated_bytes KIND COUNT FOLDER
"""

import resource
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from ifss_keras.core.errors import IFSSError
from ifss_keras.volumes.io import read_labels, read_volume
from tests.volumes.formats.matlab_files import write_v7, write_v73

SHAPE = (6, 9, 11)
MOST_GB = 0.05  # that a file may take
NUMBERS = (0, 1, 2, 3, 7, 8, 14, 15, 127, 128, 255, 256, 65535, 2**24, 2**31 - 1, 2**31, 2**32 - 1)


def content(rng):
    voxels = rng.integers(0, 9, SHAPE).astype(np.uint8)
    return {"A": voxels, "spacing": np.array([0.5, 0.8, 2.5]), "s": {"text": "words", "B": rng.random((4, 4))}}


def mat_v7(folder, rng):
    return [write_v7(folder / "a.mat", content(rng))]


def mat_v6(folder, rng):
    return [write_v7(folder / "a.mat", content(rng), compressed=False)]


def mat_v73(folder, rng):
    return [write_v73(folder / "a.mat", content(rng) | {"names": {"code": np.ones((1, 2)), "name": ["a", "b"]}})]


def mat_v73_plain(folder, rng):
    return [write_v73(folder / "a.mat", content(rng), compressed=False)]


def tif(folder, rng):
    pages = rng.integers(0, 9, SHAPE).astype(np.uint16)
    if rng.random() < 0.3:
        tifffile.imwrite(folder / "a.tif", pages, imagej=True, metadata={"unit": "mm", "spacing": 2.0, "axes": "ZYX"})
    else:
        packed = [None, "lzw", "zlib", "packbits", "zstd", "lzma", "jpegxl"][rng.integers(7)]
        tifffile.imwrite(folder / "a.tif", pages, compression=packed, photometric="minisblack", rowsperstrip=4)
    return [folder / "a.tif"]


def tif_of_jpeg(folder, rng):
    kind = ["jpeg", "jpeg2000", "webp"][rng.integers(3)]
    pages = rng.integers(0, 255, (*SHAPE, 3)).astype(np.uint8).repeat(4, 1).repeat(4, 2)
    tifffile.imwrite(folder / "a.tif", pages, compression=kind, photometric="rgb")
    return [folder / "a.tif"]


def frames(folder, rng):
    kind = ["png", "bmp", "jpg", "tif"][rng.integers(4)]
    made = []
    for number, frame in enumerate(rng.integers(0, 255, (3, 9, 11)).astype(np.uint8)):
        picture = Image.fromarray(frame)
        if kind == "png" and rng.random() < 0.3:
            picture = picture.quantize(16)
        made.append(folder / f"a{number}.{kind}")
        picture.save(made[-1])
    return made


KINDS = {made.__name__: made for made in (mat_v7, mat_v6, mat_v73, mat_v73_plain, tif, tif_of_jpeg, frames)}


def damaged(content, rng):
    """The bytes with one to four faults."""
    held = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        place = (
            int(rng.integers(len(held) or 1)) if rng.random() < 0.5 else int(rng.integers(min(len(held), 2048) or 1))
        )
        match rng.integers(7):
            case 0:
                held[place : place + 1] = bytes([rng.integers(256)])
            case 1 | 2:
                size = int(rng.choice([1, 2, 4, 8]))
                number = int(rng.choice(NUMBERS)) & (256**size - 1)
                place -= place % size
                held[place : place + size] = number.to_bytes(size, ["little", "big"][rng.integers(2)])
            case 3:
                del held[place:]
            case 4:
                del held[place : place + int(rng.integers(1, 40))]
            case 5:
                held[place:place] = held[place : place + int(rng.integers(1, 40))]
            case 6:
                held += bytes(int(rng.integers(1, 2000)))
    return bytes(held)


def read(path):
    """Whether a file, as an image and as labels, is "read" or "refused", in one sentence."""
    told = []
    for reader in (read_volume, read_labels):
        try:
            volume = reader(path, spacing_mm=(2.0, 1.0, 1.0), max_gb=MOST_GB)
            assert volume.array.ndim == 3
            told.append("read")
        except IFSSError as error:
            told.append("refused" if str(error).isprintable() and str(error).endswith(".") else repr(str(error)))
    if not set(told) <= {"read", "refused"}:
        raise SystemExit(f"{path} was refused by {told}")
    return told[0]


def main(kind, count, folder):
    found, slowest, before = Counter(), 0.0, None
    for seed in range(count):
        rng = np.random.default_rng(seed)
        for old in folder.iterdir():
            old.unlink()
        files = KINDS[kind](folder, rng)
        file = files[rng.integers(len(files))]
        file.write_bytes(damaged(file.read_bytes(), rng))
        print(seed, file=sys.stderr, flush=True)  # the last one is where a crash was
        began = time.perf_counter()
        found[read(folder if kind == "frames" else file)] += 1
        slowest = max(slowest, time.perf_counter() - began)
        if seed == 20:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    more_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    print(found["read"], found["refused"], more_mb, f"{slowest:.2f}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
