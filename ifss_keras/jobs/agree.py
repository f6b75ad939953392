"""The agreement of raters, from a table of volumes or from their folders of masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from ifss_keras.core.csv_lines import csv_records, has_decimal_commas
from ifss_keras.core.errors import InputError
from ifss_keras.core.files import check_folder
from ifss_keras.core.progress import Counter, Progress, silent
from ifss_keras.core.records import Fingerprint, Outputs
from ifss_keras.datasets.labels import own_names
from ifss_keras.datasets.listing import stem_and_suffix
from ifss_keras.jobs.call import Call
from ifss_keras.jobs.evaluate import recoded_by_name
from ifss_keras.jobs.outputs import REPORT_RECORD, lies_on_frames
from ifss_keras.jobs.provenance import Provenance, fingerprints
from ifss_keras.metrics.evaluation import LabelEvaluation, evaluate
from ifss_keras.metrics.raters import Measurement, Overlap, RaterAgreement, compare_raters
from ifss_keras.volumes.grid import check_same_grid
from ifss_keras.volumes.io import read_labels
from ifss_keras.volumes.volume import Volume, present_codes

COLUMNS = ("subject", "rater", "session", "muscle", "volume_ml")
NEEDED = ("subject", "rater", "volume_ml")
ONLY_MUSCLE = "muscle"  # where no column names one


def agree(
    places: Sequence[Path],
    *,
    names: Mapping[int, str] | None = None,
    spacing_mm: tuple[float, float, float] | None = None,
    max_gb: float | None = None,
    report: Path | None = None,
    force: bool = False,
    call: Call | None = None,
    progress: Progress = silent,
) -> RaterAgreement:
    """How well raters agree; with `report`, also a report there.

    Args:
        places: a CSV with the columns of `COLUMNS`, session and muscle optional; or a folder of masks for each rater,
            who is called after it, the masks of one subject with the same name in each.
        names: of masks, code to name, before those of the files.
        spacing_mm, max_gb: of masks, see `read_volume`.
        report: folder for the report, if any.
        force: whether files may be replaced there that are not an earlier report on the same, untouched since.
        call: how it was asked for; None: now, from Python.
        progress: told of "subjects", how many masks were compared of.

    Raises:
        InputError: nothing can be read and compared, or files of others where the report should go.
    """
    call = call or Call()
    if report is not None:
        check_folder(report)
    if len(places) == 1 and not places[0].is_dir():
        source, names_of_folders = {"volumes": Fingerprint.of(places[0])} if places[0].is_file() else {}, []
    else:
        names_of_folders = _rater_names(places)
        masks = _masks(places, names_of_folders)
        source = _fingerprints(masks)
    outputs = None if report is None else _outputs(report, source, force)
    if outputs:
        outputs.check_replaceable()
    if names_of_folders:
        agreement = _of_masks(masks, names_of_folders, names or {}, spacing_mm, max_gb, progress)
    else:
        agreement = compare_raters(read_measurements(places[0]))
    if outputs:
        _write_report(outputs, agreement, places, call)
    return agreement


def read_measurements(path: Path) -> list[Measurement]:
    """The volumes in a CSV, in the order of its lines.

    Raises:
        InputError: it cannot be read, has unknown columns or too few, no volume, or one that is no number.
    """
    decimal = "," if has_decimal_commas(path) else "."
    found = []
    for line, record in csv_records(path, COLUMNS, NEEDED):
        text = record["volume_ml"]
        try:
            volume_ml = float(text.replace(decimal, "."))
        except ValueError:
            raise InputError(
                f"Line {line} of {path} has the volume {text!r}: expected a number of mL; mend it, or drop the line."
            ) from None
        muscle = record.get("muscle") or ONLY_MUSCLE
        found.append(Measurement(record["subject"], record["rater"], record.get("session", ""), muscle, volume_ml))
    if not found:
        raise InputError(
            f"The table {path} has no line below its header: expected one of each volume; fill it in or check the path."
        )
    return found


def _rater_names(folders: Sequence[Path]) -> list[str]:
    """What the raters are called: the names of their folders, with those above where they are the same."""
    parts = [folder.resolve().parts for folder in folders]
    twice = [folder for folder, part in zip(folders, parts, strict=True) if parts.count(part) > 1]
    if twice:
        raise InputError(
            f"{twice[0]} is given twice: expected each place once, a folder of masks for each rater; drop one."
        )
    if len(folders) < 2:
        raise InputError(
            f"There is one folder, {folders[0]}: expected one of each rater, two or more; or a CSV with the columns "
            f"{', '.join(COLUMNS)}."
        )
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder} is no folder: expected a folder of masks of each rater; check the path.")
    for depth in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-depth:]) for part in parts]
        if len(set(names)) == len(names):
            break
    return names


def _masks(folders: Sequence[Path], raters: Sequence[str]) -> dict[str, dict[str, Path]]:
    """Subject to the masks of those raters who have one of it; a file's name without its suffix is its subject."""
    found: dict[str, dict[str, Path]] = {}
    for folder, rater in zip(folders, raters, strict=True):
        for path in sorted(folder.iterdir()):
            stem, suffix = stem_and_suffix(path)
            if suffix is None or path.name.startswith(".") or not path.is_file():
                continue
            held = found.setdefault(stem, {})
            if rater in held:
                raise InputError(
                    f"{folder} holds {held[rater].name} and {path.name}, both of {stem}: expected one mask of each "
                    "subject; remove the other."
                )
            held[rater] = path
    if not any(len(held) > 1 for held in found.values()):
        raise InputError(
            f"The folders {', '.join(map(str, folders))} have no mask of the same name: expected those of one subject "
            "to be called the same in each; rename them."
        )
    return found


