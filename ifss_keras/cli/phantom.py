"""`ifss phantom`."""

from __future__ import annotations

from pathlib import Path

import click

from ifss_keras.cli import options


@click.command()
@click.argument("image", type=click.Path(path_type=Path))
@click.option("--labels", type=click.Path(path_type=Path), required=True, help="Where the true labels go.")
@click.option("--kind", type=click.Choice(["calf", "shapes", "structures"]), default="calf", show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--slices", type=click.IntRange(2), default=160, show_default=True)
@click.option("--size", type=click.IntRange(16), default=192, show_default=True, help="Rows and columns.")
@click.option("--length-mm", type=click.FloatRange(20), default=200.0, show_default=True)
@click.option("--appearance", type=click.Choice(["training", "shifted"]), default="training", show_default=True)
@click.option(
    "--ends",
    type=click.Choice(["tapering", "blunt"]),
    help="How the muscles of a calf end; without it they taper.",
)
@options.force
@click.pass_obj
def phantom(call, image, labels, kind, seed, slices, size, length_mm, appearance, ends, force):
    """Write a synthetic volume to IMAGE and its labels; the same options write the same bytes.

    \b
    Example: ifss phantom calf.nii.gz --labels truth.nii.gz --seed 3
    """
    from ifss_keras.jobs.phantom import check_phantom_places, save_phantom
    from ifss_keras.synthetic import calf, crowded_structures, random_shapes

    check_phantom_places(image, labels, force=force)
    if image.resolve() == labels.resolve():
        raise click.UsageError(f"The labels would overwrite the image {image}: give --labels another name.")
    sizes = {"slices": slices, "size": size, "length_mm": length_mm}
    if kind == "calf":
        made = calf(seed, appearance=appearance, ends=ends or "tapering", **sizes)
    elif ends:
        raise click.UsageError(f"--ends belongs to the calf, received --kind {kind}: drop one of them.")
    elif appearance == "training":
        made = {"shapes": random_shapes, "structures": crowded_structures}[kind](seed, **sizes)
    else:
        raise click.UsageError(f"--appearance shifted belongs to the calf, received --kind {kind}: drop one of them.")
    save_phantom(made, image, labels, call, force=force)
    names = ", ".join(f"{code}={name}" for code, name in sorted(made.names.items()))
    click.echo(f"Wrote {image} ({slices}x{size}x{size}) and {labels} ({names}).")
