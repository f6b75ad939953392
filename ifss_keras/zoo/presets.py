"""Presets: a network in a folder, as config.json, weights and a card; some are released, `ifss train` writes others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

from ifss_keras.core.checks import known_names, require
from ifss_keras.core.errors import ChecksumError, PresetError
from ifss_keras.core.files import replacing, write_whole
from ifss_keras.core.progress import Progress, silent
from ifss_keras.core.records import sha256_of
from ifss_keras.propagation.settings import PropagationSettings
from ifss_keras.zoo.catalogue import build_network, find_architecture, network_class
from ifss_keras.zoo.remote.registry import registry

DEFAULT_PRESET = "ifss_synthetic_v5"
MOST_BYTES = 1_000_000  # of a config.json
CONFIG, WEIGHTS, CARD = "config.json", "model.weights.h5", "card.md"


@dataclass(frozen=True)
class Preset:
    """A network in a folder.

    Attributes:
        folder: where it lies; its name is the preset's.
        architecture: the network's class, of `zoo.ARCHITECTURES`.
        arguments: of its constructor.
        propagation: how volumes are shown to it, for a network that carries annotated slices on; else None.
        labels: code to name of what a network finds that needs no reference; else None.
        weights: name of the weights file in the folder.
        sha256: of that file; None while a training still writes it.
        parameters: weights, moving statistics included.
        summary: one line for people.
        licence, data: of the weights, and what they were trained on.
        engine: name of the exported engine in the folder, see `zoo.engine_export`; None where there is none.
        engine_sha256: of that file.
    """

    folder: Path
    architecture: str
    arguments: Mapping[str, Any] = field(hash=False)
    propagation: PropagationSettings | None = None
    labels: Mapping[int, str] | None = field(default=None, hash=False)
    weights: str = WEIGHTS
    sha256: str | None = None
    parameters: int = 0
    summary: str = ""
    licence: str = ""
    data: str = ""
    engine: str | None = None
    engine_sha256: str | None = None

    @classmethod
    def read(cls, folder: Path) -> Preset:
        """The preset in a folder.

        Raises:
            PresetError: its config.json cannot be read or does not describe a preset.
        """
        path = folder / CONFIG
        try:
            require(path.stat().st_size <= MOST_BYTES, f"expected {MOST_BYTES:,} bytes at most")
            held = json.loads(path.read_text(encoding="utf-8"))
            _require_facts(held)
            propagation, labels = held.pop("propagation"), held.pop("labels")
            return cls(
                folder,
                **held,
                propagation=None if propagation is None else PropagationSettings.from_dict(propagation),
                labels=None if labels is None else {int(code): name for code, name in labels.items()},
            )
        except (OSError, ValueError, TypeError, RecursionError, OverflowError) as error:
            problem = getattr(error, "strerror", None) or " ".join(str(error).split())[:300]
            raise PresetError(
                f"{path} is no preset's, copy it again: {problem.rstrip('.')}.".replace("?.", "?")
            ) from error

    def write(self, card: str | None = None) -> None:
        """Writes config.json, and card.md where a text is given."""
        held = {name: value for name, value in vars(self).items() if name != "folder"}
        held = {name: value for name, value in held.items() if name not in _OPTIONAL or value is not None}
        held["propagation"] = self.propagation and self.propagation.to_dict()
        held["labels"] = None if self.labels is None else {str(code): name for code, name in self.labels.items()}
        if card is not None:
            write_whole(self.folder / CARD, card)
        write_whole(self.folder / CONFIG, json.dumps(held, indent=1) + "\n")

    @property
    def name(self) -> str:
        """What it is called."""
        return self.folder.resolve().name

    @property
    def path(self) -> Path:
        """The weights file."""
        return self.folder / self.weights

    @property
    def size_bytes(self) -> int:
        """Of the weights file."""
        return self.path.stat().st_size


_TYPES = {  # of the facts in config.json
    "architecture": str,
    "arguments": dict,
    "propagation": dict | None,
    "labels": dict | None,
    "weights": str,
    "sha256": str | None,
    "parameters": int,
    "summary": str,
    "licence": str,
    "data": str,
    "engine": str,
    "engine_sha256": str,
}
_OPTIONAL = ("engine", "engine_sha256")


def _require_facts(held: Any) -> None:
    """ValueError unless `held` has every fact of a config.json, each of its type, and no other."""
    require(isinstance(held, dict), f"expected facts by name, received {held!r:.40}")
    for name in held:
        require(name in _TYPES, f"there is no fact {name!r}: {known_names(name, _TYPES)}")
    for name, kind in _TYPES.items():
        require(name in held or name in _OPTIONAL, f"the fact {name!r} is missing")
        require(name not in held or isinstance(held[name], kind), f"{name} cannot be {held.get(name)!r:.40}")
    require(len(held.keys() & {*_OPTIONAL}) != 1, "an engine needs its SHA-256")
    for name in ("weights", "engine"):
        file = held.get(name, "")
        require(Path(file).name == file, f"{name} must be a file beside it, not {file!r}")
    labels = held["labels"] or {}
    right = all(code.isdecimal() and isinstance(name, str) for code, name in labels.items())
    require(right, f"labels must name codes, received {labels!r:.40}")


def released_folder() -> Path:
    """Where the presets of the installed package lie, a folder each."""
    return Path(str(resources.files("ifss_keras.zoo") / "released"))


def released_presets() -> dict[str, Preset]:
    """Name to preset, of those that the installed package holds; the default first."""
    folders = sorted(path.parent for path in released_folder().glob(f"*/{CONFIG}"))
    folders.sort(key=lambda folder: folder.name != DEFAULT_PRESET)
    return {folder.name: Preset.read(folder) for folder in folders}


def find_preset(preset: str | Path, progress: Progress = silent) -> Preset:
    """The preset of that name, or in that folder; a released one that the package does not hold is fetched.

    Args:
        preset: its name or folder.
        progress: told of what is fetched.

    Raises:
        PresetError: neither, the text lists the names there are; or it is nowhere to be fetched from.
        InputError: settings of where to fetch from that cannot be used.
    """
    held, remote, folder = released_presets(), registry(), Path(str(preset))
    if str(preset) in held:
        return held[str(preset)]
    if str(preset) in remote:
        from ifss_keras.zoo.remote.pull import folder_of

        return Preset.read(folder_of(remote[str(preset)], progress))
    known = [*held, *remote]
    if not str(preset).strip():
        raise PresetError(f"A preset has a name or a folder, received {preset!r}: {known_names('', known)}")
    if (folder / CONFIG).is_file():
        return Preset.read(folder)
    if folder.is_dir():
        raise PresetError(
            f"{folder} holds no preset: expected a {CONFIG} in it, as `ifss train` writes; check the path."
        )
    if folder.is_file():
        raise PresetError(f"{folder} is a file: expected a preset's name, or the folder of one, such as a training's.")
    raise PresetError(f"There is no preset and no folder {str(preset)!r}: {known_names(str(preset), known)}")


def verified_weights(preset: Preset) -> Path:
    """The path of the preset's weights, after their SHA-256 has been checked.

    Raises:
        ChecksumError: the file is missing or is not the one that the preset names.
    """
    return _verified(preset, "weights", preset.path, preset.sha256)


def verified_engine(preset: Preset) -> Path:
    """The path of the preset's engine, likewise; it must have one."""
    return _verified(preset, "engine", preset.folder / preset.engine, preset.engine_sha256)


