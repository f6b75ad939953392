"""Every sentence about the volume and the annotated slices that a result was made from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ifss_keras.inference.listed import joined, span_text
from ifss_keras.propagation.intensity import IntensityRange
from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.drawn_axis import PLAUSIBLE
from ifss_keras.volumes.volume import Volume, voxel_spacing_mm

UNSEEN = 0.95  # share of a label's annotated voxels outside the image's contrast, above which nothing is seen of it


def notes_on(volume: Volume, annotation: Annotation | None) -> tuple[str, ...]:
    """All that there is to say of a volume and the annotated slices, if any."""
    notes = [spacing_note(volume), untracked_note(volume), non_finite_note(volume)]
    if annotation is not None:
        notes += [unannotated_note(annotation), nothing_to_fill_note(annotation), unseen_note(volume, annotation)]
    return tuple(filter(None, notes))


def spacing_note(volume: Volume) -> str:
    """That who counts the voxels of the mask's file finds other millilitres; empty if they are the same."""
    if volume.sweep is not None:
        return "Millilitres are by the poses of the frames: a program that counts the mask's voxels finds others."
    of_file_mm = voxel_spacing_mm(volume.affine)
    if np.allclose(of_file_mm, volume.spacing_mm, rtol=1e-4):
        return ""
    ratio = np.prod(of_file_mm) / np.prod(volume.spacing_mm)
    shown = ", ".join(f"{value:.4g}" for value in of_file_mm)
    return (
        f"Millilitres are by the given spacing; the mask keeps the file's ({shown} mm), by which other programs will "
        f"count {ratio:.4g} times as much."
    )


def untracked_note(volume: Volume) -> str:
    """How many frames of a sweep have no pose, and what that means; empty if all have one."""
    if volume.sweep is None or volume.sweep.tracked.all():
        return ""
    known = np.flatnonzero(volume.sweep.tracked)
    lost, count = np.count_nonzero(~volume.sweep.tracked), len(volume.array)
    text = f"{lost} of {count} frames were not tracked: they get masks, and the tracked ones around stand for them."
    ends = [f"before frame {known[0]}"] if known[0] > 0 else []
    ends += [f"after frame {known[-1]}"] if known[-1] < count - 1 else []
    if ends:
        text += f" What lies {' and '.join(ends)} is missing from the millilitres, as nobody knows where it is."
    return text


def non_finite_note(volume: Volume) -> str:
    """How many voxels are no numbers; empty if all are."""
    if volume.array.dtype.kind != "f":
        return ""
    count = volume.array.size - sum(len(values) for values in finite_values(volume))
    if count == 0:
        return ""
    return f"{count} of {volume.array.size} voxels of the image are NaN or infinite and count as black."


def finite_values(volume: Volume) -> Iterator[np.ndarray]:
    """Of every slice that has some the values that are numbers, (n,)."""
    return (values for values in (plane[np.isfinite(plane)] for plane in volume.array) if len(values))


def offset_text(offset: tuple[int, int, int]) -> str:
    """That the reference lies on a part of the image's grid that begins elsewhere; empty if it begins there."""
    if not any(offset):
        return ""
    place = ", ".join(map(str, offset))
    return f"The reference lies on the image's grid, but begins elsewhere, at (slice, row, column) {place}."


def by_shape_text(by_shape: bool) -> str:
    """That only its shape puts the reference on the frames of a sweep; empty if its place in space does, too."""
    if not by_shape:
        return ""
    return "The reference lies elsewhere in space than the sweep's file says: it was put on the frames one by one."


def unseen_note(volume: Volume, annotation: Annotation) -> str:
    """Which labels are annotated where the image is black or white throughout, as beside the body; empty if none."""
    seen = IntensityRange.from_volume(volume.array)
    if not seen.high > seen.low:  # one grey value, which who looks at the image refuses
        return ""
    unseen = [annotation.names[code] for code in annotation.codes if _clipped(seen, volume, annotation, code) >= UNSEEN]
    if not unseen:
        return ""
    return (
        f"The annotated slices of {', '.join(unseen)} lie where the image is black or white throughout, outside its "
        "contrast, so that nothing can be seen there: check that the reference belongs to this image."
    )


def _clipped(seen: IntensityRange, volume: Volume, annotation: Annotation, code: int) -> float:
    """The share of a label's annotated voxels that are shown as black or as white."""
    planes = zip(annotation.slices, annotation.masks, strict=True)
    shown = np.concatenate([seen.apply(volume.array[index][plane == code]) for index, plane in planes])
    return float(((shown <= 0) | (shown >= 1)).mean())


def unannotated_note(annotation: Annotation) -> str:
    """Which labels the annotation names and does not hold; empty if there are none."""
    if not annotation.unannotated:
        return ""
    names = ", ".join(f"{name} (label {code})" for code, name in annotation.unannotated)
    return f"The reference names {names}, but no voxel is annotated as such, so nothing of it was looked for."


def nothing_to_fill_note(annotation: Annotation) -> str:
    """That every slice between the annotated ones is annotated, as along a wrong axis; empty if it is not so."""
    held = [np.flatnonzero((annotation.masks == code).any(axis=(1, 2))) for code in annotation.codes]
    slices = [annotation.slices[indices] for indices in held]
    if not all(len(indices) >= PLAUSIBLE.many_slices and np.ptp(indices) == len(indices) - 1 for indices in slices):
        return ""
    spans = joined([span_text(span) for span in sorted({(int(ends[0]), int(ends[-1])) for ends in slices})])
    return (
        f"Every label is annotated on every slice from its first to its last ({spans}), so there was nothing to fill "
        "between them; if that is not what you drew, the slices lie along another axis."
    )
