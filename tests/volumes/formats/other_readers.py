"""What nibabel and SimpleITK say of a file, where these can be relied on."""

import re
import zlib

import nibabel
import numpy as np
import SimpleITK as sitk

GZIP = zlib.MAX_WBITS | 16
MM_PER_UNIT = {1: 1000.0, 3: 0.001}
SPACING = b"ElementSpacing = 1 1 1\n"
EARLY = (b"NDims", b"dimension", b"space dimension", b"space:")  # fields that ITK wants before others


def judged(path):
    """(slice, row, column) values, and mL of a voxel; the file may be rewritten."""
    return (_by_nibabel if ".nii" in path.name else _by_itk)(path)


def _by_nibabel(path):
    content = path.read_bytes()
    content = zlib.decompressobj(GZIP).decompress(content) if content[:2] == b"\x1f\x8b" else content
    klass = nibabel.Nifti1Image if content[344:347] == b"n+1" else nibabel.Nifti2Image
    nibabel.imageglobals.logger.disabled = True
    try:
        image = klass.from_bytes(content)
    finally:
        nibabel.imageglobals.logger.disabled = False
    values = np.asanyarray(image.dataobj).reshape(image.shape[:3], order="F").transpose(2, 1, 0)
    unit = MM_PER_UNIT.get(int(image.header["xyzt_units"]) % 8, 1.0)
    return values, abs(np.linalg.det(image.affine[:3, :3])) * unit**3 / 1000


def _by_itk(path):
    metaimage = path.suffix in (".mha", ".mhd")
    header, rest = _header(path, metaimage)
    path.write_bytes(_in_order(header, metaimage) + rest)
    if b"CompressedData = True" in header:
        _decompress(path, header)
    image = sitk.ReadImage(str(path), imageIO="MetaImageIO" if metaimage else "NrrdImageIO")
    direction = np.reshape(image.GetDirection(), (image.GetDimension(),) * 2)[:3, :3]
    components = image.GetNumberOfComponentsPerPixel()
    values = sitk.GetArrayFromImage(image).reshape(*image.GetSize()[2::-1], components)
    values = values[..., 0] if components == 1 else _merged(values, header)
    return values, abs(np.linalg.det(direction) * np.prod(image.GetSpacing()[:3])) / 1000


def _header(path, metaimage):
    """The bytes of the header, with the line end that closes it, and those behind it."""
    content = path.read_bytes()
    content += b"" if content.endswith(b"\n") or not path.name.endswith("hdr") else b"\n"
    found = re.search(rb"ElementDataFile.*\n?" if metaimage else rb"\n\n", content)
    end = found.end() if found else len(content)
    return content[:end], content[end:]


def _in_order(header, metaimage):
    lines = re.findall(rb"[^\n]*\n|[^\n]+$", header)
    lines = [SPACING if _of_zero(line) else line for line in lines]
    first, lines = ([], lines) if metaimage else (lines[:1], lines[1:])
    return b"".join([*first, *sorted(lines, key=lambda line: not line.startswith(EARLY))])


def _of_zero(line):
    """Whether it is a spacing with a 0 in it, which ITK refuses and for which we ask."""
    return line.startswith(b"ElementSpacing =") and 0 in map(float, line.split(b"=")[1].split())


def _decompress(path, header):
    """Takes the compression out of a MetaImage: where its stream is wrong, ITK gives uninitialised memory."""
    _, stream = _header(path, True)
    ours = path.read_bytes()[: -len(stream)] if stream else path.read_bytes()
    beside = path.with_suffix(".zraw")
    if beside.exists():
        beside.write_bytes(zlib.decompressobj().decompress(beside.read_bytes()))
    else:
        stream = zlib.decompressobj().decompress(stream)
    path.write_bytes(ours.replace(b"CompressedData = True", b"CompressedData = False") + stream)


def _merged(layers, header):
    """The segments of a layered file as one label volume, by the file's own fields."""
    keys = dict(re.findall(rb"^(Segment[0-9]+_\w+):=(.*)$", header, re.MULTILINE))
    numbers = sorted({int(re.search(rb"[0-9]+", key)[0]) for key in keys})
    values = [int(keys.get(b"Segment%d_LabelValue" % number, 1)) for number in numbers]
    places = [int(keys.get(b"Segment%d_Layer" % number, place)) for place, number in enumerate(numbers)]
    codes = values if len(set(values)) == len(values) else range(1, len(values) + 1)
    out = np.zeros(layers.shape[:3], np.int64)
    for place, code, value in zip(places, codes, values, strict=True):
        out[layers[..., place] == value] = code
    return out
