"""`ifss evaluate`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ifss_keras.cli import options


@click.command()
@click.argument("prediction", type=click.Path(path_type=Path))
@click.argument("truth", type=click.Path(path_type=Path))
@options.axis(2)
@options.spacing
@options.frame_step
@options.max_gb
@options.label
@click.option("--report", type=click.Path(path_type=Path), help="Folder for an evaluation report.")
@options.subject
@options.force
@options.as_json
@click.pass_obj
def evaluate(call, prediction, truth, labels, as_json, **choices):
    """Compare the labels in PREDICTION with those in TRUTH, on the same grid.

    Dice, IoU, precision, recall; Hausdorff, HD95 and ASD in mm; signed volume error in percent of the truth.

    \b
    Example: ifss evaluate mask.nii.gz truth.nii.gz --report evaluation
    """
    from ifss_keras.jobs.evaluate import evaluate_files
    from ifss_keras.jobs.outputs import lies_on_frames

    evaluation = evaluate_files(prediction, truth, names=options.label_names(labels), call=call, **choices)
    subject = choices["subject"]
    if lies_on_frames(prediction) or lies_on_frames(truth):
        click.echo(
            "Warning: The masks lie on the frames of a tracked sweep: Dice and IoU are of the frames; millilitres and "
            "distances are not, as frames are no voxels.",
            err=True,
        )
    if as_json:
        click.echo(json.dumps({"subject": subject, **evaluation.to_dict()}, indent=2))
        return
    print_evaluation(evaluation, f"Evaluation of {subject}" if subject else "Evaluation")
    if choices["report"]:
        click.echo(f"Wrote {choices['report'] / 'report.html'}.")


def print_evaluation(evaluation, title="Evaluation"):
    """The table of an evaluation on stdout."""
    from ifss_keras.cli.console import number, print_table

    rows = [
        [
            label.name,
            number(label.prediction_ml, 2),
            number(label.truth_ml, 2),
            number(label.dice, 4),
            number(label.iou, 4),
            number(label.asd_mm, 2),
            number(label.hd95_mm, 2),
            number(label.signed_volume_error_percent, 2, " %"),
        ]
        for label in evaluation.labels
    ]
    columns = ["label", "mL", "true mL", "Dice", "IoU", "ASD mm", "HD95 mm", "volume error"]
    print_table(title, columns, rows)
