"""What a user should know of the input beside its result, in one sentence each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ifss_keras.data.references import References
from ifss_keras.data.volume import Volume, voxel_spacing_mm

_MANY = 8  # annotated slices in a row: nobody draws so many, and leaves no other out


def notes_on(volume: Volume, references: References | None) -> tuple[str, ...]:
    """All that there is to say of a volume and the annotated slices, if any."""
    notes = [spacing_note(volume), non_finite_note(volume)]
    if references is not None:
        notes += [unannotated_note(references), nothing_to_fill_note(references)]
    return tuple(filter(None, notes))


def spacing_note(volume: Volume) -> str:
    """That the mask's file has another spacing than was measured with, for people; empty if it has the same."""
    of_file_mm = voxel_spacing_mm(volume.affine)
    if np.allclose(of_file_mm, volume.spacing_mm, rtol=1e-4):
        return ""
    ratio = np.prod(of_file_mm) / np.prod(volume.spacing_mm)
    shown = ", ".join(f"{value:.4g}" for value in of_file_mm)
    return (
        f"Millilitres are by the given spacing; the mask keeps the file's ({shown} mm), by which other programs will "
        f"count {ratio:.4g} times as much."
    )


def non_finite_note(volume: Volume) -> str:
    """How many voxels are no numbers, for people; empty if all are."""
    if volume.array.dtype.kind != "f":
        return ""
    count = volume.array.size - sum(len(values) for values in finite_values(volume))
    if count == 0:
        return ""
    return f"{count} of {volume.array.size} voxels of the image are NaN or infinite and count as black."


def finite_values(volume: Volume) -> Iterator[np.ndarray]:
    """Of every slice that has some the values that are numbers, (n,)."""
    return (values for values in (plane[np.isfinite(plane)] for plane in volume.array) if len(values))


def unannotated_note(references: References) -> str:
    """Which labels the reference names and does not hold; empty if there are none."""
    if not references.unannotated:
        return ""
    names = ", ".join(f"{name} (label {code})" for code, name in references.unannotated)
    return f"The reference names {names}, but no voxel is annotated as such, so nothing of it was looked for."


def nothing_to_fill_note(references: References) -> str:
    """That every slice between the annotated ones is annotated, as along a wrong axis; empty if it is not so."""
    held = [np.flatnonzero((references.masks == code).any(axis=(1, 2))) for code in references.codes]
    slices = [references.slices[indices] for indices in held]
    if not all(len(indices) >= _MANY and np.ptp(indices) == len(indices) - 1 for indices in slices):
        return ""
    first, last = min(indices[0] for indices in slices), max(indices[-1] for indices in slices)
    return (
        f"Every slice from {first} to {last} is annotated, so there was nothing to fill between them; if that is not "
        "what you drew, the slices lie along another axis: see --axis."
    )