def _verified(preset: Preset, what: str, path: Path, sha256: str | None) -> Path:
    try:
        _refuse_more_than_the_parameters(preset, what, path)
        found = sha256_of(path)
    except OSError as error:
        raise ChecksumError(
            f"The {what} of {preset.name} cannot be read from {path} ({error.strerror}): {_mend(preset)}."
        ) from error
    if sha256 is not None and found != sha256:
        raise ChecksumError(
            f"The {what} of {preset.name} {_are(what)} corrupted: expected SHA-256 {sha256[:12]}..., received "
            f"{found[:12]}... in {path}: {_mend(preset)}."
        )
    return path


def _are(what: str) -> str:
    return "are" if what == "weights" else "is"


def _mend(preset: Preset) -> str:
    """How to get the weights of a preset again."""
    if preset.folder.parent == released_folder():
        return "reinstall ifss_keras"
    from ifss_keras.zoo.remote.settings import read_settings

    if preset.name in registry() and preset.folder.parent == read_settings().cache:
        return f"`ifss models pull {preset.name}` fetches them again"
    return "copy the folder again, or train it to the end"


def _refuse_more_than_the_parameters(preset: Preset, what: str, path: Path) -> None:
    """Refuses a file many times larger than the parameters, before a byte of it is read."""
    expected = 8 * preset.parameters + 50_000_000  # of the widest numbers, and what is kept beside them
    received = path.stat().st_size
    if preset.sha256 is not None and received > expected:
        raise ChecksumError(
            f"The {what} of {preset.name} {_are(what)} corrupted: expected at most {expected:,} bytes, received "
            f"{received:,} in {path}: {_mend(preset)}."
        )


def load_network(preset: Preset, kind: type | None = None):
    """The network of a preset with its verified weights.

    Args:
        preset: see `find_preset`.
        kind: class that the network must be of; None: any.

    Raises:
        InputError: a network that cannot be built.
        PresetError: a preset of another network, or weights that do not fit the network.
        ChecksumError: weights that are not the preset's.
    """
    from ifss_keras.zoo.footprint import check_fits
    from ifss_keras.zoo.weights_file import load_weights

    find_architecture(preset.architecture)
    if kind is not None and not issubclass(network_class(preset.architecture), kind):
        raise PresetError(
            f"The preset {preset.name} is of the network {preset.architecture}, not {kind.__name__}: use "
            f"{preset.architecture}.from_preset."
        )
    weights = verified_weights(preset)
    check_fits(preset.architecture, preset.arguments)
    network = build_network(preset.architecture, preset.arguments)
    if preset.propagation is not None:
        shown, seen = (preset.propagation.size, preset.propagation.window), (network.image_size[0], network.window)
        if shown != seen:
            raise PresetError(
                f"{preset.folder / CONFIG} shows volumes at size and window {shown}: expected those of its network, "
                f"{seen}; copy it again."
            )
    load_weights(network, weights)
    network.preset = preset
    return network


def save_preset(network, preset: Preset, card: str | None = None) -> Preset:
    """Writes a network as a preset into its folder, weights first; with the weights' SHA-256.

    Args:
        network: whose weights are written.
        preset: what `ZooModel.described` says of it.
        card: in Markdown; None: the facts alone.

    Raises:
        PresetError: the folder cannot be written.
    """
    facts = f"{preset.architecture} with {preset.parameters:,} parameters. {preset.summary}".strip()
    try:
        preset.folder.mkdir(parents=True, exist_ok=True)
        with replacing(preset.path) as unfinished:
            network.save_weights(unfinished)
        return finished(preset, f"# {preset.name}\n\n{facts}\n" if card is None else card)
    except OSError as error:
        problem = error.strerror or error
        raise PresetError(
            f"The preset {preset.folder} cannot be written ({problem}): choose another folder."
        ) from error


def finished(preset: Preset, card: str | None = None) -> Preset:
    """The preset with the SHA-256 of the weights that lie in its folder, written there."""
    whole = replace(preset, sha256=sha256_of(preset.path))
    whole.write(card)
    return whole
