"""What is known of an image after one step of its annotation, and the file that holds it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import numpy as np

from ifss_keras.core.errors import InputError

References = Mapping[int, Mapping[int, np.ndarray]]  # label code to slice index to (row, column) bool
_NAMES = {"facts", "plane", "codes", "slices", "masks", "shown_codes", "shown"}


@dataclass(frozen=True, eq=False)
class Step:
    """What is known of an image after a step.

    Attributes:
        axis: of the image as it came, across which its slices are annotated; None before the first lasso.
        current: code of the muscle that is being drawn; None before its first lasso.
        references: of all muscles.
        shown: code to (slice,) fingerprints of the masks that the client was shown of it last.
    """

    axis: int | None = None
    current: int | None = None
    references: References = field(default_factory=dict)
    shown: Mapping[int, np.ndarray] = field(default_factory=dict)

    def packed(self) -> bytes:
        """As a .npz, masks bit by bit."""
        held = [(code, index, mask) for code, masks in self.references.items() for index, mask in masks.items()]
        facts = [-1 if value is None else value for value in (self.axis, self.current)]
        plane = held[0][2].shape if held else (0, 0)
        masks = np.stack([np.packbits(mask) for _, _, mask in held]) if held else np.zeros((0, 0), np.uint8)
        file = io.BytesIO()
        np.savez_compressed(
            file,
            facts=np.array(facts, np.int64),
            plane=np.array(plane, np.int64),
            codes=np.array([code for code, _, _ in held], np.int64),
            slices=np.array([index for _, index, _ in held], np.int64),
            masks=masks,
            shown_codes=np.array(list(self.shown), np.int64),
            shown=np.stack(list(self.shown.values())) if self.shown else np.zeros((0, 0), np.uint64),
        )
        return file.getvalue()

    @classmethod
    def read(cls, path: Path) -> Step:
        """The step in a file.

        Raises:
            InputError: it is none.
        """
        try:
            with np.load(path, allow_pickle=False) as held:
                arrays = {name: held[name] for name in _NAMES}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(f"{path} is no step of an annotation: restore it, or remove its folder.") from error
        rows, columns = arrays["plane"].tolist()
        axis, current = (None if value < 0 else value for value in arrays["facts"].tolist())
        references: dict[int, dict[int, np.ndarray]] = {}
        for code, index, bits in zip(arrays["codes"].tolist(), arrays["slices"].tolist(), arrays["masks"], strict=True):
            mask = np.unpackbits(bits, count=rows * columns).reshape(rows, columns).astype(bool)
            references.setdefault(code, {})[index] = mask
        shown = dict(zip(arrays["shown_codes"].tolist(), arrays["shown"], strict=True))
        return cls(axis, current, references, shown)


def fingerprint(mask: np.ndarray) -> int:
    """A number of 64 bits that says which mask of a slice (row, column) this is."""
    return int.from_bytes(blake2b(np.packbits(mask).tobytes(), digest_size=8).digest(), "little")


def fingerprints(masks: np.ndarray) -> np.ndarray:
    """(slice,) uint64, those of masks (slice, row, column) bool."""
    empty = fingerprint(np.zeros(masks.shape[1:], bool))
    return np.array([fingerprint(mask) if mask.any() else empty for mask in masks], np.uint64)


def with_masks(references: References, code: int, masks: Mapping[int, np.ndarray]) -> References:
    """References and more of one muscle, whose voxels are no other muscle's on these slices.

    Args:
        references: as in `Step`; they stay as they are.
        code: of the muscle.
        masks: slice index to (row, column) bool, in place of its references there.
    """
    others = {
        other: {index: mask & ~masks[index] if index in masks else mask for index, mask in held.items()}
        for other, held in references.items()
        if other != code
    }
    return {**others, code: {**references.get(code, {}), **masks}}
