"""Option types that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

from ifss_keras.propagation.settings import MEMORY_GB

# setting of a library's error: how the command line calls it
OPTIONS = {
    "api_key_file": "--api-key-file",
    "axis": "--axis",
    "calibration": "--calibration",
    "complete": "--complete",
    "ends_annotated": "--ends-annotated",
    "fill_mm": "--fill-mm",
    "force": "--force",
    "frame_step_mm": "--frame-step-mm",
    "labels": "--label CODE=NAME",
    "labels_output": "--labels-output",
    "max_gb": "--max-gb",
    "method": "--method",
    "poses": "--poses",
    "port": "--port",
    "preset": "--preset",
    "previous": "--previous",
    "reference": "--reference",
    "resume": "--resume",
    "scheduler": "--scheduler",
    "space": "--space",
    "spacing_mm": "--spacing-mm",
    "start_from": "--start-from",
}


MOST_DIGITS = 10  # of a label code, which is below 2^31


def option_of(setting: str | None) -> str:
    """What is added to an error that a setting can mend: the option, in brackets."""
    return f" (option {OPTIONS[setting]})" if setting else ""


class SpacingMm(click.ParamType):
    """SLICE,ROW,COLUMN in mm as three floats."""

    name = "slice,row,column"

    def convert(self, value, param, ctx):
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(float(part) for part in value.split(","))
        except ValueError:
            numbers = ()
        if len(numbers) != 3:
            self.fail(f"expected three numbers SLICE,ROW,COLUMN in mm, received {value!r}; write e.g. 0.5,0.2,0.2.")
        return numbers


class Gigabytes(click.FloatRange):
    """Memory in GB, from 0.01 on, which NaN is not."""

    name = "float"

    def __init__(self, most: float | None = None):
        super().__init__(0.01, most)

    def convert(self, value, param, ctx):
        number = super().convert(value, param, ctx)
        if number != number:
            self.fail(f"expected a number of GB, received {value!r}.", param, ctx)
        return number


class LineOfText(click.ParamType):
    """A name that fits on one line."""

    name = "name"

    def convert(self, value, param, ctx):
        if not (value.strip() and value.strip().isprintable()):
            self.fail(f"expected one line of text, received {value!r}.")
        return value.strip()


class CodeName(click.ParamType):
    """CODE=NAME as a pair of an integer and a text."""

    name = "code=name"

    def convert(self, value, param, ctx):
        if isinstance(value, tuple):
            return value
        code, separator, name = value.partition("=")
        right = code.strip().isdecimal() and len(code.strip()) <= MOST_DIGITS
        if not (separator and right and name.strip() and name.strip().isprintable()):
            self.fail(
                f"expected CODE=NAME, a whole number and one line of text, received {value!r}; write e.g. 100=SOL."
            )
        return int(code), name.strip()


def label_names(pairs) -> dict[int, str]:
    """Code to name, from the pairs of `--label`.

    Raises:
        click.UsageError: a code or a name was given twice.
    """
    names = dict(pairs)
    if len(names) < len(pairs) or len(set(names.values())) < len(names):
        given = ", ".join(f"{code}={name}" for code, name in pairs)
        raise click.UsageError(f"--label must give each code and each name once, received {given}; drop one.")
    return names


def job_of(*, labels, poses, calibration, space, **choices):
    """The job that the parameters of `ifss predict` ask for.

    Raises:
        click.UsageError: a code or a name of a label was given twice.
    """
    from ifss_keras.jobs.job import Job
    from ifss_keras.volumes.tracking import Tracking

    return Job(labels=label_names(labels), tracking=Tracking(poses, calibration, space), **choices)


def axis(default: int | None):
    """`--axis`; without a default it is None unless given."""
    return click.option(
        "--axis",
        type=click.IntRange(0, 2),
        default=default,
        help="Stored axis along which the slices lie: i, j, k in NIfTI; x, y, z in MetaImage and NRRD; columns, rows, "
        "slices in .mat, TIFF and folders of frames.  [default: 2]",
    )


label = click.option(
    "--label",
    "labels",
    type=CodeName(),
    multiple=True,
    help="Name of a label code, e.g. 100=SOL. Repeat for more.",
)
spacing = click.option(
    "--spacing-mm",
    type=SpacingMm(),
    help="Distance of slices, rows and columns, where the file's is wrong or missing.",
)
frame_step = click.option(
    "--frame-step-mm",
    type=float,
    help="Distance of neighbouring frames, along the last stored axis, for a sweep of even steps whose file says only "
    "how far rows and columns lie apart, as an ultrasound cine does. It goes before a distance that the file says.",
)
max_gb = click.option(
    "--max-gb",
    type=float,
    help="The most memory that the voxels of a file may take, in GB.  [default: what is free]",
)
memory_gb = click.option(
    "--memory-gb",
    type=Gigabytes(),
    default=MEMORY_GB,
    show_default=True,
    help="Memory for what the network sees in slices; with less, long gaps between annotated slices take longer.",
)
poses = click.option(
    "--poses",
    type=click.Path(path_type=Path),
    help="For a sweep: .csv or .npz with a matrix for each frame, from its pixels to mm.",
)
calibration = click.option(
    "--calibration",
    type=click.Path(path_type=Path),
    help="For a sweep of PLUS: its configuration (.xml), or the matrix ImageToProbe in a text file.",
)
space = click.option(
    "--space",
    type=LineOfText(),
    help="For a sweep of PLUS: the coordinate frame that it lies in.  [default: Reference, World or Tracker]",
)
subject = click.option("--subject", type=LineOfText(), help="Whom the volume shows, for the report and the tables.")
force = click.option(
    "--force",
    is_flag=True,
    help="Overwrite files that are there. Without it only an earlier output for the same input, untouched since, is.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else on stdout.")
