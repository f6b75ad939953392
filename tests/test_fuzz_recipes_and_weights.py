"""Mutated recipes and weights: taken whole, or refused in one sentence; hypothesis keeps the seeds that failed."""

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ifss_keras.core.errors import IFSSError
from ifss_keras.training.recipe import Recipe, read_recipe
from ifss_keras.zoo.preset import Preset
from ifss_keras.zoo.weights_file import load_weights

RECIPE = b"""name: fuzz  # a comment
model: IFSSNet
network: &net {image_size: [32, 32], widths: [4, 6], rates: [[1, 2], [1]]}
training: &seeds {calf: 2, shapes: 1, first_seed: 3}
validation: {<<: *seeds, first_seed: 20}
optimizer: {kind: muon, learning_rate: 1.0e-3}
clips: {windows: 2, gap: [4, 80], border_mm: 1.5}
propagation: {softness: {start: 0.5}, percentiles: [0.5, 99.5]}
"""
PIECES = (
    b"\n|: |- |[|]|{|}|*seeds|&seeds |<<|!!binary |!!timestamp 1|-1|.nan|.inf|null|true|'|\"|\xff|\0|? |1e999".split(
        b"|"
    )
)
PIECES += [b"|", b"9" * 50, b"9" * 5000]
QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@st.composite
def mutated(draw, content, pieces=()):
    """`content` with up to five of: a byte changed, a span dropped, repeated, or a piece put in."""
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.integers(0, max(len(content) - 1, 0)))
        span = draw(st.integers(1, 40))
        kind = draw(st.integers(0, 4))
        if kind == 0:
            content = content[:start] + bytes([draw(st.integers(0, 255))]) + content[start + 1 :]
        elif kind == 1:
            content = content[:start] + content[start + span :]
        elif kind == 2:
            content = content[:start] + content[start : start + span] * 2 + content[start + span :]
        elif kind == 3 or not pieces:
            content = content[:start] + draw(st.binary(max_size=8)) + content[start + 8 :]
        else:
            content = content[:start] + draw(st.sampled_from(pieces)) + content[start:]
    return content


def check_sentence(text):
    """One line, and not a long one."""
    assert "\n" not in text
    assert len(text) < 2000


def recipe_is_taken_or_refused(path, content):
    path.write_bytes(content)
    try:
        assert isinstance(read_recipe(path), Recipe)
    except IFSSError as error:
        check_sentence(str(error))


def weights_are_taken_or_refused(path, content, network):
    path.write_bytes(content)
    try:
        load_weights(network, path)
    except IFSSError as error:
        check_sentence(str(error))
        return
    held = []
    with h5py.File(path) as file:
        file.visititems(lambda name, item: held.append(item[()]) if isinstance(item, h5py.Dataset) else None)
    total = sum(float(value.sum(dtype=np.float64)) for value in held)
    assert np.isfinite(total)
    assert sum(float(value.sum(dtype=np.float64)) for value in network.get_weights()) == pytest.approx(total)


def config_is_taken_or_refused(folder, content):
    (folder / "config.json").write_bytes(content)
    try:
        assert isinstance(Preset.read(folder), Preset)
    except IFSSError as error:
        check_sentence(str(error))


@pytest.mark.parametrize("examples", [60, pytest.param(2000, marks=pytest.mark.slow)])
def test_recipes(examples, tmp_path):
    check = given(mutated(RECIPE, PIECES))(lambda content: recipe_is_taken_or_refused(tmp_path / "r.yaml", content))
    recipe_is_taken_or_refused(tmp_path / "r.yaml", RECIPE)
    settings(max_examples=examples, **QUIET)(check)()


@pytest.mark.parametrize("examples", [20, pytest.param(2000, marks=pytest.mark.slow)])
def test_configurations(examples, tmp_path, tiny_preset):
    whole = (tiny_preset / "config.json").read_bytes()
    pieces = (b"[", b"{", b"null", b"1e999", b"NaN", b'"', b"9" * 5000, b"[" * 2000)
    check = given(mutated(whole, pieces))(lambda content: config_is_taken_or_refused(tmp_path, content))
    settings(max_examples=examples, **QUIET)(check)()


@pytest.mark.parametrize("examples", [20, pytest.param(2000, marks=pytest.mark.slow)])
def test_weights(examples, tmp_path, tiny_preset, tiny_weights):
    preset = Preset.read(tiny_preset)
    from ifss_keras.zoo.catalogue import build_network

    network, whole = build_network(preset.architecture, preset.arguments), tiny_weights.read_bytes()
    path = tmp_path / "w.weights.h5"
    check = given(mutated(whole))(lambda content: weights_are_taken_or_refused(path, content, network))
    weights_are_taken_or_refused(path, whole, network)
    settings(max_examples=examples, **QUIET)(check)()


def test_weights_that_claim_400_gb_are_refused_before_they_are_read(tmp_path):
    path = tmp_path / "w.weights.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("a", (100_000, 1_000_000), "f4", chunks=(1000, 1000))
    with pytest.raises(IFSSError, match=r"that claim to hold 400,000,000,000; copy it again"):
        load_weights(None, path)
