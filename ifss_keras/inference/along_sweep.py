"""Predictions on the raw frames of a tracked sweep: found in their order along the body, told as the file has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import ndimage

from ifss_keras.inference.notes import notes_on
from ifss_keras.inference.prediction import Prediction
from ifss_keras.inference.summary import LabelSummary, label_title
from ifss_keras.propagation.ends import Ends
from ifss_keras.sweeps.order import FrameOrder, check_planes
from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.sweep import Sweep
from ifss_keras.volumes.volume import Volume

Method = Callable[[Volume, Annotation | None], Prediction]


def needs_order(volume: Volume) -> bool:
    """Whether these are frames of a sweep as they were recorded."""
    return volume.sweep is not None and volume.places is None


def along_sweep(method: Method, volume: Volume, annotation: Annotation | None) -> Prediction:
    """What a method finds in the frames of a sweep.

    It is shown the frames in the order in which they lie along the body, with their true distances; the masks, and all
    that is said of them, are those of the frames as the file numbers them. The volume is that of `sweeps.planes`.

    Args:
        method: from a volume and an annotation to a prediction.
        volume: with a sweep.
        annotation: of its frames; None for a method that needs none.

    Raises:
        InputError: see `check_planes`.
    """
    for code in annotation.codes if annotation else ():
        _check_label(volume, annotation, code)
    order = FrameOrder.of_sweep(volume.sweep, _middle(volume, annotation), volume.array.shape[1:])
    found = method(order.laid(volume), annotation and order.laid_annotation(annotation))
    summaries = tuple(_told(summary, order, volume.sweep) for summary in found.summaries)
    return replace(
        found,
        labels=order.taken_up(found.labels),
        summaries=summaries,
        volume=volume,
        notes=notes_on(volume, annotation),
    )


def _check_label(volume: Volume, annotation: Annotation, code: int) -> None:
    held = [index for index, plane in enumerate(annotation.masks) if (plane == code).any()]
    first, last = int(annotation.slices[held[0]]), int(annotation.slices[held[-1]])
    shown = (annotation.masks[held] == code).any(axis=0)
    (box,) = ndimage.find_objects(shown.astype(np.uint8))
    part = replace(volume.sweep, poses=volume.sweep.poses[first : last + 1], timestamps_s=None)
    check_planes(part, box, label_title(code, annotation.names[code]))


def _middle(volume: Volume, annotation: Annotation | None) -> tuple[float, float]:
    """(row, column) of the middle of all that is annotated, or of the frames."""
    if annotation is None:
        rows, columns = volume.array.shape[1:]
        return (rows - 1) / 2, (columns - 1) / 2
    held = np.argwhere((annotation.masks > 0).any(axis=0))
    row, column = (held.min(axis=0) + held.max(axis=0)) / 2
    return float(row), float(column)


def _told(summary: LabelSummary, order: FrameOrder, sweep: Sweep) -> LabelSummary:
    """The summary of a label with the numbers that the frames have in the file."""
    areas = order.by_frame(summary.areas_mm2)
    if not _is_measured(areas, sweep):
        summary = replace(summary, volume_ml_low=None, volume_ml_high=None, area_deviations_mm2=None)
    held = np.flatnonzero(areas)
    doubts, wrong = summary.area_deviations_mm2, summary.wrong_areas_mm2
    return replace(
        summary,
        first_slice=int(held[0]) if held.size else None,
        last_slice=int(held[-1]) if held.size else None,
        reference_slices=_frames(summary.reference_slices, order),
        areas_mm2=areas,
        area_deviations_mm2=None if doubts is None else order.by_frame(doubts),
        wrong_areas_mm2=None if wrong is None else order.by_frame(wrong),
        ends=Ends(_frames(summary.ends.seen, order), _frames(summary.ends.presumed, order)),
        cut_off=_frames(summary.cut_off, order),
        slabs_mm=order.by_frame(summary.slabs_mm),
        positions_mm=order.by_frame(order.places_mm),
        gaps=tuple(run for first, last in summary.gaps for run in _runs(order.frames[first : last + 1])),
    )


def _is_measured(areas: np.ndarray, sweep: Sweep) -> bool:
    """Whether the tracker saw the probe before and after every frame that shows the label."""
    known = np.flatnonzero(sweep.tracked)
    return not (areas[: known[0]].any() or areas[known[-1] + 1 :].any())


def _frames(places: tuple[int, ...], order: FrameOrder) -> tuple[int, ...]:
    return tuple(sorted(int(order.frames[place]) for place in places))


def _runs(frames: np.ndarray) -> list[tuple[int, int]]:
    """First and last of every run of consecutive frames."""
    frames = np.sort(frames)
    parts = np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1)
    return [(int(part[0]), int(part[-1])) for part in parts]
