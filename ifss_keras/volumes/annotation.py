"""The annotated slices of a volume: which they are, what they hold, and what they say about each label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ifss_keras.core.colours import RGB
from ifss_keras.core.errors import GeometryError, InputError
from ifss_keras.core.paged import as_array
from ifss_keras.volumes.grid import grid_offset
from ifss_keras.volumes.io import read_labels
from ifss_keras.volumes.volume import Volume, present_codes


@dataclass(frozen=True, eq=False)
class LabelAnnotation:
    """What the annotated slices say about one label.

    Attributes:
        code: the label.
        name: its name.
        masks: slice index -> (row, column) bool. Slices that hold the label, where every other voxel is known
            not to be it; with complete annotations also empty masks on the slices that hold only other
            labels.
        excluded: slice index -> (row, column) bool. On slices that hold only other labels, the voxels known not to be
            this one; nothing is known of the rest. Empty with complete annotations.
        ends_annotated: whether the outermost slices that hold the label are where it ends.
    """

    code: int
    name: str
    masks: dict[int, np.ndarray]
    excluded: dict[int, np.ndarray]
    ends_annotated: bool = False


@dataclass(frozen=True, eq=False)
class Annotation:
    """The annotated slices of a volume, its references; only these are held.

    Attributes:
        slices: (n,) ascending indices of the slices that hold any label.
        masks: (n, row, column) label codes, 0 for none.
        names: name of every label present.
        complete: whether every label is annotated wherever it occurs on an annotated slice, so that a label
            missing there is absent there.
        ends_annotated: whether the first and the last slice that hold a label are where it ends, so that nothing is
            to be found beyond them.
        unannotated: code and name of labels that the file names and holds no voxel of.
        colours: red, green and blue of the labels that the file colours.
        offset: (slice, row, column) of the image at which the first voxel of the file lay.
        by_shape: whether the file was put on the frames of a sweep because it has as many voxels, its place in space
            being another.
        absent: slice index to the labels that are known to be absent there; such slices may hold no label at all.
    """

    slices: np.ndarray
    masks: np.ndarray
    names: dict[int, str]
    complete: bool = False
    ends_annotated: bool = False
    unannotated: tuple[tuple[int, str], ...] = ()
    colours: dict[int, RGB] = field(default_factory=dict)
    offset: tuple[int, int, int] = (0, 0, 0)
    by_shape: bool = False
    absent: Mapping[int, frozenset[int]] = field(default_factory=dict)

    @property
    def codes(self) -> tuple[int, ...]:
        """The labels present, ascending."""
        return tuple(sorted(self.names))

    @classmethod
    def from_array(
        cls,
        labels: np.ndarray,
        names: dict[int, str] | None = None,
        complete: bool = False,
        keep_slices: np.ndarray | None = None,
    ) -> Annotation:
        """The annotated slices of a dense label volume.

        Args:
            labels: (slice, row, column) integers, 0 for no label.
            names: name of some labels; the others are named by their codes.
            complete: see `Annotation`.
            keep_slices: indices to take; all others count as not annotated. None of them: all.

        Raises:
            InputError: if no slice that is kept holds a label.
        """
        labels = as_array(labels)
        if labels.ndim != 3 or labels.dtype.kind not in "bui":
            raise InputError(
                f"the labels have shape {labels.shape} and type {labels.dtype}: expected (slice, row, "
                "column) integers; convert them first."
            )
        slices = np.arange(len(labels)) if keep_slices is None else np.unique(np.asarray(keep_slices, np.int64))
        if slices.size and not 0 <= slices[0] <= slices[-1] < len(labels):
            raise InputError(
                f"slices {slices[0]} to {slices[-1]} were to be kept: expected indices from 0 to {len(labels) - 1}."
            )
        slices = np.array([index for index in slices if labels[index].any()], np.int64)
        return cls._named(slices, labels[slices], names or {}, complete, "the label volume")

    @classmethod
    def of_references(cls, references: Mapping[int, Mapping[int, np.ndarray]], names: Mapping[int, str]) -> Annotation:
        """The annotation of single slices for each label by itself.

        Args:
            references: label code to slice index to (row, column) bool, no voxel in two of them; empty where the label
                is known to be absent.
            names: name of some labels; the others are named by their codes.

        Raises:
            InputError: if no slice holds a label.
        """
        held = {code: masks for code, masks in references.items() if any(mask.any() for mask in masks.values())}
        slices = np.array(sorted({index for masks in held.values() for index in masks}), np.int64)
        absent: dict[int, frozenset[int]] = {}
        shape = next(iter(next(iter(held.values())).values())).shape if held else (1, 1)
        labels = np.zeros((len(slices), *shape), np.min_scalar_type(max(held, default=0)))
        for place, index in enumerate(slices.tolist()):
            for code, masks in held.items():
                if index in masks:
                    labels[place][masks[index]] = code
                    if not masks[index].any():
                        absent[index] = absent.get(index, frozenset()) | {code}
        named = {code: name for code, name in names.items() if code in held}
        return replace(cls._named(slices, labels, named, False, "the annotation"), absent=absent)

    @classmethod
    def _named(
        cls, slices: np.ndarray, masks: np.ndarray, names: dict[int, str], complete: bool, origin: str
    ) -> Annotation:
        if not slices.size:
            raise InputError(
                f"{origin} has no annotated slice: expected a label above 0 on at least one slice; annotate "
                "a few slices first."
            )
        codes = [code for code in present_codes(masks) if code]
        if codes[0] < 0:
            raise InputError(f"{origin} holds the negative label {codes[0]}: expected codes from 0 up; recode it.")
        unannotated = tuple(item for item in sorted(names.items()) if item[0] not in codes)
        names = {code: names.get(code, str(code)) for code in codes}
        check_names(names, origin)
        return cls(slices, masks, names, complete, unannotated=unannotated)

    def for_label(self, code: int) -> LabelAnnotation:
        """What these references say about one label; nothing beyond its ends where these are annotated.

        Raises:
            InputError: if no slice holds it.
        """
        if code not in self.names:
            raise InputError(_absent(code, "the references", self.names))
        masks, excluded = {}, {}
        for index, plane in zip(self.slices.tolist(), self.masks, strict=True):
            mask = plane == code
            if mask.any() or self.complete or code in self.absent.get(index, ()):
                masks[index] = mask
            else:
                excluded[index] = plane != 0
        if self.ends_annotated:
            held = [index for index, mask in masks.items() if mask.any()]
            masks = {index: mask for index, mask in masks.items() if held[0] <= index <= held[-1]}
        return LabelAnnotation(int(code), self.names[code], masks, excluded, self.ends_annotated)


def read_annotation(
    path: str | Path,
    image: Volume,
    *,
    names: dict[int, str] | None = None,
    complete: bool = False,
    ends_annotated: bool = False,
    max_gb: float | None = None,
) -> Annotation:
    """The annotated slices in a label file, placed on the grid of an image.

    The file may be in another format than the image's. Its grid is the image's or a voxel-aligned part of it
    (3D Slicer crops what it saves); it may reach beyond the image where it is empty. The file's axes are
    taken as the image's are. For the frames of a sweep, whose place in space the poses say, a file of the same shape
    lies on them wherever it says to lie.

    Args:
        path: a label volume in any format that `read_labels` reads.
        image: the volume that it annotates.
        names: code -> name, for codes that the file holds; before names in the file, and before the bare code.
        complete, ends_annotated: see `Annotation`.
        max_gb: see `read_volume`.

    Raises:
        GeometryError: if the file lies on another grid, naming what differs.
        InputError: if it cannot be read, is the image itself, has no annotated slice, or lacks a label that is named.
    """
    volume = read_labels(path, axis=image.source.axis, spacing_mm=image.spacing_mm, max_gb=max_gb, like=image)
    offset, by_shape = _place(image, volume, path)
    given = np.array([index for index, plane in enumerate(volume.array) if plane.any()], np.int64)
    if given.size and volume.array.shape == image.array.shape and all(map(np.array_equal, volume.array, image.array)):
        raise InputError(
            f"{path} holds the image's own grey values: expected a label volume with a few annotated slices, received "
            f"the image again; pass the segmentation."
        )
    slices = given + offset[0]
    masks = _placed(volume.array[given], slices, offset, image, path)
    names = names or {}
    annotation = Annotation._named(slices, masks, volume.source.names | names, complete, str(path))
    for code in names:
        if code not in annotation.names:
            raise InputError(_absent(code, str(path), annotation.names), setting="labels")
    return replace(
        annotation, ends_annotated=ends_annotated, colours=volume.source.colours, offset=offset, by_shape=by_shape
    )


def _place(image: Volume, labels: Volume, path: str | Path) -> tuple[tuple[int, int, int], bool]:
    """Where the labels' first voxel lies in the image, and whether only the shape says so."""
    if image.sweep is not None and labels.array.shape != image.array.shape:
        raise GeometryError(
            f"{path} has shape {labels.array.shape} (frame, row, column): expected that of the sweep, "
            f"{image.array.shape}; annotate its frames."
        )
    try:
        return grid_offset(image, labels, str(path)), False
    except GeometryError:
        if image.sweep is None:
            raise
        return (0, 0, 0), True


