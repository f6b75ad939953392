"""`ifss reconstruct`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ifss_keras.cli import options


@click.command()
@click.argument("sweep", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The volume.")
@click.option("--labels", type=click.Path(path_type=Path), help="Labels on the frames of the sweep.")
@click.option("-o2", "--labels-output", type=click.Path(path_type=Path), help="The labels of the volume.")
@click.option("--spacing-mm", type=float, default=0.5, show_default=True, help="Of the voxels, in all directions.")
@click.option(
    "--weighting",
    type=click.Choice(["linear", "nearest"]),
    default="linear",
    show_default=True,
    help="linear shares a pixel among the voxels around it, nearest gives it to one.",
)
@click.option(
    "--fill-mm",
    type=float,
    help="How far from what was seen the room between frames is filled; 0 leaves it empty.  [default: the median "
    "distance of frames]",
)
@options.poses
@options.calibration
@options.space
@options.max_gb
@options.force
@options.as_json
@click.pass_obj
def reconstruct(call, as_json, poses, calibration, space, spacing_mm, weighting, fill_mm, max_gb, **choices):
    """Make a volume of voxels of the frames of a tracked SWEEP, to look at it.

    Each voxel is the mean of the pixels that lie in it. To annotate and to measure take the frames themselves: voxels
    are blurred.

    \b
    Example: ifss reconstruct calf.igs.mha --calibration PlusConfig.xml -o calf.mha --labels mask.mha -o2 voxels.mha
    """
    from ifss_keras.cli.console import slice_progress
    from ifss_keras.jobs.reconstruct import Reconstruction
    from ifss_keras.jobs.reconstruct import reconstruct as run
    from ifss_keras.sweeps.compound import Compounding
    from ifss_keras.volumes.tracking import Tracking

    how = Compounding(spacing_mm, weighting, fill_mm, max_gb)
    job = Reconstruction(how=how, tracking=Tracking(poses, calibration, space), **choices)
    with slice_progress() as progress:
        result = run(job, progress, call)
    if as_json:
        click.echo(json.dumps(result.to_dict(), indent=2))
        return
    if result.tracked < result.frames:
        click.echo(f"{result.frames - result.tracked} of {result.frames} frames were not tracked and are left out.")
    size = "x".join(map(str, result.image.volume.array.shape))
    click.echo(
        f"Wrote {' and '.join(map(str, job.outputs))} ({size} voxels of {spacing_mm:g} mm in {result.space}) in "
        f"{result.seconds:.0f} s: {result.image.seen:.0%} of them seen, {result.image.filled:.0%} filled within "
        f"{result.fill_mm:.3g} mm."
    )
