"""`ifss predict --batch`: the lines of a CSV as `ifss predict` itself understands its options."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from ifss_keras.cli import options

NOT_COLUMNS = ("batch", "workers", "scheduler", "force", "as_json", "help")
INPUTS = ("image", "reference", "poses", "calibration", "previous")  # files, relative to the CSV
OUTPUTS = ("output", "report")  # relative to the folder of the batch
YES, NO = ("yes", "y", "true", "1", "x"), ("no", "n", "false", "0")
MASK = "_mask.seg.nrrd"


def predict_batch(context, batch: Path, choices: Mapping[str, Any], *, workers, scheduler, as_json) -> int:
    """Does the cases of a CSV and prints their table; 1 if any failed."""
    from ifss_keras.cli.console import slice_progress
    from ifss_keras.core.files import check_folder
    from ifss_keras.jobs.batch import run_batch

    if workers is not None and scheduler is not None:
        raise click.UsageError("--workers are processes on this machine, --scheduler those of a cluster: give one.")
    folder = choices["output"]
    jobs = read_jobs(context, batch, choices)
    check_folder(folder)
    with slice_progress() as progress:
        outcomes = run_batch(
            jobs,
            folder,
            source=batch,
            workers=workers or 1,
            scheduler=scheduler,
            force=choices["force"],
            call=context.obj,
            progress=progress,
            heard=_tell,
        )
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    if as_json:
        click.echo(json.dumps({"cases": [outcome.to_dict() for outcome in outcomes], "failed": len(failed)}, indent=2))
    else:
        _print(outcomes, failed, folder)
    return int(bool(failed))


def read_jobs(context, batch: Path, choices: Mapping[str, Any]) -> list:
    """A job for each line of a CSV; what a line does not say is as the command line has it.

    Args:
        context: of the command, whose parameters the columns are.
        batch: the CSV.
        choices: the parameters as they were given beside the batch; `output` is the folder of the batch.

    Raises:
        InputError: a column that is no parameter, or a cell that the parameter does not take, by its line.
    """
    from ifss_keras.core.csv_lines import csv_records

    columns = _columns(context.command)
    lines = [
        (line, choices | dict.fromkeys(OUTPUTS) | _parameters(context, columns, batch, line, record))
        for line, record in csv_records(batch, tuple(columns), ("image",))
    ]
    names = _names([parameters for _, parameters in lines])
    return [_job(batch, line, choices, parameters, name) for (line, parameters), name in zip(lines, names, strict=True)]


def _columns(command) -> dict[str, click.Parameter]:
    """The parameters that a column may be of, by what it is called."""
    return {
        parameter.name if isinstance(parameter, click.Argument) else _long_name(parameter): parameter
        for parameter in command.params
        if parameter.name not in NOT_COLUMNS
    }


def _long_name(option) -> str:
    return max(option.opts, key=len).lstrip("-").replace("-", "_")


def _parameters(context, columns, batch: Path, line: int, record: Mapping[str, str]) -> dict[str, Any]:
    """What a line says, by the names of the parameters, as the command itself would read it."""
    from ifss_keras.core.errors import InputError

    where = f"Line {line} of {batch}"
    said = {columns[name].name: (columns[name], cell) for name, cell in record.items() if cell}
    _, image = said["image"]
    arguments = [text for both in said.values() for text in _arguments(*both, where)]
    needed = [] if "output" in said else ["--output=_"]
    try:
        with context.command.make_context(context.info_name, [*arguments, *needed, "--", image]) as read:
            parameters = {name: read.params[name] for name in said}
    except click.UsageError as error:
        raise InputError(f"{where} cannot be used: {error.format_message()}") from None
    for name in set(said) & set(INPUTS):
        parameters[name] = batch.parent / parameters[name]
    if "preset" in said and (batch.parent / parameters["preset"]).is_dir():
        parameters["preset"] = str(batch.parent / parameters["preset"])
    return parameters


def _arguments(parameter, cell: str, where: str) -> list[str]:
    """A cell as arguments of the command line; none for the image, which comes last."""
    from ifss_keras.core.errors import InputError

    if isinstance(parameter, click.Argument):
        return []
    option = max(parameter.opts, key=len)
    if parameter.is_flag:
        if cell.lower() not in (*YES, *NO):
            raise InputError(f"{where} has {cell!r} for {_long_name(parameter)}: expected yes or no; mend it.")
        return [option] if cell.lower() in YES else []
    if parameter.multiple:
        return [f"{option}={part.strip()}" for part in cell.split(";") if part.strip()]
    if parameter.name == "spacing_mm":
        cell = ",".join(cell.replace(",", " ").split())
    return [f"{option}={cell}"]


def _names(cases: list[dict[str, Any]]) -> list[str]:
    """What the masks of cases are called that do not say it: as the image, with its folder where images are alike."""
    from ifss_keras.datasets.listing import stem_and_suffix

    stems = [stem_and_suffix(Path(case["image"].name.replace(":", "_")))[0] for case in cases]
    return [
        f"{case['image'].absolute().parent.name}_{stem}" if stems.count(stem) > 1 else stem
        for case, stem in zip(cases, stems, strict=True)
    ]


def _job(batch: Path, line: int, choices: Mapping[str, Any], parameters: dict[str, Any], name: str):
    from ifss_keras.core.errors import InputError
    from ifss_keras.datasets.listing import stem_and_suffix

    folder, report = choices["output"], choices["report"]
    output = folder / (parameters["output"] or f"{name}{MASK}")
    if parameters["report"] is not None:
        report = folder / parameters["report"]
    elif report is not None:
        report = report / stem_and_suffix(output)[0]
    try:
        return options.job_of(**(parameters | {"output": output, "report": report}))
    except click.UsageError as error:
        raise InputError(f"Line {line} of {batch} cannot be used: {error.format_message()}") from None


def _tell(outcome) -> None:
    """A line on stderr for each case, as it comes, where no bar tells of it."""
    if not sys.stderr.isatty():
        click.echo(f"{outcome.case.name}: {_state(outcome)}", err=True)


def _state(outcome) -> str:
    if outcome.state == "failed":
        return "failed"
    return f"done in {outcome.seconds:.0f} s" if outcome.state == "done" else "kept"


def _failure(outcome) -> str:
    return f"{outcome.case.name}: {outcome.error}{options.option_of(outcome.argument)}"


def _rows(outcomes) -> Iterator[list[str]]:
    from ifss_keras.cli.console import number

    for outcome in outcomes:
        for volume in outcome.volumes or [{}]:
            low, high = volume.get("volume_ml_low"), volume.get("volume_ml_high")
            interval = "-" if low is None or high is None else f"{low:.1f} to {high:.1f}"
            muscle, held = volume.get("muscle", "-"), number(volume.get("volume_ml"), 2)
            yield [outcome.case.name, _state(outcome), muscle, held, interval]


def _print(outcomes, failed, folder: Path) -> None:
    from ifss_keras.cli.console import print_table

    heads = ["case", "state", "muscle", "mL", "95 % interval"]
    print_table(f"Batch of {len(outcomes)} cases", heads, list(_rows(outcomes)))
    for outcome in failed:
        click.echo(f"Failed: {_failure(outcome)}", err=True)
    if warned := sum(bool(outcome.warnings) for outcome in outcomes):
        click.echo(
            f"Warning: There is something to look at in {warned} case{'s' * (warned > 1)}: see the column warnings.",
            err=True,
        )
    click.echo(f"{len(outcomes) - len(failed)} of {len(outcomes)} cases are in {folder}, and {folder / 'volumes.csv'}.")
