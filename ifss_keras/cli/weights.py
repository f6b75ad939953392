"""`ifss models` on released weights: pull, path, verify, remove."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click

from ifss_keras.cli import options
from ifss_keras.core.errors import IFSSError, PresetError

EMBEDDED, CACHED, REMOTE, OWN = "embedded", "cached", "remote", "folder"


def released() -> Iterator[tuple]:
    """Every released preset, or the record of one that the package does not hold, and where it is."""
    from ifss_keras.zoo.presets import released_presets
    from ifss_keras.zoo.remote.cache import is_cached
    from ifss_keras.zoo.remote.registry import registry
    from ifss_keras.zoo.remote.settings import read_settings

    settings = read_settings()
    yield from ((preset, EMBEDDED) for preset in released_presets().values())
    yield from ((record, CACHED if is_cached(record, settings) else REMOTE) for record in registry().values())


@click.command("pull")
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every released preset.")
@options.as_json
def pull(names, everything, as_json):
    """Fetch the released presets NAMES into the cache, and again what is damaged there.

    A prediction or a training fetches its preset by itself; this is for machines that will have no network. Hosts are
    named by IFSS_WEIGHTS_URL, the cache by IFSS_CACHE; see docs/weights.md.
    """
    from ifss_keras.cli.console import slice_progress
    from ifss_keras.zoo.presets import released_presets
    from ifss_keras.zoo.remote.pull import pull as fetch
    from ifss_keras.zoo.remote.registry import find_record, registry
    from ifss_keras.zoo.remote.settings import read_settings

    if bool(names) == everything:
        raise click.UsageError("expected the NAMES of presets, or --all; see `ifss models list`.")
    embedded, settings = released_presets(), read_settings()
    found = []
    with slice_progress() as progress:
        for name in names or [*embedded, *registry()]:
            if name in embedded:
                found.append(_found(name, EMBEDDED, embedded[name].folder))
            else:
                found.append(_found(name, CACHED, fetch(find_record(name), settings, progress)))
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for one in found:
        click.echo(f"{one['name']}: {one['where']} in {one['folder']}.")


@click.command("path")
@click.argument("name")
@options.as_json
def path(name, as_json):
    """Print the folder of the preset NAME; nothing is fetched."""
    from ifss_keras.zoo.presets import find_preset, released_presets
    from ifss_keras.zoo.remote.cache import cached_folder, is_cached, not_cached
    from ifss_keras.zoo.remote.registry import registry
    from ifss_keras.zoo.remote.settings import read_settings

    if record := registry().get(name):
        settings = read_settings()
        if not is_cached(record, settings):
            raise not_cached(record, settings)
        found = _found(name, CACHED, cached_folder(record, settings))
    else:
        found = _found(name, EMBEDDED if name in released_presets() else OWN, find_preset(name).folder)
    click.echo(json.dumps(found, indent=2) if as_json else found["folder"])


@click.command("verify")
@click.argument("names", nargs=-1)
@options.as_json
def verify(names, as_json):
    """Check the SHA-256 of what NAMES hold, presets or their folders, or all that are here; fetches nothing."""
    from ifss_keras.zoo.presets import released_presets
    from ifss_keras.zoo.remote.cache import is_begun
    from ifss_keras.zoo.remote.registry import registry
    from ifss_keras.zoo.remote.settings import read_settings

    records, settings = registry(), read_settings()
    here = [*released_presets(), *(name for name in records if is_begun(records[name], settings))]
    found, faults = [], []
    for name in names or here:
        try:
            found.append(_verified(name, records.get(name), settings))
        except IFSSError as fault:
            faults.append(fault)
    if as_json:
        click.echo(json.dumps([{fact: one[fact] for fact in one if fact != "told"} for one in found], indent=2))
    else:
        for one in found:
            click.echo(f"{one['name']}: {one['told']}.")
    for fault in faults[:-1]:
        click.echo(f"Error: {fault}", err=True)
    if faults:
        raise faults[-1]


def _verified(name, record, settings):
    """What was found of a preset, with `verified` false where nothing says which weights are right."""
    from ifss_keras.zoo.presets import find_preset, released_presets, verify
    from ifss_keras.zoo.remote.cache import check_cached

    if record is not None:
        folder = check_cached(record, settings)
        names = ", ".join(file.name for file in record.files)
        return _found(name, CACHED, folder) | {"verified": True, "told": f"{names} are the files that were released"}
    preset = find_preset(name)
    verify(preset)
    files = [preset.weights, *([preset.engine] if preset.engine else [])]
    named = "is the file that the preset names" if len(files) == 1 else "are the files that the preset names"
    known = named if preset.sha256 else "is there, of a training that has not ended"
    found = _found(name, EMBEDDED if name in released_presets() else OWN, preset.folder)
    return found | {"verified": preset.sha256 is not None, "told": f"{' and '.join(files)} {known}"}


@click.command("remove")
@click.argument("names", nargs=-1, required=True)
@options.as_json
def remove(names, as_json):
    """Remove the presets NAMES from the cache."""
    from ifss_keras.zoo.presets import released_presets
    from ifss_keras.zoo.remote.cache import remove_cached
    from ifss_keras.zoo.remote.registry import find_record
    from ifss_keras.zoo.remote.settings import read_settings

    embedded, settings = released_presets(), read_settings()
    for name in names:
        if name in embedded:
            raise PresetError(f"The preset {name} is part of the package: only what was fetched can be removed.")
    removed = [_found(name, REMOTE, remove_cached(find_record(name), settings)) for name in names]
    if as_json:
        click.echo(json.dumps(removed, indent=2))
        return
    for one in removed:
        click.echo(f"{one['name']}: removed from {one['folder']}.")


def _found(name: str, where: str, folder: Path) -> dict[str, str]:
    return {"name": name, "where": where, "folder": str(folder)}
