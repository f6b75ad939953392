"""Tracked sweeps written byte by byte, and the poses that are in them."""

import gzip
import zlib

import numpy as np

IMAGE_TO_PROBE = np.array(
    [[0.01, 0.2, 0.0, 5.0], [-0.3, 0.02, 0.0, 40.0], [0.0, 0.03, 0.25, -7.0], [0.0, 0.0, 0.0, 1.0]]
)
TYPES = {"u1": ("MET_UCHAR", "uchar"), "i2": ("MET_SHORT", "short"), "f4": ("MET_FLOAT", "float")}


def turn(x, y, z):
    """(3, 3) of three angles about the axes."""
    made = np.eye(3)
    for first, second, angle in ((1, 2, x), (2, 0, y), (0, 1, z)):
        step = np.eye(3)
        step[[first, second], [first, second]] = np.cos(angle)
        step[first, second], step[second, first] = -np.sin(angle), np.sin(angle)
        made = step @ made
    return made


def rigid(angles, shift):
    """(4, 4)."""
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = turn(*angles), shift
    return matrix


def tracked(frames, seed=0):
    """ProbeToTracker and ReferenceToTracker of each frame, (frame, 4, 4) each: a moving probe and leg."""
    rng = np.random.default_rng(seed)
    drift = rng.normal(0, 0.02, (frames, 2, 3))
    probe = [
        rigid((0.4, -0.3 + a[0], 1.1), (30 + 2 * k + a[0], a[1] - 20, 100 + a[2])) for k, a in enumerate(drift[:, 0])
    ]
    leg = [rigid((-1.2, 0.5, 0.2 + a[1]), (150 + a[0], 90 + a[1], a[2] - 40)) for a in drift[:, 1]]
    return np.array(probe), np.array(leg)


def text_of(matrix):
    return " ".join(repr(float(value)) for value in np.ravel(matrix))


def frame_fields(frames, seed=0, lost=(), no_image=()):
    """The fields of a PLUS file without calibration; some frames not seen by the tracker, or without an image."""
    probe, leg = tracked(frames, seed)
    fields = {}
    for k in range(frames):
        fields[f"Seq_Frame{k:04d}_ProbeToTrackerTransform"] = text_of(probe[k])
        fields[f"Seq_Frame{k:04d}_ProbeToTrackerTransformStatus"] = "INVALID" if k in lost else "OK"
        fields[f"Seq_Frame{k:04d}_ReferenceToTrackerTransform"] = text_of(leg[k])
        fields[f"Seq_Frame{k:04d}_ReferenceToTrackerTransformStatus"] = "OK"
        fields[f"Seq_Frame{k:04d}_Timestamp"] = str(100 + 0.125 * k)
        fields[f"Seq_Frame{k:04d}_ImageStatus"] = "INVALID" if k in no_image else "OK"
    return fields


def calibrated(frames, **more):
    return frame_fields(frames, **more) | {"ImageToProbeTransform": text_of(IMAGE_TO_PROBE)}


def write_mha(path, array, fields, *, compressed=False, sizes=None, big=False, orientation="MFA"):
    """An array (frame, row, column), or of colours (frame, row, column, 3), as a PLUS metafile."""
    channels = array.shape[3] if array.ndim == 4 else 1
    sizes = sizes or array.shape[2::-1]
    data = array.astype(array.dtype.newbyteorder(">" if big else "<")).tobytes()
    data = zlib.compress(data) if compressed else data
    header = {
        "ObjectType": "Image",
        "NDims": len(sizes),
        "AnatomicalOrientation": "RAI",
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": str(big),
        "CompressedData": str(compressed),
        **({"CompressedDataSize": len(data)} if compressed else {}),
        "DimSize": " ".join(map(str, sizes)),
        "ElementSpacing": " ".join("1" for _ in sizes),
        **({"ElementNumberOfChannels": channels} if channels > 1 else {}),
        "ElementType": TYPES[array.dtype.str[1:]][0],
        **({"UltrasoundImageOrientation": orientation} if orientation else {}),
        **fields,
        "ElementDataFile": "LOCAL" if path.suffix == ".mha" else f"{path.name}.raw",
    }
    text = "".join(f"{name} = {value}\n" for name, value in header.items()).encode()
    if path.suffix == ".mha":
        path.write_bytes(text + data)
    else:
        path.write_bytes(text)
        (path.parent / f"{path.name}.raw").write_bytes(data)
    return path


def write_nrrd(path, array, fields, kinds, *, compressed=False, big=False, directions=None):
    """An array (frame, row, column) as a sequence: `kinds` has one list and two or three domains."""
    axes = kinds.split()
    planes = iter([*array.shape[:0:-1], 1])
    sizes = [len(array) if kind == "list" else next(planes) for kind in axes]
    stored = array.transpose(1, 2, 0) if axes[0] == "list" else array  # slowest first
    data = np.ascontiguousarray(stored).astype(array.dtype.newbyteorder(">" if big else "<")).tobytes()
    lines = [
        "NRRD0005",
        f"type: {TYPES[array.dtype.str[1:]][1]}",
        f"dimension: {len(axes)}",
        *(["space: left-posterior-superior", f"space directions: {directions}"] if directions else []),
        f"sizes: {' '.join(map(str, sizes))}",
        f"kinds: {kinds}",
        f"endian: {'big' if big else 'little'}",
        f"encoding: {'gzip' if compressed else 'raw'}",
        *(f"{name}:={value}" for name, value in fields.items()),
    ]
    path.write_bytes("\n".join(lines).encode() + b"\n\n" + (gzip.compress(data) if compressed else data))
    return path


def frames_of(shape, dtype=np.uint8, seed=1):
    return np.random.default_rng(seed).integers(0, 250, shape).astype(dtype)
