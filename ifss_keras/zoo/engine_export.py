"""From a network to the file of an engine that needs neither Keras nor TensorFlow to run, see `OpenVinoEngine`.

Every function of the network's `KerasEngine`, the propagation's own logic included, becomes a frozen TensorFlow graph,
and that a model of OpenVINO: so there is one definition of a step, and both engines run it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import numpy as np

from ifss_keras.core.errors import InputError, PresetError
from ifss_keras.core.files import replacing
from ifss_keras.core.hidden import hidden_folder
from ifss_keras.core.records import sha256_of
from ifss_keras.propagation.engine import KerasEngine, mapped, named_leaves
from ifss_keras.propagation.evidence import Evidence
from ifss_keras.propagation.exemplars import SLOTS, Exemplars
from ifss_keras.propagation.openvino_engine import GIVEN, MADE, PARTS, imported_openvino
from ifss_keras.propagation.settings import Flow
from ifss_keras.zoo.preset import CARD, Preset
from ifss_keras.zoo.presets import check_new_folder, load_network

_ALWAYS = (1980, 1, 1, 0, 0, 0)  # the time in the archive: the same network gives the same bytes


ENGINE = "model.openvino"


def export_preset(preset: Preset, folder: Path | None = None) -> Preset:
    """Writes the engine of a preset beside its weights; the preset with it.

    Args:
        preset: whose engine is written.
        folder: a new one for a copy of the preset, which itself stays as it is; None: the preset's own.

    Raises:
        InputError: its network carries no annotated slices on, or as `export_engine`.
        PresetError, ChecksumError: see `load_network`; or the folder is there already, or cannot be written.
    """
    if preset.propagation is None:
        raise InputError(
            f"The preset {preset.name} has no engine to export: expected a network that carries annotated slices on."
        )
    if folder is not None:
        check_new_folder(folder, "the preset with its engine")
    network = load_network(preset)
    try:
        if folder is None:
            return _with_engine(preset, network)
        with hidden_folder(folder.parent) as hidden:
            copied = _with_engine(_copied(preset, hidden / folder.name), network)
            if folder.exists():
                folder.rmdir()  # empty
            copied.folder.rename(folder)
    except OSError as error:
        raise PresetError(
            f"The folder {folder or preset.folder} cannot be written ({error.strerror}): mend that."
        ) from error
    return replace(copied, folder=folder)


def _with_engine(preset: Preset, network) -> Preset:
    """The preset with an engine of its network, written into its folder."""
    path = preset.folder / ENGINE
    with replacing(path) as unfinished:
        export_engine(network, preset.propagation.flow, unfinished)
    whole = replace(preset, engine=ENGINE, engine_sha256=sha256_of(path))
    whole.write()
    return whole


def _copied(preset: Preset, folder: Path) -> Preset:
    """The preset with its weights and its card in a new folder, still without config.json."""
    folder.mkdir()
    shutil.copyfile(preset.path, folder / preset.weights)
    if (preset.folder / CARD).is_file():
        shutil.copyfile(preset.folder / CARD, folder / CARD)
    return replace(preset, folder=folder)


def export_engine(network, flow: Flow, path: Path) -> None:
    """Writes the engine of a network.

    Args:
        network: a `PropagatingModel` on the TensorFlow backend.
        flow: see `PropagationSettings`.
        path: of the file.

    Raises:
        InputError: OpenVINO is not installed, Keras runs on another backend, or see `check_slots`.
    """
    try:
        openvino = imported_openvino()
    except ImportError as error:
        raise InputError("An engine is exported by OpenVINO, which is not installed: pip install openvino.") from error
    from keras import backend

    if backend.backend() != "tensorflow":
        raise InputError(
            f"An engine is exported on TensorFlow, received the Keras backend {backend.backend()}: unset KERAS_BACKEND."
        )
    with tempfile.TemporaryDirectory() as folder, ZipFile(path, "w", ZIP_STORED) as archive:
        for part, function, given in _parts(KerasEngine(network, flow), network.image_size):
            model = _converted(openvino, function, given, Path(folder) / f"{part}.pb")
            file = Path(folder) / f"{part}.xml"
            openvino.save_model(model, file, compress_to_fp16=False)
            for written in (file, file.with_suffix(".bin")):
                archive.writestr(ZipInfo(written.name, _ALWAYS), written.read_bytes())


def _parts(engine: KerasEngine, size: tuple[int, int]) -> Iterator[tuple[str, Callable, dict]]:
    """Name, function and example arguments, with a batch in front, of each part that the network has a use for."""
    window, plane = engine.window, (*size, 1)
    evidence = Evidence(
        *(np.zeros((1, window, *(plane if part in (0, 1, 3) else (1, 1, 1))), "f") for part in range(5))
    )
    slots = np.zeros((SLOTS, *plane), np.float32)
    exemplars = Exemplars(slots, slots, np.zeros(SLOTS, np.float32))
    remembered = engine.remember(exemplars)
    seen = engine.look(evidence.image[0], remembered) if engine.looks else remembered
    first = Evidence(*(part[:, : window - 1] for part in evidence))
    memory = {name: np.zeros((1, *shape), np.float32) for name, shape in engine.memory_shapes.items()}
    arguments = {
        "remember": {"exemplars": mapped(lambda part: part[None], exemplars)} if remembered else None,
        "look": {"image": evidence.image[0, :1], "remembered": mapped(lambda part: part[None], remembered)}
        if engine.looks
        else None,
        "start": {"evidence": first},
        "step": {
            "evidence": evidence,
            "estimates": first.image,
            "memory": memory,
            "seen": mapped(lambda part: part[None], seen),
        },
    }
    for part in PARTS:
        if arguments[part]:
            yield part, engine.functions[part], arguments[part]


def _converted(openvino, function: Callable, arguments: dict, file: Path):
    """OpenVINO's model of a function, whose inputs and outputs are named by what they are, see `named_leaves`."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    given, made = dict(named_leaves(arguments)), []

    def flat(*tensors):
        each = iter(tensors)
        found = dict(named_leaves(function(**mapped(lambda _: next(each), arguments))))
        made[:] = found
        return list(found.values())

    specs = [
        tf.TensorSpec((None, *part.shape[1:]), tf.float32, name=f"input_{number}")
        for number, part in enumerate(given.values())
    ]
    graph = tf.function(flat, input_signature=specs, autograph=False).get_concrete_function()
    frozen = convert_variables_to_constants_v2(graph)
    tf.io.write_graph(frozen.graph.as_graph_def(), str(file.parent), file.name, as_text=False)
    model = openvino.convert_model(file, output=[tensor.name for tensor in frozen.outputs])
    names, inputs = list(given), {}
    for port in model.inputs:
        (number,) = {int(name[6:].partition(":")[0]) for name in port.names if name.startswith("input_")}
        inputs[number] = port.get_node()
        inputs[number].set_friendly_name(GIVEN + names[number])
    for port, name in zip(model.outputs, made, strict=True):
        port.get_node().set_friendly_name(MADE + name)
    # the conversion has inputs in another order, and all else under other names, each time
    ordered = openvino.Model(model.get_results(), [inputs[number] for number in sorted(inputs)], file.stem)
    for number, node in enumerate(ordered.get_ordered_ops()):
        if node.get_type_name() not in ("Parameter", "Result"):
            node.set_friendly_name(f"{node.get_type_name()}_{number}")
        for port in node.outputs():
            port.get_tensor().set_names(set())
    return ordered
