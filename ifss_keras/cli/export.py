"""`ifss export`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ifss_keras.cli import options

_OF_MESHES = {"space": "--space", "smoothing_mm": "--smoothing-mm", "spacing_mm": "--spacing-mm", "force": "--force"}
_OF_NNUNET = {"sparse": "--sparse", "channel": "--channel", "licence": "--licence"}


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="A file .stl (one for each label where there are several), .ply, .vtp or .3mf; with --nnunet a new folder "
    "such as Dataset501_Legs.",
)
@click.option("--nnunet", is_flag=True, help="SOURCE is a data set, a folder or a CSV, to be written for nnU-Net v2.")
@options.label
@click.option(
    "--space",
    type=click.Choice(["LPS", "RAS"], case_sensitive=False),
    help="Axes of the coordinates.  [default: LPS, as 3D Slicer writes and reads meshes]",
)
@click.option(
    "--smoothing-mm",
    type=click.FloatRange(0, 20, min_open=True),
    help="Smooth each label by so much, its volume kept; smaller parts may vanish.  [default: only the voxels' steps]",
)
@options.spacing
@options.max_gb
@click.option("--sparse", is_flag=True, help="With --nnunet: slices without any label are unknown, not background.")
@click.option(
    "--channel",
    type=options.LineOfText(),
    help="With --nnunet: what the images are; CT are not scaled one by one.  [default: ultrasound]",
)
@click.option("--licence", type=options.LineOfText(), help="With --nnunet: of the data.  [default: not stated]")
@options.force
@options.as_json
@click.pass_obj
def export(call, source, output, nnunet, labels, max_gb, as_json, **choices):
    """Write the labels of the mask SOURCE as closed surfaces in mm, or a data set for nnU-Net.

    Each surface has the volume of its label's voxels; both are printed in mL.

    \b
    Example: ifss export mask.nii.gz -o muscles.stl
             ifss export --nnunet legs -o nnUNet_raw/Dataset501_Legs
    """
    from ifss_keras.cli.console import slice_progress
    from ifss_keras.jobs.export import export_meshes, export_nnunet

    given = {name: value for name, value in choices.items() if value not in (None, False)}
    for name, option in (_OF_MESHES if nnunet else _OF_NNUNET).items():
        if name in given:
            raise click.UsageError(f"{option} does not go {'with' if nnunet else 'without'} --nnunet: leave it out.")
    given |= {"labels": options.label_names(labels), "max_gb": max_gb}
    with slice_progress() as progress:
        if nnunet:
            made = export_nnunet(source, output, progress=progress, **given)
        else:
            made = export_meshes(source, output, call=call, progress=progress, **given)
    (_print_dataset if nnunet else _print_meshes)(made, output, as_json)


def _print_meshes(made, output, as_json):
    from ifss_keras.cli.console import number, print_table

    told = made.to_dict()
    if as_json:
        click.echo(json.dumps(told, indent=2))
        return
    rows = [
        [
            mesh["name"],
            number(mesh["volume_ml"], 3),
            number(mesh["voxels_ml"], 3),
            str(mesh["triangles"]),
            "yes" if mesh["watertight"] else "no",
        ]
        for mesh in told["meshes"]
    ]
    print_table(f"Surfaces, {made.space} mm", ["label", "mL", "mL of its voxels", "triangles", "watertight"], rows)
    click.echo(f"Wrote {', '.join(dict.fromkeys(mesh['file'] for mesh in told['meshes']))}.")


def _print_dataset(made, output, as_json):
    training, test = made.count("Tr"), made.count("Ts")
    if as_json:
        told = {"folder": str(output), "training": training, "test": test, "labels": dict(made.labels)}
        click.echo(json.dumps(told, indent=2))
        return
    codes = ", ".join(f"{code}={name}" for name, code in made.labels.items())
    click.echo(f"Wrote {output}: {training} volumes to train on in imagesTr, {test} in imagesTs; {codes}.")
