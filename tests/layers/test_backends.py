"""The layers and every network of the zoo give the same values on TensorFlow and on JAX."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.backend_values import cases, compute, draw

ROOT = Path(__file__).resolve().parents[2]
QUICK_COMPILER = "--xla_backend_optimization_level=0"  # every function runs once
TOLERANCE = 3e-5  # both backends sum in float32, in different orders


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """(outputs here, outputs on JAX) from the same inputs and weights; one process for all cases."""
    if importlib.util.find_spec("jax") is None:
        pytest.skip("JAX is not installed: pip install jax, or the dev extra")
    folder = tmp_path_factory.mktemp("backends")
    saved = draw()
    np.savez(folder / "in.npz", **saved)
    done = subprocess.run(
        [sys.executable, "-m", "tests.backend_values", folder / "in.npz", folder / "out.npz"],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": QUICK_COMPILER},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(folder / "out.npz") as file:
        on_jax = dict(file)
    assert on_jax.pop("backend") == "jax"
    return compute(saved), on_jax


@pytest.mark.parametrize("case", list(cases()))
def test_same_values_on_jax(both, case):
    here, on_jax = both
    keys = [key for key in here if key.startswith(f"{case}/")]
    assert keys
    assert keys == [key for key in on_jax if key.startswith(f"{case}/")]
    for key in keys:
        assert np.std(here[key]) > 1e-3, "an output without variation would compare nothing"
        np.testing.assert_allclose(on_jax[key], here[key], atol=TOLERANCE, rtol=0)
