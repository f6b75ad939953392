"""`ifss models list`, `ifss models verify` and `ifss models average`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ifss_keras.cli import options


@click.group()
def models():
    """List or verify the released weights, or average your own."""


@models.command("list")
@options.as_json
def list_models(as_json):
    """The presets that `ifss predict --preset` takes."""
    from ifss_keras.cli.console import print_table
    from ifss_keras.zoo import DEFAULT_PRESET, PRESETS

    if as_json:
        held = [
            {
                "name": preset.name,
                "default": preset.name == DEFAULT_PRESET,
                "summary": preset.summary,
                "parameters": preset.parameters,
                "size_bytes": preset.size_bytes,
                "sha256": preset.sha256,
                "licence": preset.licence,
                "data": preset.data,
            }
            for preset in PRESETS.values()
        ]
        click.echo(json.dumps(held, indent=2))
        return
    rows = [
        [
            preset.name + (" (default)" if preset.name == DEFAULT_PRESET else ""),
            f"{preset.parameters:,}",
            f"{preset.size_bytes / 1e6:.1f}",
            preset.licence,
            preset.summary,
        ]
        for preset in PRESETS.values()
    ]
    print_table("Presets", ["name", "parameters", "MB", "licence", "summary"], rows)


@models.command("verify")
@click.argument("names", nargs=-1)
def verify(names):
    """Check the SHA-256 of the weights of NAMES, or of all presets."""
    from ifss_keras.zoo.presets import PRESETS, find_preset, verified_weights

    for name in names or PRESETS:
        path = verified_weights(find_preset(name))
        click.echo(f"{name}: {path.name} is the released file.")


@models.command("average")
@click.argument("weights", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="A file *.weights.h5.")
def average(weights, output):
    """Write the mean of the WEIGHTS of several trainings that started from the same ones."""
    from ifss_keras.zoo.weights_file import average_weights

    average_weights(weights, output)
    click.echo(f"Wrote {output}, the mean of {len(weights)} files.")
