"""Every metric of a label volume against the truth, label by label, with curves along the slices."""

from dataclasses import asdict, dataclass

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.core.paged import as_array
from ifss_keras.metrics.masks import bounding_box, check_same_grid, check_spacing, union_box
from ifss_keras.metrics.overlap import OverlapCounts, dice_of_counts
from ifss_keras.metrics.surface import surface_distances
from ifss_keras.metrics.volume import paper_volume_error_percent, signed_volume_error_percent, voxel_volume_ml

DEFINITIONS = {
    "dice": "2 |P and T| / (|P| + |T|)",
    "iou": "|P and T| / |P or T|",
    "mean_iou": "mean of the muscle's and the background's IoU, over the whole volume",
    "precision": "|P and T| / |P|; undefined for an empty prediction",
    "recall": "|P and T| / |T|; undefined for an empty truth",
    "hausdorff_mm": "largest distance of a surface voxel of one mask to the other's surface, both directions",
    "hd95_mm": "larger of the two directed 95th percentiles of the surface distances",
    "asd_mm": "mean surface distance over the surface voxels of both masks pooled",
    "signed_volume_error_percent": "100 (P - T) / T; positive: too large",
    "paper_volume_error_percent": "100 |P - T| / mean of P and T (Al Chanti et al. 2021)",
    "dice_per_slice": "Dice within each slice; undefined where neither mask is present",
}


