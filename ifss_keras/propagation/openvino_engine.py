"""The engine of exported networks: OpenVINO, without Keras or TensorFlow."""

from __future__ import annotations

import sys
from pathlib import Path
from threading import Lock, local
from zipfile import BadZipFile, ZipFile

import numpy as np

from ifss_keras.core.cores import usable_cores
from ifss_keras.core.errors import InputError
from ifss_keras.propagation.engine import Arrays, mapped, named_leaves
from ifss_keras.propagation.evidence import Evidence
from ifss_keras.propagation.exemplars import Exemplars

GIVEN, MADE = "given:", "made:"  # before the names of inputs and of outputs, which share some
PARTS = ("remember", "look", "start", "step")  # of an engine; those that a network has no use for are left out
MOST_LANES = 8


def imported_openvino():
    """The module `openvino`, which tells nobody that it is used.

    Left alone, OpenVINO sends an event to Google Analytics whenever it is imported or converts a network, unless a file
    in the user's home forbids it. A tool for patients' data does not; and the processes that it forks in threads for
    that can wait for ever for h5py's lock, which each fork takes.

    Raises:
        ImportError: it is not installed, or one of its libraries is missing.
    """
    telemetry = "openvino_telemetry"
    if telemetry in sys.modules:  # whoever imported it has settled that
        import openvino

        return openvino
    sys.modules[telemetry] = None  # importing it fails, and OpenVINO goes without
    try:
        import openvino
    finally:
        sys.modules.pop(telemetry, None)
    return openvino


class OpenVinoEngine:
    """An `Engine` made of what `zoo.engine_export` wrote: for every part of it a model, all in one file.

    Args:
        path: the file.
        precision: "f32", or "bf16" where the processor has it.

    Raises:
        InputError: OpenVINO cannot be imported, or the file is no engine.
    """

    at_once = 2

    def __init__(self, path: Path, precision: str = "f32"):
        try:
            openvino = imported_openvino()
        except ImportError as error:
            raise InputError(
                f"OpenVINO cannot be imported ({error}): install it again, or set KERAS_BACKEND=tensorflow to run the "
                "network by Keras."
            ) from error
        # a thread for each lane: faster than several for one, and then a way's result is the same to the last bit
        # whatever other ways a step takes
        self.lanes = min(usable_cores(), MOST_LANES)
        openvino.Type.f32.to_dtype()  # fills a table; two lanes that did so at once would wait for each other for ever
        self._core = openvino.Core()
        self._models = self._read(path)
        shapes = {name_of(port, GIVEN): port.partial_shape for port in self._models["step"].inputs}
        self.window = shapes["evidence.image"][1].get_length()
        self.memory_shapes = {
            name.removeprefix("memory."): tuple(size.get_length() for size in list(shape)[1:])
            for name, shape in shapes.items()
            if name.startswith("memory.")
        }
        self.looks, self.looks_up = "look" in self._models, "remember" in self._models
        self._settings = {
            "NUM_STREAMS": self.lanes,
            "INFERENCE_NUM_THREADS": self.lanes,
            "INFERENCE_PRECISION_HINT": precision,
        }
        self._compiled, self._lock = {}, Lock()
        self._requests = local()

    def _read(self, path: Path) -> dict:
        """The model of each part."""
        try:
            with ZipFile(path) as held:
                given = {part for part in PARTS if f"{part}.xml" in held.namelist()} | {"start", "step"}
                return {
                    part: self._core.read_model(held.read(f"{part}.xml"), held.read(f"{part}.bin")) for part in given
                }
        except (BadZipFile, KeyError, OSError, RuntimeError) as error:
            raise InputError(f"{path} is no engine that OpenVINO can read: export it again.") from error

    def remember(self, exemplars: Exemplars) -> Arrays:
        """See `Engine`."""
        found = self._run("remember", exemplars=mapped(lambda part: part[None], exemplars))
        return {name: part[0] for name, part in found.items()}

    def look(self, image: np.ndarray, remembered: Arrays) -> Arrays:
        """See `Engine`."""
        spread = {name: np.repeat(part[None], len(image), axis=0) for name, part in remembered.items()}
        return {name: part[:, 0] for name, part in self._run("look", image=image, remembered=spread).items()}

    def start(self, evidence: Evidence) -> np.ndarray:
        """See `Engine`."""
        return self._run("start", evidence=mapped(lambda part: part[None], evidence))["estimates"][0]

    def step(self, evidence, estimates, memory, seen):
        """See `Engine`."""
        found = self._run("step", evidence=evidence, estimates=estimates, memory=memory, seen=seen)
        return found["muscle"], found["estimates"], {name: found[f"memory.{name}"] for name in memory}

    def _run(self, part: str, **arguments) -> dict[str, np.ndarray]:
        request, given = self._request(part), dict(named_leaves(arguments))
        inputs = {port: given[name_of(port, GIVEN)] for port in request.model_inputs}
        return {name_of(port, MADE): values for port, values in request.infer(inputs, share_inputs=True).items()}

    def _request(self, part: str):
        """This thread's request to a part's model, which is compiled the first time that any thread wants it."""
        if not hasattr(self._requests, part):
            with self._lock:
                if part not in self._compiled:
                    self._compiled[part] = self._core.compile_model(self._models[part], "CPU", self._settings)
            setattr(self._requests, part, self._compiled[part].create_infer_request())
        return getattr(self._requests, part)


def name_of(port, mark: str) -> str:
    """The name that the export gave to an input or output; that of the node, as tensors that are handed on have one."""
    return port.get_node().get_friendly_name().removeprefix(mark)
