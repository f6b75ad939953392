"""All labels of an annotation, carried through a volume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ifss_keras.core.progress import Counter, Progress
from ifss_keras.inference.methods import NETWORK
from ifss_keras.inference.summary import Origin, content_order
from ifss_keras.propagation.carry import Carried, Carrier, Told
from ifss_keras.propagation.compose import SoftMask
from ifss_keras.propagation.previous import NOTHING_COPIED, copied_from, runs
from ifss_keras.volumes.annotation import Annotation


@dataclass(frozen=True)
class CarriedLabels:
    """What was told of labels, and what was found; in the order in which they have what two of them claim alike.

    Attributes:
        told: label code to what the annotation says.
        found: label code to what was carried.
    """

    told: Mapping[int, Told]
    found: Mapping[int, Carried]

    @property
    def soft(self) -> dict[int, dict[int, SoftMask]]:
        """Label code to slice index to soft mask."""
        return {code: carried.soft for code, carried in self.found.items()}

    @property
    def masks(self) -> dict[int, Mapping[int, np.ndarray]]:
        """Label code to slice index to (row, column) bool, the references."""
        return {code: told.masks for code, told in self.told.items()}

    @property
    def drawn(self) -> dict[int, Mapping[int, np.ndarray]]:
        """The same with what is copied, but for voxels that another label's references hold."""
        masks = self.masks
        return {
            code: {index: self._left(code, index, mask) for index, mask in told.copied.masks.items()} | masks[code]
            for code, told in self.told.items()
        }

    def _left(self, code: int, index: int, mask: np.ndarray) -> np.ndarray:
        others = [held[index] for other, held in self.masks.items() if other != code and index in held]
        return mask & ~np.any(others, axis=0) if others else mask

    def origins(self, carrier: Carrier) -> dict[int, Origin]:
        """Label code to how its mask was made, and how sure it is."""
        return {
            code: Origin(
                NETWORK,
                carried.ends,
                carrier.certainty(told, carried),
                carrier.wrong_areas_mm2(told, carried),
                copied=runs(told.copied.masks, told.masks),
                anew=runs(told.copied.anew, told.masks),
            )
            for code, carried in self.found.items()
            for told in (self.told[code],)
        }

    def differing(self, other: CarriedLabels) -> set[int]:
        """The slices on which any label has another soft mask or reference than in `other`, or labels another order."""
        codes = self.found.keys() | other.found.keys()
        slices = set().union(*(_differing(self.soft.get(code, {}), other.soft.get(code, {})) for code in codes))
        for code in codes:
            ours, theirs = self.masks.get(code, {}), other.masks.get(code, {})
            slices |= {
                index
                for index in ours.keys() | theirs.keys()
                if index not in ours or index not in theirs or not np.array_equal(ours[index], theirs[index])
            }
        if [code for code in self.found if code in other.found] != [code for code in other.found if code in self.found]:
            slices |= {index for soft in self.soft.values() for index in soft}
        return slices


def carry_annotation(
    carrier: Carrier, annotation: Annotation, progress: Progress, previous: np.ndarray | None = None
) -> CarriedLabels:
    """All labels of an annotation; `progress` is told of each, the slices done and those to do.

    Args:
        carrier: of the volume.
        annotation: of its slices.
        progress: see above.
        previous: (slice, row, column) codes, an earlier mask whose untouched spans are copied.
    """
    told, slices = {}, len(carrier.volume.array)
    for code in content_order(annotation):
        label = annotation.for_label(code)
        held = max(label.masks) - min(label.masks) + 1
        to_do = (held if annotation.ends_annotated else slices) - len(label.masks)
        ends, counter = annotation.ends_annotated, Counter(progress, label.name, to_do)
        copied = NOTHING_COPIED
        if previous is not None:
            copied = copied_from(previous, code, label.masks, ends_annotated=ends)
        told[code] = Told(label.masks, ends, counter, copied)
    return CarriedLabels(told, carrier.carry_all(told))


def _differing(soft: Mapping[int, SoftMask], other: Mapping[int, SoftMask]) -> set[int]:
    return {index for index in soft.keys() | other.keys() if soft.get(index) is not other.get(index)}
