"""`.weights.h5` files: loaded strictly, each value to one variable and none left over, and averaged.

Keras's `load_weights` ignores values that a file holds for layers which the network does not have, and takes what
is not finite; here both are refused, and what differs is named.
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from ifss_keras.core.errors import PresetError
from ifss_keras.core.files import replacing

# what h5py says of damaged files, and keeps to itself of others
UNREADABLE = (OSError, RuntimeError, LookupError, TypeError, AttributeError, ArithmeticError, ValueError, MemoryError)
_MEND = "choose the weights that belong to this network"


def load_weights(network, path: str | Path) -> None:
    """Loads every weight of the network from a `.weights.h5` file, strictly.

    Raises:
        PresetError: not such a file, or a weight is missing, left over, of another shape or not finite; the text
            names it.
    """
    from keras import ops

    path = Path(path)
    if not path.name.endswith(".weights.h5"):
        raise PresetError(
            f"Weights are read from a file *.weights.h5, received {path}: choose one that training wrote."
        )
    if not path.is_file():
        raise PresetError(f"The weights file {path} does not exist; check the path.")
    try:
        held = _values(path)
    except UNREADABLE:
        raise PresetError(
            f"{path} is no weights file or is truncated: expected HDF5 as training writes it; copy it again."
        ) from None
    for name, value in held.items():
        if value.dtype.kind != "f" or not np.isfinite(value).all():
            raise PresetError(f"The weights in {path} are damaged: {name} is not finite everywhere; copy them again.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what Keras skips; whatever it is shows in the comparison below
            network.load_weights(path)
    except UNREADABLE as error:
        difference = _difference(network, held) or " ".join(str(error).split())[:200]
        raise PresetError(f"The weights in {path} do not fit the network: {difference}; {_MEND}.") from error
    loaded = Counter(_fingerprint(ops.convert_to_numpy(variable)) for variable in network.weights)
    if loaded != Counter(_fingerprint(value) for value in held.values()):
        difference = _difference(network, held) or "not every value was taken"
        raise PresetError(f"The weights in {path} do not fit the network: {difference}; {_MEND}.")


def average_weights(paths: Sequence[str | Path], output: str | Path) -> None:
    """Writes the mean of several trainings' weights, value by value (Wortsman et al., ICML 2022).

    Of trainings that started from the same weights the mean is often better than any of them; of others it is noise.

    Raises:
        PresetError: fewer than two files, one that cannot be read, files of different networks, or an output that
            cannot be written.
    """
    if len(paths) < 2:
        raise PresetError(f"A mean is of two weights files or more, received {len(paths)}: name another.")
    held = [_readable(Path(path)) for path in paths]
    shapes = [{name: value.shape for name, value in values.items()} for values in held]
    for path, other in zip(paths, shapes, strict=True):
        if other != shapes[0]:
            raise PresetError(f"{path} and {paths[0]} belong to different networks: average trainings of one network.")
    output = Path(output)
    if output.exists():
        raise PresetError(f"{output} is there already: expected a new file for the mean; choose another name.")
    if not output.name.endswith(".weights.h5"):
        raise PresetError(f"The mean is written to a file *.weights.h5, received {output}: choose another name.")
    try:
        with replacing(output) as unfinished:
            shutil.copyfile(paths[0], unfinished)
            with h5py.File(unfinished, "r+") as file:
                for name in held[0]:
                    file[name][...] = np.mean([values[name] for values in held], axis=0, dtype=np.float64)
    except OSError as error:
        problem = error.strerror or error
        raise PresetError(f"{output} cannot be written ({problem}): choose another place.") from None


def _readable(path: Path) -> dict[str, np.ndarray]:
    if path.is_dir():
        raise PresetError(
            f"{path} is a folder: expected weights files, as the mean is to be one; or name a folder for it."
        )
    try:
        return _values(path)
    except UNREADABLE:
        raise PresetError(f"{path} is no weights file: expected HDF5 as training writes it; check the path.") from None


def _difference(network, held: dict[str, np.ndarray]) -> str:
    """What the first difference is between the file and what the network itself would save; empty if none."""
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "own.weights.h5"
        network.save_weights(own)
        expected = {name: value.shape for name, value in _values(own).items()}
    for name, shape in expected.items():
        if name not in held:
            return f"the file lacks {name}, expected with shape {shape}"
        if held[name].shape != shape:
            return f"expected {name} with shape {shape}, received {held[name].shape}"
    for name, value in held.items():
        if name not in expected:
            return f"the file holds {name} with shape {value.shape}, which the network does not have"
    return ""


def _values(path: Path) -> dict[str, np.ndarray]:
    """Every array in an HDF5 file, by its name."""
    values = {}

    def keep(name, item):
        if isinstance(item, h5py.Dataset):
            values[name] = item[()]

    with h5py.File(path) as file:
        _refuse_more_than_is_there(file, path)
        file.visititems(keep)
    return values


def _refuse_more_than_is_there(file: h5py.File, path: Path) -> None:
    """Refuses a file that claims more values than it holds: HDF5 would make up the others."""
    claimed = 0

    def count(name, item):
        nonlocal claimed
        claimed += item.nbytes if isinstance(item, h5py.Dataset) else 0

    file.visititems(count)
    size = path.stat().st_size
    if claimed > size:
        raise PresetError(
            f"{path} is no weights file or is damaged: expected all values in it, received {size:,} bytes that claim "
            f"to hold {claimed:,}; copy it again."
        )


def _fingerprint(value: np.ndarray) -> tuple:
    return value.shape, value.astype(np.float32).tobytes()
