"""Nothing of TensorFlow's on the terminal, from Python neither; a network call of a process of its own."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import warnings
import numpy as np
import ifss_keras as ifss

image = np.random.default_rng(0).integers(0, 255, (9, 20, 24)).astype(np.float32)
image[0, 0, :3] = np.nan, np.inf, -np.inf
image[1] *= np.float32(1e30)
labels = np.zeros(image.shape, np.uint8)
labels[[2, 6], 5:12, 6:15] = 1
volume = ifss.Volume.from_array(image, (2.0, 0.5, 0.5))
predictor = ifss.Predictor.from_preset({preset!r})
print(predictor.predict(volume, ifss.Annotation.from_array(labels)).labels.shape)
"""


def test_a_first_prediction_from_python_prints_what_python_prints(tiny_preset):
    unset = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    script = SCRIPT.format(preset=str(tiny_preset))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=unset, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "(9, 20, 24)\n", "")


@pytest.mark.parametrize("backend", ["foo", "torch"])
def test_a_backend_that_there_is_not_is_refused_each_time(backend):
    if backend == "torch":
        with_torch = subprocess.run([sys.executable, "-c", "import torch"], capture_output=True, check=False)
        if with_torch.returncode == 0:
            pytest.skip("torch is installed here")
    script = """
from ifss_keras.core.errors import InputError
import ifss_keras as ifss
for find in (lambda: ifss.Predictor, lambda: ifss.zoo.IFSSNet):
    try:
        find()
    except InputError as error:
        print(error)
"""
    environment = os.environ | {"KERAS_BACKEND": backend}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.splitlines()
    assert first == second
    assert backend in first
