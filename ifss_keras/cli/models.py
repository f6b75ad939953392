"""`ifss models`: list, describe, average; and what `weights` adds."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ifss_keras.cli import options, weights
from ifss_keras.cli.group import Group


@click.group(cls=Group)
def models():
    """List and describe networks; list, fetch, verify or average weights."""


for command in (weights.pull, weights.path, weights.verify, weights.remove):
    models.add_command(command)


@models.command("list")
@options.as_json
def list_models(as_json):
    """The networks of the zoo, and the presets that `ifss predict --preset` takes.

    An embedded preset is part of the package, a cached one has been fetched, a remote one is when it is used.
    """
    from ifss_keras.cli.console import print_table
    from ifss_keras.zoo import ARCHITECTURES, DEFAULT_PRESET

    if as_json:
        networks = [_network(architecture) for architecture in ARCHITECTURES.values()]
        presets = [_preset(preset, where) for preset, where in weights.released()]
        click.echo(json.dumps({"networks": networks, "presets": presets}, indent=2))
        return
    rows = [
        [
            architecture.name if variant is architecture.variants[0] else f"  {variant.name}",
            f"{variant.parameters:,}",
            f"{variant.published:,}" if variant.published else "-",
            "yes" if architecture.needs_reference else "no",
            architecture.source if variant is architecture.variants[0] else "",
        ]
        for architecture in ARCHITECTURES.values()
        for variant in architecture.variants
    ]
    print_table("Networks", ["name", "parameters", "as published", "takes references", "from"], rows)
    rows = [
        [
            preset.name + (" (default)" if preset.name == DEFAULT_PRESET else ""),
            f"{preset.parameters:,}",
            f"{preset.size_bytes / 1e6:.1f}",
            where,
            preset.licence,
            preset.summary,
        ]
        for preset, where in weights.released()
    ]
    print_table("Presets", ["name", "parameters", "MB", "where", "licence", "summary"], rows)


@models.command("export")
@click.argument("preset")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="New folder for a copy of PRESET with its engine; PRESET stays as it is.  [default: in the folder PRESET]",
)
def export(preset, output):
    """Write the engine of PRESET beside its weights: `ifss predict` then starts at once and is faster.

    PRESET is the folder of a training, or the name of a released preset, which needs --output: the default one has its
    engine. OpenVINO and TensorFlow must be installed; a training that goes on afterwards has no engine until it is
    exported again.
    """
    from ifss_keras.core.backend import start_backend
    from ifss_keras.zoo.presets import find_preset, released_presets
    from ifss_keras.zoo.remote.registry import registry

    if output is None and preset in released_presets() | registry():
        raise click.UsageError(
            f"{preset} is a released preset, whose folder stays as it was released: pass -o FOLDER for a copy of it "
            "with its engine."
        )
    found = find_preset(preset)
    start_backend()
    from ifss_keras.zoo.engine_export import export_preset

    whole = export_preset(found, output)
    click.echo(f"Wrote {whole.folder / whole.engine}, {(whole.folder / whole.engine).stat().st_size / 1e6:.1f} MB.")


def _network(architecture):
    return {
        "name": architecture.name,
        "summary": architecture.summary,
        "source": architecture.source,
        "needs_reference": architecture.needs_reference,
        "variants": [
            {
                "name": variant.name,
                "parameters": variant.parameters,
                "published": variant.published,
                "arguments": dict(variant.arguments),
            }
            for variant in architecture.variants
        ],
    }


def _preset(preset, where):
    from ifss_keras.zoo import DEFAULT_PRESET

    facts = ("name", "summary", "parameters", "size_bytes", "sha256", "licence", "data")
    return {fact: getattr(preset, fact) for fact in facts} | {"default": preset.name == DEFAULT_PRESET, "where": where}


@models.command("describe")
@click.argument("name")
@click.option("--variant", default="default", show_default=True, help="See `ifss models list`.")
@click.option("--size", default=512, show_default=True, type=click.IntRange(min=1), help="Working rows and columns.")
@options.as_json
def describe_model(name, variant, size, as_json):
    """What the network NAME is, and what it costs at a working size.

    \b
    Example: ifss models describe UNet3D --variant "nearest to TMI 2021" --size 96
    """
    from ifss_keras.core.backend import start_backend

    start_backend()
    from ifss_keras.zoo.description import describe

    found = describe(name, variant, size)
    facts = {
        "name": found.architecture.name,
        "variant": found.variant.name,
        "source": found.architecture.source,
        "takes references": found.architecture.needs_reference,
        "parameters": found.parameters,
        "published parameters": found.variant.published,
        "working size": found.size,
        "window": found.window,
        "multiply-adds per slice": found.multiply_adds_per_slice,
        "sizes are multiples of": list(found.multiples),
        "licence": found.licence,
    }
    if as_json:
        click.echo(json.dumps(facts | {"arguments": found.arguments, "text": found.text}, indent=2))
        return
    click.echo(f"{found.text}\n")
    for fact, value in facts.items():
        click.echo(f"{fact:24s} {_told(value)}")
    click.echo("arguments")
    for argument, value in found.arguments.items():
        click.echo(f"  {argument:22s} {_told(value)}")


def _told(value):
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return " ".join(f"({_told(item)})" if isinstance(item, tuple | list) else str(item) for item in value)
    return f"{value:,}" if isinstance(value, int) else str(value)


@models.command("average")
@click.argument("trainings", nargs=-1, required=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder, or a file *.weights.h5.")
def average(trainings, output):
    """Write the mean of several TRAININGS that started from the same weights.

    They are presets or their folders, and so is OUTPUT, which `ifss predict --preset OUTPUT` takes; or all are files
    *.weights.h5.
    """
    from ifss_keras.core.backend import start_backend

    start_backend()
    from ifss_keras.zoo.averaging import average_presets
    from ifss_keras.zoo.weights_file import average_weights

    write = average_weights if output.name.endswith(".h5") else average_presets
    write(trainings, output)
    click.echo(f"Wrote {output}, the mean of {len(trainings)}.")
