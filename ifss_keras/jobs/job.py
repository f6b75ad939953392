"""What to predict, from which files to which."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ifss_keras.core.errors import PresetError
from ifss_keras.core.progress import Progress, silent
from ifss_keras.inference.methods import NETWORK
from ifss_keras.propagation.settings import MEMORY_GB
from ifss_keras.volumes.tracking import UNTRACKED, Tracking
from ifss_keras.zoo.preset import Preset
from ifss_keras.zoo.presets import DEFAULT_PRESET, find_preset


@dataclass(frozen=True)
class Job:
    """What to predict, from which files to which.

    Attributes:
        image, output: files, the image also a folder of DICOM; the extension of `output` chooses its format. None:
            nothing is written, as by `suggest_slices`.
        reference: file of the annotated slices; None for a network that needs none.
        preset: name or folder of a preset; None for the default one.
        method: one of `inference.methods.METHODS`.
        axis: stored axis of the slices; None for the last, refused where the reference was drawn along another.
        spacing_mm: (slice, row, column) in place of the file's.
        frame_step_mm: of neighbouring frames alone, for files that say only how far rows and columns lie apart; in
            place of the file's where it says that, too.
        max_gb: the most memory that the voxels of a file may take, in 10^9 bytes; None for what is free.
        memory_gb: for what the network sees in slices, see `Predictor.predict`.
        tracking: where the frames of a sweep lie, as far as its file does not say it.
        labels: code to name.
        complete, ends_annotated: see `Annotation`.
        report: folder for the report, if any.
        subject: whom the volume shows, as the report and the tables call them.
        previous: an earlier mask of the image, from fewer annotated slices, whose untouched spans are copied; None: all
            is looked for.
        force: whether files may be replaced that are not an earlier output of the same image, untouched since.
    """

    image: Path
    reference: Path | None
    output: Path | None
    preset: str | None = None
    method: str = NETWORK
    axis: int | None = None
    spacing_mm: tuple[float, float, float] | None = None
    frame_step_mm: float | None = None
    max_gb: float | None = None
    memory_gb: float = MEMORY_GB
    tracking: Tracking = UNTRACKED
    labels: dict[int, str] | None = None
    complete: bool = False
    ends_annotated: bool = False
    report: Path | None = None
    subject: str | None = None
    previous: Path | None = None
    force: bool = False

    @property
    def preset_or_default(self) -> str:
        """The preset that a network is of."""
        return DEFAULT_PRESET if self.preset is None else self.preset

    @property
    def source_of_weights(self) -> str:
        """What the report names as the weights."""
        if self.method == "shape":
            return "none (shape interpolation)"
        return self.preset_or_default if self.method == NETWORK else f"none ({self.method})"

    def found_preset(self, progress: Progress = silent) -> Preset:
        """The preset, fetched if need be; PresetError if there is none of its name, or none to be had."""
        try:
            return find_preset(self.preset_or_default, progress)
        except PresetError as error:
            error.setting = "preset"
            raise