def check_names(names: dict[int, str], origin: str) -> None:
    """Refuses two labels of one name, whose millilitres could not be told apart.

    Raises:
        InputError: naming both.
    """
    first: dict[str, int] = {}
    for code, name in names.items():
        if first.setdefault(name, code) != code:
            raise InputError(
                f"{origin} has the labels {first[name]} and {code}, both named {name}: expected a name for each; name "
                "one of them otherwise.",
                setting="labels",
            )


def _placed(
    planes: np.ndarray, slices: np.ndarray, offset: tuple[int, int, int], image: Volume, path: str | Path
) -> np.ndarray:
    """(n, row, column) on the image's slices, from the annotated planes of a grid that starts at `offset`."""
    shape = image.array.shape
    masks = np.zeros((len(planes), *shape[1:]), planes.dtype)
    if not len(planes):
        return masks
    placed, taken = [], []
    for first, size, limit in zip(offset[1:], planes.shape[1:], shape[1:], strict=True):
        start, stop = max(first, 0), max(min(first + size, limit), max(first, 0))
        placed.append(slice(start, stop))
        taken.append(slice(start - first, stop - first))
    rows = np.flatnonzero(planes.any(axis=(0, 2))) + offset[1]
    columns = np.flatnonzero(planes.any(axis=(0, 1))) + offset[2]
    for axis, indices, limit in zip(("slices", "rows", "columns"), (slices, rows, columns), shape, strict=True):
        if indices[0] < 0 or indices[-1] >= limit:
            raise GeometryError(
                f"{path} lies on another grid: expected labels inside the image's shape {shape}, received "
                f"{axis} {indices[0]} to {indices[-1]}; save the annotation on the image's own grid."
            )
    masks[:, placed[0], placed[1]] = planes[:, taken[0], taken[1]]
    return masks


def _absent(code: int, origin: str, names: dict[int, str]) -> str:
    present = ", ".join(str(code) if name == str(code) else f"{code} ({name})" for code, name in names.items())
    return f"label {code} is not in {origin}: expected one of {present}; correct the code."
