"""What a file format is to the package: who reads it, who writes it, and what can be known before any voxel is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ifss_keras.core.colours import RGB
from ifss_keras.volumes.formats.stored import Stored
from ifss_keras.volumes.volume import Source, Volume


@dataclass(frozen=True, eq=False)
class Written:
    """A volume as a format writes it; what the format cannot hold is left out.

    Attributes:
        array: voxels in stored axis order (i, j, k).
        affine: (4, 4), from (i, j, k, 1) to RAS millimetres.
        source: of the image whose grid it is.
        names, colours: of label codes; empty for an image.
        labels: whether these are label codes.
    """

    array: np.ndarray
    affine: np.ndarray
    source: Source = field(default_factory=Source)
    names: Mapping[int, str] = field(default_factory=dict)
    colours: Mapping[int, RGB] = field(default_factory=dict)
    labels: bool = False


@dataclass(frozen=True)
class Format:
    """A file format. Paths that it is given lead to something that exists, but for `write` and `file`.

    Attributes:
        name: for `Source.format`.
        suffixes: of its files, in lower case.
        read: (path, most GB of memory or None for what is free) to `Stored`.
        voxels: (path) to how many there are, as the header says; components of colours count once.
        write: (path, `Written`) to None; None where nothing is written in this format.
        labels: (path, most GB, image that they belong to or None) to `Stored` with `names` and `colours`; None: as
            `read`, layers merged.
        files: (path) to all files that hold the volume, the one that is named first; None: that one alone.
        takes: (path) to whether it reads a folder, or a file whose suffix no format has; None: it does not.
        file: (path) to the file of a path that names a part of one; other paths come back; None: none does.
        check_image: (path to write, image that the labels belong to) to None, where what is written refers to the
            image; InputError where nothing can be written for that one.
        data_endings: of the second file that writing makes, where the first is a header without voxels.
        names_segments: what it writes keeps the names and the colours of labels.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[Path, float | None], Stored]
    voxels: Callable[[Path], int]
    write: Callable[[Path, Written], None] | None = None
    labels: Callable[[Path, float | None, Volume | None], Stored] | None = None
    files: Callable[[Path], list[Path]] | None = None
    takes: Callable[[Path], bool] | None = None
    file: Callable[[Path], Path] | None = None
    check_image: Callable[[Path, Source], None] | None = None
    data_endings: tuple[str, ...] = ()
    names_segments: bool = False
