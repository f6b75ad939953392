"""Writes the registry of the presets on the shelf, at release: python -m tests.zoo.make_registry --write"""

import argparse
import json
from pathlib import Path

import ifss_keras.zoo
from ifss_keras.core.files import write_whole
from ifss_keras.core.records import sha256_of
from ifss_keras.zoo.preset import CARD, CONFIG, Preset
from ifss_keras.zoo.remote.registry import REGISTRY, Record, RemoteFile
from tests.zoo.shelf import SUPERSEDED

PLACE = Path(ifss_keras.zoo.__file__).with_name(REGISTRY)


def record_of(preset: Preset) -> Record:
    """What the registry is to hold of a preset in a folder."""
    files = [preset.folder / name for name in (preset.weights, CARD, CONFIG)]
    return Record(
        preset.name,
        preset.architecture,
        preset.summary,
        preset.licence,
        preset.data,
        preset.parameters,
        preset.weights,
        tuple(RemoteFile(file.name, sha256_of(file), file.stat().st_size) for file in files),
    )


def registry_text() -> str:
    """The registry of the shelf."""
    held = {name: record_of(preset).to_dict() for name, preset in SUPERSEDED.items()}
    return json.dumps(held, indent=1) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="without it nothing is written")
    print(registry_text(), end="")
    if parser.parse_args().write:
        write_whole(PLACE, registry_text())


if __name__ == "__main__":
    main()
