"""The exported engine is the network: every function, every kind of network, whatever else a step takes."""

import builtins
import os
import shutil
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ifss_keras.core.errors import InputError
from ifss_keras.propagation import openvino_engine
from ifss_keras.propagation.engine import KerasEngine
from ifss_keras.propagation.openvino_engine import OpenVinoEngine
from ifss_keras.propagation.settings import FLOW, Flow
from ifss_keras.zoo.engine_export import export_engine
from tests.propagation.engines import NETWORKS, Given, network

QUICK = ("split", "PG-Net")  # an export takes some ten seconds


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The network that is split, and the file of its engine."""
    split, path = network("split"), tmp_path_factory.mktemp("engine") / "split.openvino"
    export_engine(split, FLOW, path)
    return split, path


@pytest.fixture(scope="module")
def engine(exported):
    return OpenVinoEngine(exported[1])


@pytest.mark.parametrize(
    ("name", "flow"),
    [
        *(pytest.param(name, FLOW, marks=() if name in QUICK else pytest.mark.slow) for name in NETWORKS),
        pytest.param("split", Flow(recurrent=False), marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_every_function_gives_what_kerass_gives(name, flow, exported, tmp_path):
    whole, path = network(name), tmp_path / "engine"
    export_engine(whole, flow, path)
    assert (path.read_bytes() == exported[1].read_bytes()) == ((name, flow) == ("split", FLOW))
    by_keras, by_openvino = KerasEngine(whole, flow), OpenVinoEngine(path)
    for fact in ("window", "memory_shapes", "looks"):
        assert getattr(by_openvino, fact) == getattr(by_keras, fact)
    for batch in (1, 2, 5):
        given = Given(by_keras, whole.image_size, batch, seed=batch)
        expected, found = given.answers(by_keras), given.answers(by_openvino)
        assert list(found) == list(expected)
        for part, values in expected.items():
            assert found[part].dtype == np.float32
            np.testing.assert_allclose(found[part], values, rtol=0, atol=1e-5, err_msg=part)
        assert expected["muscle"].std() > 1e-3


def test_a_way_is_the_same_to_the_last_bit_whatever_else_a_step_takes(engine, exported):
    together = Given(engine, exported[0].image_size, 4)
    remembered = engine.remember(together.exemplars)
    looked = [engine.look(image, remembered) for image in together.evidence.image]
    for index, image in enumerate(together.evidence.image):
        for place, slice_ in enumerate(image):
            alone = engine.look(slice_[None], remembered)
            for name, part in alone.items():
                np.testing.assert_array_equal(part[0], looked[index][name][place], err_msg=name)

    def step(ways):
        muscle, estimates, memory = engine.step(
            type(together.evidence)(*(part[ways] for part in together.evidence)),
            together.estimates[ways],
            {name: part[ways] for name, part in together.memory.items()},
            {name: np.stack([looked[way][name] for way in ways]) for name in looked[0]},
        )
        return {"muscle": muscle, "estimates": estimates} | memory

    whole = step([0, 1, 2, 3])
    for ways in ([0], [3], [2, 1], [1, 0, 3]):
        for name, part in step(ways).items():
            np.testing.assert_array_equal(part, whole[name][ways], err_msg=name)


def test_threads_do_not_disturb_each_other(engine, exported):
    every = [Given(engine, exported[0].image_size, batch, seed) for seed, batch in enumerate((1, 4, 2, 3))]
    expected = [given.answers(engine) for given in every]
    with ThreadPoolExecutor(4) as threads:
        for _ in range(3):
            for found, alone in zip(threads.map(lambda given: given.answers(engine), every), expected, strict=True):
                for name, part in alone.items():
                    np.testing.assert_array_equal(found[name], part, err_msg=name)


AT_ONCE = """
import sys, threading
from pathlib import Path
from ifss_keras.propagation.openvino_engine import OpenVinoEngine
OpenVinoEngine(Path(sys.argv[1]))
import openvino
together = threading.Barrier(2)
def first_inference():
    together.wait()
    openvino.Type.f32.to_dtype()
sys.setswitchinterval(1e-6)
lanes = [threading.Thread(target=first_inference) for _ in range(2)]
for lane in lanes: lane.start()
for lane in lanes: lane.join()
"""


def test_the_first_inferences_of_two_lanes_do_not_wait_for_each_other_for_ever(exported):
    for _ in range(3):  # OpenVINO alone hangs in one of three
        subprocess.run([sys.executable, "-c", AT_ONCE, exported[1]], timeout=60, check=True)


TELLS_NOBODY = """
import sys, threading
from pathlib import Path
from ifss_keras.propagation.openvino_engine import OpenVinoEngine
OpenVinoEngine(Path(sys.argv[1]))
from openvino.tools.ovc import convert_impl, telemetry_utils
print(*{module.tm.__name__ for module in (convert_impl, telemetry_utils)}, threading.active_count())
import openvino_telemetry
"""


def test_openvino_tells_nobody_that_it_is_used(exported, tmp_path):
    """It would, of each import and conversion, and keep a number that tells the user from others in her home."""
    command = [sys.executable, "-c", TELLS_NOBODY, exported[1]]
    done = subprocess.run(
        command, env=os.environ | {"HOME": str(tmp_path)}, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["openvino.tools.ovc.telemetry_stub", "1"]
    assert not (tmp_path / "intel").exists()


def test_results_are_arrays_of_their_own(engine, exported):
    given = Given(engine, exported[0].image_size, 2)
    before = given.answers(engine)
    kept = {name: part.copy() for name, part in before.items()}
    Given(engine, exported[0].image_size, 2, seed=1).answers(engine)
    for name, part in before.items():
        np.testing.assert_array_equal(part, kept[name], err_msg=name)


def test_lanes_are_the_cores_that_there_are_but_not_endless(exported, monkeypatch):
    for cores, lanes in ((1, 1), (3, 3), (64, 8)):
        monkeypatch.setattr(openvino_engine, "usable_cores", lambda cores=cores: cores)
        assert OpenVinoEngine(exported[1]).lanes == lanes


@pytest.mark.parametrize("spoil", ["no archive", "no step", "no model", "half a model", "no file"])
def test_what_is_no_engine_is_refused_in_a_sentence(spoil, exported, tmp_path):
    path = tmp_path / "engine"
    if spoil == "no archive":
        path.write_bytes(b"neither")
    elif spoil != "no file":
        with zipfile.ZipFile(exported[1]) as whole, zipfile.ZipFile(path, "w") as made:
            for name in whole.namelist():
                content = whole.read(name)
                if name == "step.xml":
                    content = {"no model": b"<x/>", "half a model": content[: len(content) // 2]}.get(spoil, content)
                if not (spoil == "no step" and name.startswith("step")):
                    made.writestr(name, content)
    with pytest.raises(InputError, match=r"engine is no engine that OpenVINO can read: export it again\.$"):
        OpenVinoEngine(path)


def test_without_openvino_it_says_what_to_do(exported, tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *more, **named):
        if name == "openvino":
            raise ImportError("libtbb.so.12 is missing", name="openvino")
        return real(name, *more, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"cannot be imported \(libtbb.*\): install it again, or set KERAS_BACKEND"):
        OpenVinoEngine(exported[1])
    path = shutil.copy(exported[1], tmp_path / "kept")
    with pytest.raises(InputError, match="pip install openvino"):
        export_engine(exported[0], FLOW, path)
    assert path.read_bytes() == exported[1].read_bytes()
