"""A tracked sweep from its file to a volume of voxels, for display."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.core.progress import Progress, silent
from ifss_keras.core.records import Fingerprint
from ifss_keras.jobs.call import Call
from ifss_keras.jobs.outputs import check_output, publish_volume, volume_outputs
from ifss_keras.jobs.provenance import Provenance, fingerprints
from ifss_keras.sweeps.compound import Compounded, Compounding, compound, compound_labels
from ifss_keras.volumes.formats.registry import files_made, files_of
from ifss_keras.volumes.io import read_labels, read_volume, write_labels, write_volume
from ifss_keras.volumes.tracking import UNTRACKED, Tracking


@dataclass(frozen=True)
class Reconstruction:
    """What is made of which sweep, from files to files.

    Attributes:
        sweep: file of the frames.
        output: file of the voxels; its extension chooses the format.
        labels: file of labels on the frames, if any.
        labels_output: file of the labels of the voxels.
        how: voxels are made.
        tracking: where the frames lie, as far as their file does not say it.
        force: whether files may be replaced that are not an earlier reconstruction of the same sweep, untouched since.
    """

    sweep: Path
    output: Path
    labels: Path | None = None
    labels_output: Path | None = None
    how: Compounding = field(default_factory=Compounding)
    tracking: Tracking = UNTRACKED
    force: bool = False

    @property
    def outputs(self) -> list[Path]:
        """The files to write."""
        return [path for path in (self.output, self.labels_output) if path is not None]


@dataclass(frozen=True, eq=False)
class ReconstructionResult:
    """What a reconstruction made of what.

    Attributes:
        job: that was done.
        space: name of the space that the voxels lie in.
        frames, tracked: how many frames there are, and how many of them could be used.
        image, labels: that were written; labels are None where none were given.
        fill_mm: how far from what was seen holes were filled.
        seconds: wall time since it was asked for.
    """

    job: Reconstruction
    space: str
    frames: int
    tracked: int
    image: Compounded
    labels: Compounded | None
    fill_mm: float
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        job, volume = self.job, self.image.volume
        return {
            "sweep": str(job.sweep),
            "output": str(job.output),
            "labels": str(job.labels) if job.labels else None,
            "labels_output": str(job.labels_output) if job.labels_output else None,
            "space": self.space,
            "frames": self.frames,
            "tracked": self.tracked,
            "shape": list(volume.array.shape),
            "spacing_mm": list(volume.spacing_mm),
            "weighting": job.how.weighting,
            "fill_mm": self.fill_mm,
            "seen": round(self.image.seen, 4),
            "filled": round(self.image.filled, 4),
            "seconds": round(self.seconds, 2),
        }


def reconstruct(job: Reconstruction, progress: Progress = silent, call: Call | None = None) -> ReconstructionResult:
    """Writes the voxels of a sweep, and of labels on its frames, each with a record of where it is from.

    Args:
        job: to do.
        progress: told of "frames".
        call: how it was asked for; None: now, from Python.

    Raises:
        InputError: in one sentence, for anything that the user can mend; nothing is written then.
    """
    call = call or Call()
    _refuse_places(job)
    max_gb = job.how.max_gb
    volume = read_volume(job.sweep, max_gb=max_gb, tracking=job.tracking)
    job.how.grid(volume)
    marked = None if job.labels is None else read_labels(job.labels, spacing_mm=volume.spacing_mm, max_gb=max_gb)
    source = fingerprints(sweep=job.sweep)
    targets = {path: volume_outputs(path, source, force=job.force) for path in job.outputs}
    for outputs in targets.values():
        outputs.check_replaceable()
    labels = None if marked is None else compound_labels(volume, marked.array, job.how, progress=progress)
    image = compound(volume, job.how, progress=progress)
    others = {name: Fingerprint.of(path) for name, path in job.tracking.files.items()}
    provenance = Provenance.now(call, None, source | fingerprints(labels=job.labels) | others)
    made = image.volume
    publish_volume(job.output, targets[job.output], provenance, lambda path: write_volume(path, made.array, made))
    if labels is not None:
        array, names, colours = labels.volume.array, marked.source.names, marked.source.colours
        publish_volume(
            job.labels_output,
            targets[job.labels_output],
            provenance,
            lambda path: write_labels(path, array, made, names, colours),
        )
    tracked = int(np.count_nonzero(volume.sweep.tracked))
    fill_mm = job.how.fill_in_mm(volume)
    return ReconstructionResult(
        job, volume.sweep.space, len(volume.array), tracked, image, labels, fill_mm, call.seconds
    )


def _refuse_places(job: Reconstruction) -> None:
    """Outputs that cannot be written, would replace an input or each other, or labels without an output."""
    if (job.labels is None) != (job.labels_output is None):
        raise InputError("Labels need a file to read and one to write: give both, or neither.", setting="labels_output")
    for path in job.outputs:
        check_output(path)
        for source in filter(None, (job.sweep, job.labels)):
            for kept in filter(Path.exists, files_of(source)):
                if any(made.exists() and made.samefile(kept) for made in files_made(path)):
                    raise InputError(f"The output {path} would overwrite the input {kept}: choose another name.")
    made = [made.resolve() for path in job.outputs for made in files_made(path)]
    if len(set(made)) < len(made):
        raise InputError(f"The volume and its labels cannot both be {job.output}: choose another name for one.")