def _of_masks(
    masks: Mapping[str, Mapping[str, Path]],
    raters: Sequence[str],
    names: Mapping[int, str],
    spacing_mm: tuple[float, float, float] | None,
    max_gb: float | None,
    progress: Progress,
) -> RaterAgreement:
    measurements: list[Measurement] = []
    overlaps: list[Overlap] = []
    refused: dict[str, InputError] = {}
    done = Counter(progress, "subjects", len(masks))
    for subject, paths in masks.items():
        done()
        if len(paths) == 1:
            continue
        try:
            measured, overlapping = _of_subject(subject, paths, raters, names, spacing_mm, max_gb)
        except InputError as error:
            refused[subject] = error
            continue
        measurements += measured
        overlaps += overlapping
    if refused and not measurements:
        subject, error = next(iter(refused.items()))
        raise InputError(
            f"The masks of no subject can be compared, as here those of {subject}: {error}", setting=error.setting
        )
    in_order = sorted(measurements, key=lambda held: raters.index(held.rater))
    warnings = [f"{subject} is left out: {error}" for subject, error in refused.items()]
    agreement = compare_raters(in_order, overlaps, warnings)
    alone = [
        f"{subject} is left out, as {next(iter(paths))} alone has a mask of it."
        for subject, paths in masks.items()
        if len(paths) == 1
    ]
    return replace(agreement, left_out=(*alone, *agreement.left_out))


def _of_subject(
    subject: str,
    paths: Mapping[str, Path],
    raters: Sequence[str],
    names: Mapping[int, str],
    spacing_mm: tuple[float, float, float] | None,
    max_gb: float | None,
) -> tuple[list[Measurement], list[Overlap]]:
    """The volumes of one subject, and the overlap of every two of its masks."""
    read: dict[str, Volume] = {}
    for rater in filter(paths.get, raters):
        like = next(iter(read.values()), None)
        read[rater] = _read(paths[rater], like, spacing_mm, max_gb)
    volumes: dict[tuple[str, str], Measurement] = {}
    overlaps = []
    for (first, one), (second, other) in combinations(read.items(), 2):
        check_same_grid(other, one, str(paths[first]), of=str(paths[second]))
        for muscle, label in _labels(one, recoded_by_name(other, one), names):
            for rater, volume_ml in ((first, label.prediction_ml), (second, label.truth_ml)):
                if volume_ml:  # a muscle without a voxel was not drawn
                    volumes[rater, muscle] = Measurement(subject, rater, "", muscle, volume_ml)
            if label.prediction_ml and label.truth_ml:
                figures = label.dice, label.asd_mm, label.hd95_mm
                overlaps.append(Overlap(subject, muscle, first, second, *figures))
    return list(volumes.values()), overlaps


def _read(
    path: Path, like: Volume | None, spacing_mm: tuple[float, float, float] | None, max_gb: float | None
) -> Volume:
    if lies_on_frames(path):
        raise InputError(
            f"{path} lies on the frames of a tracked sweep, whose voxels have no volume: expected masks of volumes; "
            "make them by `ifss reconstruct`."
        )
    return read_labels(path, spacing_mm=spacing_mm, max_gb=max_gb, like=like)


def _labels(one: Volume, other: Volume, names: Mapping[int, str]) -> list[tuple[str, LabelEvaluation]]:
    """Name and figures of each label that either mask holds."""
    held = {*present_codes(one.array), *present_codes(other.array)} - {0}
    if not held:
        return []
    known = {**_own_names(other), **_own_names(one), **names}
    labels = evaluate(one.array, other.array, one.spacing_mm).labels
    return [(known.get(label.code, f"label {label.code}"), label) for label in labels]


def _own_names(volume: Volume) -> dict[int, str]:
    return own_names(volume.source.path, volume.source.names)


def _fingerprints(masks: Mapping[str, Mapping[str, Path]]) -> dict[str, Fingerprint]:
    found = {}
    for subject, paths in masks.items():
        for rater, path in paths.items():
            name = f"mask of {subject} by {rater}"
            try:
                found |= fingerprints(**{name: path})
            except InputError:  # it does not say which other files are its own, and is left out
                found[name] = Fingerprint.of(path)
    return found


def _outputs(report: Path, source: Mapping[str, Fingerprint], force: bool) -> Outputs:
    from ifss_keras.report.agreement import AGREEMENT_FILES

    return Outputs(report / REPORT_RECORD, AGREEMENT_FILES, source, force)


def _write_report(outputs: Outputs, agreement: RaterAgreement, places: Sequence[Path], call: Call) -> None:
    from ifss_keras.report.agreement import write_agreement_report
    from ifss_keras.report.run_info import AgreementRunInfo

    provenance = Provenance.now(call, None, outputs.source)
    run = AgreementRunInfo(measured_paths=tuple(map(str, places)), seconds=call.seconds, **provenance.told())
    outputs.folder.mkdir(exist_ok=True)
    with outputs.publishing(provenance.inputs, provenance.facts()) as hidden:
        write_agreement_report(hidden, agreement, run)
