"""The layers and every network of the zoo give the same values on TensorFlow and on JAX."""

import numpy as np
import pytest

from tests.backend_values import cases, compute, draw
from tests.on_jax import on_jax

TOLERANCE = 3e-5  # both backends sum in float32, in different orders


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """(outputs here, outputs on JAX) from the same inputs and weights; one process for all cases."""
    folder = tmp_path_factory.mktemp("backends")
    saved = draw()
    return compute(saved), on_jax("tests.backend_values", saved, folder)


@pytest.mark.parametrize("case", list(cases()))
def test_same_values_on_jax(both, case):
    here, there = both
    keys = [key for key in here if key.startswith(f"{case}/")]
    assert keys
    assert keys == [key for key in there if key.startswith(f"{case}/")]
    for key in keys:
        assert np.std(here[key]) > 1e-3, "an output without variation would compare nothing"
        np.testing.assert_allclose(there[key], here[key], atol=TOLERANCE, rtol=0)