@dataclass(frozen=True, eq=False)
class LabelEvaluation:
    """All metrics of one label; definitions in `DEFINITIONS`, empty masks in the metrics' own modules.

    Attributes:
        code, name: the label's number in the volumes, and what it is called.
        prediction_ml, truth_ml: volumes.
        dice, iou, mean_iou, precision, recall: 0 to 1, or nan where undefined.
        hausdorff_mm, hd95_mm, asd_mm: surface distances; inf if one mask is empty.
        signed_volume_error_percent, paper_volume_error_percent: errors of the volume.
        prediction_slices, truth_slices: (first, last) slice counted from 0, or None if the mask is empty.
        dice_per_slice: (n_slices,) nan where the label is in neither mask.
        prediction_areas_mm2, truth_areas_mm2: (n_slices,) cross-section areas.
    """

    code: int
    name: str
    prediction_ml: float
    truth_ml: float
    dice: float
    iou: float
    mean_iou: float
    precision: float
    recall: float
    hausdorff_mm: float
    hd95_mm: float
    asd_mm: float
    signed_volume_error_percent: float
    paper_volume_error_percent: float
    prediction_slices: tuple[int, int] | None
    truth_slices: tuple[int, int] | None
    dice_per_slice: np.ndarray
    prediction_areas_mm2: np.ndarray
    truth_areas_mm2: np.ndarray


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What `evaluate` found.

    Attributes:
        spacing_mm: (slice, row, column).
        shape: (slice, row, column) of the volumes.
        labels: one `LabelEvaluation` per label, in order of the codes.
    """

    spacing_mm: tuple[float, float, float]
    shape: tuple[int, int, int]
    labels: tuple[LabelEvaluation, ...]

    def to_dict(self):
        """The evaluation as JSON-ready lists, numbers and texts, with definitions; nan and inf are None."""
        return json_safe({**asdict(self), "definitions": DEFINITIONS})


def evaluate(prediction, truth, spacing_mm, names=None):
    """`Evaluation` of every label in a predicted label volume against the truth.

    Works label by label inside the bounding box of both masks, so beyond the two volumes it needs memory for
    the largest muscle's box only.

    Args:
        prediction, truth: integer label volumes (slice, row, column) on one grid; 0 is background.
        spacing_mm: distance between voxel centres (slice, row, column).
        names: label code to name; labels without a name are called "label CODE". Every label found in either
            volume is evaluated, named or not.

    Raises:
        InputError: if a volume is not 3D or not of integers, a named label is in neither volume, no label is
            found at all, or the spacing is not three positive numbers.
        GeometryError: if the shapes differ.
    """
    prediction = _check_labels(prediction, "prediction")
    truth = _check_labels(truth, "truth")
    check_same_grid(prediction, truth)
    spacing_mm = check_spacing(spacing_mm)
    names = dict(names or {})
    codes = sorted(_codes(prediction) | _codes(truth))
    missing = sorted(set(names) - set(codes))
    if missing or not codes:
        wanted = f"label {missing[0]}" if missing else "a label other than 0"
        held = (
            f"{'label' if len(codes) == 1 else 'labels'} {', '.join(map(str, codes))}" if codes else "no label at all"
        )
        raise InputError(
            f"prediction or truth must hold {wanted}, received {held}; check the label codes and the files."
        )
    labels = tuple(
        _evaluate_label(prediction, truth, spacing_mm, code, str(names.get(code, f"label {code}"))) for code in codes
    )
    return Evaluation(spacing_mm, tuple(int(size) for size in prediction.shape), labels)


def _evaluate_label(prediction, truth, spacing_mm, code, name):
    box = union_box(bounding_box(prediction, code), bounding_box(truth, code))
    predicted, true = prediction[box] == code, truth[box] == code
    along = box[0]

    def per_slice(mask):
        counts = np.zeros(prediction.shape[0], np.int64)
        counts[along] = np.count_nonzero(mask, axis=(1, 2))
        return counts

    both, in_prediction, in_truth = per_slice(predicted & true), per_slice(predicted), per_slice(true)
    overlap = _counts(both, in_prediction, in_truth, prediction.size)
    distances = surface_distances(predicted, true, spacing_mm)
    prediction_ml = float(in_prediction.sum() * voxel_volume_ml(spacing_mm))
    truth_ml = float(in_truth.sum() * voxel_volume_ml(spacing_mm))
    pixel_mm2 = spacing_mm[1] * spacing_mm[2]
    return LabelEvaluation(
        code=code,
        name=name,
        prediction_ml=prediction_ml,
        truth_ml=truth_ml,
        dice=overlap.dice,
        iou=overlap.iou,
        mean_iou=overlap.mean_iou,
        precision=overlap.precision,
        recall=overlap.recall,
        hausdorff_mm=distances.hausdorff_mm,
        hd95_mm=distances.hd95_mm,
        asd_mm=distances.asd_mm,
        signed_volume_error_percent=signed_volume_error_percent(prediction_ml, truth_ml),
        paper_volume_error_percent=paper_volume_error_percent(prediction_ml, truth_ml),
        prediction_slices=_extent(in_prediction),
        truth_slices=_extent(in_truth),
        dice_per_slice=dice_of_counts(both, in_prediction, in_truth, empty=np.nan),
        prediction_areas_mm2=in_prediction * pixel_mm2,
        truth_areas_mm2=in_truth * pixel_mm2,
    )


def _counts(both, in_prediction, in_truth, size):
    both, in_prediction, in_truth = (int(counts.sum()) for counts in (both, in_prediction, in_truth))
    union = in_prediction + in_truth - both
    return OverlapCounts(both, in_prediction - both, in_truth - both, size - union)


def _extent(counts):
    found = np.flatnonzero(counts)
    return (int(found[0]), int(found[-1])) if found.size else None


def _codes(labels):
    """The label codes in a volume but 0, read slice by slice."""
    return {int(code) for plane in labels for code in np.unique(plane[plane != 0])}


def _check_labels(labels, name):
    labels = as_array(labels)
    if labels.ndim != 3 or labels.dtype.kind not in "biu":
        raise InputError(
            f"{name} must be a label volume (slice, row, column) of whole numbers, received "
            f"{labels.ndim} axes of {labels.dtype}; convert a soft map to label codes first."
        )
    return labels


def json_safe(value):
    """A value of dicts, lists and arrays as JSON holds it: numbers of Python, None for nan and inf."""
    if isinstance(value, dict):
        return {key: json_safe(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [json_safe(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
