"""Tracked sweeps of Stradwin and Stradview: a text (`.sw`) and the grey values in a file beside it (`.sxi`).

Fields: http://mi.eng.cam.ac.uk/~rwp/stradwin/docs/stradwin_files.htm. `IM` has the time of an image and the place of
the position sensor in the tracker's space: x y z in cm and azimuth, elevation, roll in degrees. `RES_XTRANS` and those
after it lead in the same way from the image's top left corner to the sensor, `RES_ISOCENTRE_XTRANS` and those after it
from the tracker's space to the one that is shown. The angles are taken as a public converter to NIfTI takes them, whose
make_transform_matrix.m follows Stradwin's own source by its own words.
"""

from __future__ import annotations

import math
import os
import re
from pathlib import Path

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.volumes.formats.fields import BLANKS, Fields, header_lines
from ifss_keras.volumes.formats.format import Format
from ifss_keras.volumes.formats.stored import LPS_TO_RAS, Stored
from ifss_keras.volumes.formats.voxels import Layout, read_voxels
from ifss_keras.volumes.sweep import Sweep

_CM = 10.0  # mm
_PLACE = ("XTRANS", "YTRANS", "ZTRANS", "AZIMUTH", "ELEVATION", "ROLL")
_SIZES = ("RES_BUF_WIDTH", "RES_BUF_HEIGHT", "RES_BUF_FRAMES")
_SCALES = ("RES_XSCALE", "RES_YSCALE")
_DATA, _IMAGE = "RES_BIN_IM_FILENAME", "IM"
_IMAGE_NUMBERS = 7
# What each must be for the file to be read.
_NEEDED = {"RES_BUF_RF": "false", "RES_BUF_DICOM": "false", "RES_BUF_DOPPLER": "false", "RES_POS_REC": "true"}
_MOST_TEXT_BYTES = 1 << 26
_BLANKS = re.compile(rf"[{BLANKS}]+")


def read_stradwin(path: Path, max_gb: float | None) -> Stored:
    """The grey values (i, j, k) of the frames, and where each lies.

    Raises:
        InputError: not of Stradwin, echoes that are not grey values of their own file, or frames without a place.
    """
    fields, images = _read_text(path)
    layout = _layout(fields)
    if len(images) != layout.shape[2]:
        raise InputError(
            f"{path} has the place of {len(images)} images: expected that of {layout.shape[2]} frames, as it says; "
            "export it again."
        )
    column_cm, row_cm = (_number(fields, name) for name in _SCALES)
    if min(column_cm, row_cm) <= 0:
        raise fields.refusal(_SCALES[0], "sizes of a pixel above 0 in cm")
    shown = _placed([_number(fields, f"RES_ISOCENTRE_{name}", 0.0) for name in _PLACE])
    probe = _placed([_number(fields, f"RES_{name}", 0.0) for name in _PLACE])
    corner = np.diag([column_cm, row_cm, 1.0, 1.0])
    corner[:2, 3] = column_cm / 2, row_cm / 2  # a pixel's centre
    planes = np.array([shown @ _placed(image[1:]) @ probe @ corner for image in images])
    planes[:, :3] *= _CM
    sweep = Sweep.of_planes(planes, timestamps_s=images[:, 0], space="Stradwin")
    affine = LPS_TO_RAS @ np.diag([column_cm * _CM, row_cm * _CM, 1.0, 1.0])
    return Stored(read_voxels(layout, path, max_gb), affine, has_spacing=False, sweep=sweep)


def _read_text(path: Path) -> tuple[Fields, np.ndarray]:
    """The fields that begin with RES, and (image, 7) the numbers of each IM."""
    fields, images = Fields(path, {}), []
    if path.stat().st_size > _MOST_TEXT_BYTES:
        raise InputError(f"{path} is too large for a text of Stradwin: give the .sw file.")
    with path.open("rb") as file:
        for line in header_lines(file):
            name, *rest = _BLANKS.split(os.fsdecode(line).strip(BLANKS), maxsplit=1)
            value = rest[0].strip(BLANKS) if rest else ""
            if name == _IMAGE:
                images.append(Fields(path, {_IMAGE: value}).numbers(_IMAGE, _IMAGE_NUMBERS))
            elif name.startswith("RES_") and fields.values.setdefault(name, value) != value:
                raise fields.refusal(name, f"one value, not {value[:80]!r} as well,")
    if not fields.values:
        raise InputError(f"{path} is no file of Stradwin: expected fields such as RES_BUF_FRAMES; give the .sw file.")
    return fields, np.array(images, np.float64).reshape(-1, _IMAGE_NUMBERS)


def _layout(fields: Fields) -> Layout:
    for name, needed in _NEEDED.items():
        if fields.values.get(name, needed) != needed:
            raise fields.refusal(name, f"{needed}, for frames of grey values with their places,")
    sizes = tuple(fields.sizes(name, 1)[0] for name in _SIZES)
    name = fields.values.get(_DATA, fields.path.with_suffix(".sxi").name)
    if not name or any(sign < " " for sign in name):
        raise fields.refusal(_DATA, "the name of a file")
    return Layout(sizes, np.dtype(np.uint8), (fields.path.parent / name,))


def _number(fields: Fields, name: str, default: float | None = None) -> float:
    found = fields.numbers(name, 1)
    value = default if found is None else float(found[0])
    if value is None or math.isnan(value):
        raise fields.refusal(name, "a number")
    return value


def _placed(place: np.ndarray | list[float]) -> np.ndarray:
    """(4, 4) of x, y, z and of turns in degrees, first about x (roll), then y (elevation), then z (azimuth)."""
    matrix = np.eye(4)
    for (first, second), degrees in zip(((0, 1), (2, 0), (1, 2)), place[3:], strict=True):
        turn = np.eye(4)
        cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        turn[[first, second], [first, second]] = cosine
        turn[first, second], turn[second, first] = -sine, sine
        matrix = matrix @ turn
    matrix[:3, 3] = place[:3]
    return matrix


def _voxels(path: Path) -> int:
    return math.prod(_layout(_read_text(path)[0]).shape)


def _files(path: Path) -> list[Path]:
    return [path, *_layout(_read_text(path)[0]).files]


FORMATS = (Format("stradwin", (".sw",), read_stradwin, _voxels, files=_files),)
