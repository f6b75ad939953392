"""A session's mask, report and annotated slices, written as `ifss predict` writes them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ifss_keras.core.files import check_folder
from ifss_keras.core.records import Fingerprint
from ifss_keras.inference.methods import NETWORK
from ifss_keras.inference.session import Session
from ifss_keras.jobs.call import Call
from ifss_keras.jobs.outputs import check_output, publish_report, publish_volume, report_outputs, volume_outputs
from ifss_keras.jobs.provenance import Provenance, fingerprints
from ifss_keras.jobs.refusals import refuse_own_input
from ifss_keras.volumes.formats.registry import suffix_of
from ifss_keras.volumes.io import check_writable, write_labels
from ifss_keras.volumes.volume import Volume
from ifss_keras.zoo.presets import find_preset

REFERENCES_SUFFIX = ".seg.nrrd"


@dataclass(frozen=True)
class Places:
    """Where a session is saved.

    Attributes:
        mask: the whole mask; its extension chooses the format.
        references: the annotated slices alone, by which `ifss predict` makes the same mask.
        report: a folder.
    """

    mask: Path
    references: Path
    report: Path

    @classmethod
    def beside(cls, mask: Path) -> Places:
        """The mask's, and for `calf.nii.gz` beside it `calf_references.seg.nrrd` and `calf_report`."""
        name = mask.name[: -len(suffix_of(mask) or mask.suffix)] or mask.name
        return cls(mask, mask.with_name(f"{name}_references{REFERENCES_SUFFIX}"), mask.with_name(f"{name}_report"))


def save_session(session: Session, preset: str, mask: Path, *, force: bool = False, call: Call | None = None) -> Places:
    """Where the mask, its annotated slices and its report were written, each with a record of where it is from.

    Args:
        session: with one annotated slice or more; it is settled, so that `ifss predict` makes the same mask.
        preset: name or folder of the network.
        mask: see `Places.beside`.
        force: whether files may be replaced that are not an earlier output of the same image, untouched since.
        call: when the work began; None: now.

    Raises:
        InputError: something cannot be written, or may not be replaced; where that is known beforehand, nothing is.
    """
    call, places, volume = call or Call(), Places.beside(mask), session.volume
    for path in (places.mask, places.references):
        check_output(path)
        check_writable(path, volume.source)
        refuse_own_input(path, volume.source.path)
    check_folder(places.report)
    source = _image(volume)
    mask_outputs, references_outputs = (
        volume_outputs(path, source, force=force) for path in (places.mask, places.references)
    )
    report = report_outputs(places.report, source, force=force)
    for outputs in (mask_outputs, references_outputs, report):
        outputs.check_replaceable()
    session.settle()
    prediction = session.prediction()
    provenance = Provenance.now(call, None, source)
    write = _references_writer(session)
    publish_volume(places.references, references_outputs, provenance, write)
    inputs = source | fingerprints(reference=places.references) | {"weights": Fingerprint.of(find_preset(preset).path)}
    provenance = Provenance.now(call, None, inputs)
    publish_volume(places.mask, mask_outputs, provenance, prediction.save)
    publish_report(report, provenance, prediction, _run_info(session, preset, places, provenance, call))
    return places


def _image(volume: Volume) -> dict[str, Fingerprint]:
    """Of the file that the volume is of; of its voxels where there is none."""
    if volume.source.path is not None:
        return fingerprints(image=volume.source.path)
    sha256 = hashlib.sha256(np.ascontiguousarray(volume.array)).hexdigest()
    return {"image": Fingerprint(f"in memory, {sha256}", sha256)}


def _references_writer(session: Session):
    annotation, volume = session.annotation, session.volume
    labels = np.zeros(volume.array.shape, np.uint8)
    labels[annotation.slices] = annotation.masks
    return lambda path: write_labels(path, labels, volume, annotation.names)


def _run_info(session: Session, preset: str, places: Places, provenance: Provenance, call: Call):
    from ifss_keras.report.html import RunInfo

    path, annotation = session.volume.source.path, session.annotation
    return RunInfo(
        image_path=str(path) if path else "none (in memory)",
        reference_path=str(places.references),
        output_path=str(places.mask),
        preset=preset,
        method=NETWORK,
        seconds=call.seconds,
        parameters={
            "labels": session.names,
            "absent on slices": {
                annotation.names[code]: " and ".join(map(str, slices)) for code, slices in _absences(session).items()
            },
        },
        **provenance.told(),
    )


def _absences(session: Session) -> dict[int, list[int]]:
    """Label code to the slices where it is known to be absent, of which a file of labels tells nothing."""
    found = {
        code: sorted(index for index, mask in masks.items() if not mask.any())
        for code, masks in session.references.items()
    }
    return {code: slices for code, slices in found.items() if slices and code in session.annotation.names}
