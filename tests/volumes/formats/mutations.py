"""Valid volumes in every format, and what can go wrong with their bytes."""

import gzip
import struct
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK as sitk
from hypothesis import strategies as st

SHAPE = (4, 5, 6)  # as stored: i, j, k
SEEDS = (
    ("a.nii", False),
    ("a.nii.gz", False),
    ("a.mha", False),
    ("a.mha", True),
    ("a.mhd", False),
    ("a.mhd", True),
    ("a.nrrd", False),
    ("a.nrrd", True),
    ("a.nhdr", False),
    ("a.nhdr", True),
    ("a.seg.nrrd", True),
)
NIFTI_HEADER_BYTES = 352
# Byte and type of the fields of a NIfTI-1 header that say where voxels are, how many and how large.
NIFTI_FIELDS = (
    *((40 + 2 * axis, "h") for axis in range(5)),
    *((70, "h"), (72, "h"), (108, "f"), (112, "f"), (116, "f"), (123, "B"), (252, "h"), (254, "h")),
    *((76 + 4 * axis, "f") for axis in range(4)),
    *((256 + 4 * place, "f") for place in range(6)),
    *((280 + 4 * place, "f") for place in range(12)),
)
WORDS = (
    *("", "0", "1", "-1", "3", "nan", "inf", "1e9", "1e-9", "0x7", "1_0", "99999999999999999999", "abc", "None"),
    *("0 0 0", "5 7 11", "4 5 7", "4 5 5", "2 5 6", "2000 2000 2000", "1 1 1", "-0.5 0.8 2.5", "0.5,0.8,2.5"),
    *("True", "False", "T", "LOCAL", "LIST", "LIST 2", "a.raw", "%s%n", "a%d.raw 1 3 1", "../a.raw", "/dev/zero"),
    *("MET_UCHAR", "MET_DOUBLE", "MET_STRING", "uchar", "double", "block", "raw", "gzip", "hex", "bzip2", "big"),
    *("(1,0,0) (0,1,0) (0,0,1)", "none (1,0,0) (0,1,0) (0,0,1)", "(0,0,0) (0,1,0) (0,0,1)", '"cm" "cm" "cm"'),
    *("domain domain list", "left-anterior-superior", "x" * 300, "1 " * 3000, "\x00", "\udcff"),
)


@dataclass(frozen=True)
class Files:
    """The bytes of a volume by file name; `first` is the one that is opened."""

    first: str
    content: dict[str, bytes] = field(repr=False)

    def write(self, folder: Path) -> Path:
        for name, content in self.content.items():
            (folder / name).write_bytes(content)
        return folder / self.first


def valid_files(folder: Path, affine: np.ndarray) -> list[Files]:
    """One volume of each kind, of the same voxels and affine to RAS mm."""
    return [_valid(folder / f"{place}", affine, *seed) for place, seed in enumerate(SEEDS)]


def _valid(folder: Path, affine: np.ndarray, name: str, compressed: bool) -> Files:
    folder.mkdir()
    voxels = np.random.default_rng(3).integers(-900, 3000, SHAPE).astype(np.int16)
    if ".nii" in name:
        nibabel.Nifti1Image(voxels, affine).to_filename(folder / name)
    else:
        image = sitk.GetImageFromArray(voxels.transpose(2, 1, 0))
        if ".seg." in name:
            layers = np.zeros((*SHAPE[::-1], 2), np.uint8)
            layers[:3, 1:4, :2, 0], layers[2:, 2:, 2:, 1] = 3, 5
            image = sitk.GetImageFromArray(layers, isVector=True)
            for layer, value in enumerate((3, 5)):
                for key, text in (("ID", f"S{layer}"), ("Name", "SOL"), ("LabelValue", value), ("Layer", layer)):
                    image.SetMetaData(f"Segment{layer}_{key}", f"{text}{layer if key == 'Name' else ''}")
        lps = np.diag([-1, -1, 1, 1]) @ affine
        spacing = np.linalg.norm(lps[:3, :3], axis=0)
        image.SetSpacing(spacing.tolist())
        image.SetOrigin(lps[:3, 3].tolist())
        image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
        sitk.WriteImage(image, str(folder / name), compressed)
    return Files(name, {file.name: file.read_bytes() for file in folder.iterdir()})


@st.composite
def mutated(draw, valid: list[Files]) -> Files:
    """A volume with one to three faults."""
    files = draw(st.sampled_from(valid))
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(sorted(files.content)))
        content = files.content[name]
        kinds = [_damaged, _cut_or_longer]
        if name == files.first:
            kinds += [_other_nifti_field] * 4 if ".nii" in name else [_other_line] * 4
        zipped = name.endswith(".nii.gz") and draw(st.booleans())
        try:
            content = gzip.decompress(content) if zipped else content
        except (OSError, EOFError, zlib.error):
            zipped = False
        changed = draw(draw(st.sampled_from(kinds))(content))
        files = replace(files, content=files.content | {name: gzip.compress(changed, mtime=0) if zipped else changed})
    return files


@st.composite
def _damaged(draw, content: bytes) -> bytes:
    place = draw(st.integers(0, max(min(len(content) - 1, 600), 0)))
    return content[:place] + bytes([draw(st.integers(0, 255))]) + content[place + draw(st.integers(0, 2)) :]


@st.composite
def _cut_or_longer(draw, content: bytes) -> bytes:
    if draw(st.booleans()):
        return content[: draw(st.integers(0, len(content)))]
    return content + draw(st.sampled_from((b"\0", b"x" * 7, b"\0" * 1000, content)))


@st.composite
def _other_nifti_field(draw, content: bytes) -> bytes:
    place, kind = draw(st.sampled_from(NIFTI_FIELDS))
    numbers = (
        st.sampled_from((0, 1, 2, 3, 5, 6, 16, 255)) if kind == "B" else st.sampled_from((0, 1, -1, 3, 7, 16, 32767))
    )
    if kind == "f":
        numbers |= st.sampled_from((float("nan"), float("inf"), 0.5, 51.0, 352.0, 1e-9, 1e9))
    value = struct.pack(f"<{kind}", draw(numbers))
    return content[:place] + value + content[place + len(value) :]


@st.composite
def _other_line(draw, content: bytes) -> bytes:
    end = content.find(b"LOCAL\n") + 6 if b"LOCAL\n" in content else content.find(b"\n\n") + 1 or len(content)
    lines, rest = content[:end].split(b"\n"), content[end:]
    place = draw(st.integers(0, len(lines) - 1))
    match draw(st.sampled_from(("drop", "double", "swap", "word", "digit"))):
        case "drop":
            del lines[place]
        case "double":
            lines.insert(draw(st.integers(0, len(lines))), lines[place])
        case "swap":
            other = draw(st.integers(0, len(lines) - 1))
            lines[place], lines[other] = lines[other], lines[place]
        case "word":
            key, separator, _ = lines[place].partition(b"= " if b"= " in lines[place] else b":")
            blank = b"" if separator == b"= " else b" "
            word = draw(st.sampled_from(WORDS)).encode("utf-8", errors="surrogateescape")
            lines[place] = key + separator + blank + word
        case "digit":
            digits = [at for at, sign in enumerate(lines[place]) if chr(sign).isdigit()]
            if digits:
                at = draw(st.sampled_from(digits))
                lines[place] = lines[place][:at] + str(draw(st.integers(0, 9))).encode() + lines[place][at + 1 :]
    return b"\n".join(lines) + rest
