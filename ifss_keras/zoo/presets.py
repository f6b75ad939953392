"""Presets by name or folder: some are released, `ifss train` writes others."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources
from pathlib import Path

from ifss_keras.core.checks import known_names
from ifss_keras.core.errors import ChecksumError, PresetError
from ifss_keras.core.files import replacing
from ifss_keras.core.progress import Progress, silent
from ifss_keras.core.records import sha256_of
from ifss_keras.zoo.catalogue import build_network, find_architecture, network_class, refuse_a_network
from ifss_keras.zoo.preset import CONFIG, Preset
from ifss_keras.zoo.remote.registry import registry

DEFAULT_PRESET = "ifss_synthetic_v5"


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
    refuse_a_network(str(preset), known)
    raise PresetError(f"There is no preset and no folder {str(preset)!r}: {known_names(str(preset), known)}")


def architecture_of(preset: str) -> str | None:
    """The network that the preset of that name, or in that folder, is of; None: no preset. Nothing is fetched.

    Raises:
        PresetError: a folder whose config.json is no preset's.
    """
    held = released_presets() | registry()
    if preset in held:
        return held[preset].architecture
    return Preset.read(Path(preset)).architecture if (Path(preset) / CONFIG).is_file() else None


def verified_weights(preset: Preset) -> Path:
    """The path of the preset's weights, after their SHA-256 has been checked.

    Raises:
        ChecksumError: the file is missing or is not the one that the preset names.
    """
    return _verified(preset, "weights", preset.path, preset.sha256)


def verified_engine(preset: Preset) -> Path:
    """The path of the preset's engine, likewise; it must have one."""
    return _verified(preset, "engine", preset.folder / preset.engine, preset.engine_sha256)


def verify(preset: Preset) -> None:
    """Checks all files of the preset that have a SHA-256; raises as `verified_weights`."""
    verified_weights(preset)
    if preset.engine:
        verified_engine(preset)


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


def check_new_folder(folder: Path, what: str) -> None:
    """Refuses a folder that holds anything, where `what` is to be written.

    Raises:
        PresetError: it does, or is a file.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise PresetError(f"{folder} is there already: expected a new folder for {what}; choose another name.")


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
