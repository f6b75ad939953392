"""The released weights give what they gave when they were released."""

import numpy as np
import pytest

from tests.zoo.shelf import PRESETS, SHELF


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_gives_its_golden_output(name):
    from ifss_keras.zoo import IFSSNet

    with np.load(SHELF / name / "golden.npz") as golden:
        inputs = {key: golden[key] for key in ("image", "mask", "hidden", "cell")}
        expected = {key: golden[f"expected_{key}"] for key in ("probabilities", "hidden", "cell")}
        exemplars = [golden[key] for key in golden if key.startswith("exemplar_")]
    network = IFSSNet.from_preset(PRESETS[name].folder)
    if network.memory_level:
        inputs |= {key: np.asarray(value) for key, value in network.remember(*exemplars).items()}
    found = network(inputs, training=False)
    for key, values in expected.items():
        # float32 sums in another order, over some hundred terms and eight levels
        np.testing.assert_allclose(np.asarray(found[key]), values, atol=2e-4, err_msg=key)
