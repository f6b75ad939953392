"""The masks of all labels on the volume's grid, what they measure, and what a user is to know of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ifss_keras.core.colours import RGB
from ifss_keras.inference import messages
from ifss_keras.inference.notes import notes_on
from ifss_keras.inference.summary import LabelSummary, Origin, summarize
from ifss_keras.propagation.places import Places
from ifss_keras.sweeps.planes import Planes
from ifss_keras.volumes.annotation import Annotation, LabelAnnotation
from ifss_keras.volumes.io import write_labels
from ifss_keras.volumes.volume import Volume


@dataclass(frozen=True, eq=False)
class Prediction:
    """The mask of every label on the volume's grid, and what it measures.

    Attributes:
        labels: (slice, row, column), the annotation's codes, 0 elsewhere.
        summaries: one per label, in the order of the codes.
        volume: whose grid it is.
        notes: what there is to say of the volume and the annotation, in one sentence each.
        colours: red, green and blue of the labels that the annotation colours.
    """

    labels: np.ndarray
    summaries: tuple[LabelSummary, ...]
    volume: Volume
    notes: tuple[str, ...] = ()
    colours: Mapping[int, RGB] = field(default_factory=dict)

    @classmethod
    def of_labels(
        cls, labels: np.ndarray, volume: Volume, annotation: Annotation, origins: Mapping[int, Origin] | str
    ) -> Prediction:
        """The prediction that carries an annotation on.

        Args:
            labels: (slice, row, column) codes.
            volume: that was looked at.
            annotation: that was carried on.
            origins: label code to how it was made, or the one method of all.
        """
        summaries, planes = [], _planes(volume)
        for code in annotation.codes:
            origin = Origin(origins) if isinstance(origins, str) else origins[code]
            summaries.append(summarize(labels, volume.spacing_mm, annotation.for_label(code), origin, planes))
        return cls(labels, tuple(summaries), volume, notes_on(volume, annotation), annotation.colours)

    @classmethod
    def of_found_labels(cls, labels: np.ndarray, volume: Volume, names: Mapping[int, str], method: str) -> Prediction:
        """The prediction of a method that needs no annotation; `names` are of all codes that it looks for."""
        held = (LabelAnnotation(code, name, {}, {}) for code, name in sorted(names.items()))
        planes = _planes(volume)
        summaries = tuple(summarize(labels, volume.spacing_mm, label, Origin(method), planes) for label in held)
        return cls(labels, summaries, volume, notes_on(volume, None))

    @property
    def names(self) -> dict[int, str]:
        """Label code to name."""
        return {summary.code: summary.name for summary in self.summaries}

    @property
    def volumes_ml(self) -> dict[str, float]:
        """Name of each label to its volume."""
        return {summary.name: summary.volume_ml for summary in self.summaries}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is worth a look, in one sentence of each kind: the notes, and what the masks themselves show."""
        return (*self.notes, *messages.warnings_of(self.summaries))

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is good to know and no warning, in one sentence of each kind."""
        return messages.remarks_on(self.summaries)

    def to_dict(self) -> dict[str, Any]:
        """Grid, warnings, remarks and labels as JSON holds them, without masks and areas."""
        return {
            "shape": list(self.labels.shape),
            "spacing_mm": list(self.volume.spacing_mm),
            "warnings": list(self.warnings),
            "remarks": list(self.remarks),
            "labels": [summary.to_dict() for summary in self.summaries],
        }

    def save(self, path: str | Path) -> None:
        """Writes the mask on the volume's grid; the suffix chooses the format, a `.seg.nrrd` keeps names and colours.

        Raises:
            InputError: the file cannot be written.
        """
        write_labels(path, self.labels, self.volume, self.names, self.colours)


def _planes(volume: Volume) -> Planes | None:
    return None if volume.sweep is None else Planes(volume.sweep, Places(volume.places), volume.sweep.boxes)
