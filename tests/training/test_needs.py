"""What a machine cannot hold is refused before anything is made, and a full disk is told of."""

import errno
import os

import pytest

from ifss_keras.core.errors import InputError
from ifss_keras.training import run
from ifss_keras.training.build import network_arguments
from ifss_keras.training.needs import VOLUME_BYTES, check_needs
from ifss_keras.training.recipe import PropagationRecipe, recipe_from
from ifss_keras.training.run import train
from ifss_keras.zoo.catalogue import build_network
from ifss_keras.zoo.footprint import Footprint, footprint

LEAST = {"name": "a", "training": {"calf": 1, "first_seed": 1}, "validation": {"calf": 1, "first_seed": 2}}
FOUR_GB = 4_000_000_000


@pytest.fixture
def four_gb(monkeypatch):
    monkeypatch.setattr("ifss_keras.core.memory.free_bytes", lambda: FOUR_GB)


def needs(**changes):
    recipe = recipe_from(LEAST | changes)
    check_needs(recipe, network_arguments(recipe))


def test_the_footprint_is_that_of_the_network_and_takes_none_of_it(tiny_arguments):
    network = build_network("IFSSNet", tiny_arguments)
    found = footprint("IFSSNet", tiny_arguments)
    assert found.parameters == network.count_params()
    wide = footprint("UNet3D", {"image_size": (32, 32), "slices": 8, "widths": (1_000_000, 1_000_000)})
    assert wide.weights_bytes > 1e15


def test_training_takes_four_times_the_weights_and_half_of_the_activations_of_every_example():
    assert Footprint(parameters=1000, activations=600).training_bytes(5) == 16_000 + 5 * 1200


SMALL = {"image_size": [16, 16], "widths": [4, 6], "rates": [1, 2], "matching_kernel": 3}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"training": {"calf": 1_000_000_000, "first_seed": 5}}, "The corpus .*, 1,000,000,001 volumes, needs"),
        ({"network": SMALL | {"widths": [4, 900_000]}}, "The training of this IFSSNet in batches of 4 needs"),
        ({"network": SMALL | {"head_width": 1_000_000}, "batch": 4096}, "in batches of 4096 needs"),
        ({"network": SMALL | {"image_size": [160_000, 160_000]}}, "batch and validation_steps hold at a time needs"),
        ({"validation_steps": 10**9}, "batch and validation_steps hold at a time needs"),
        ({"clips": {"windows": 10**9}}, "batch and validation_steps hold at a time needs"),
        ({"model": "UNet3D", "labels": {1: "a"}, "slices": 4096, "network": {"image_size": [4096, 4096]}}, "needs"),
        ({"network": SMALL | {"window": 10**9}}, "window must be 1,000,000 or less, received 1,000,000,000"),
        ({"model": "PGNet", "network": {"blocks": [1, 10**6]}}, "blocks must be 64 or less, received 1,000,000"),
        ({"network": SMALL | {"widths": [4] * 100}}, "widths must have 64 values or fewer, received 100"),
    ],
)  # fmt: skip
def test_what_is_larger_than_the_memory_is_refused(changes, said, four_gb):
    with pytest.raises(InputError, match=said) as refused:
        needs(**changes)
    assert "\n" not in str(refused.value)


def test_what_is_not_passes(four_gb):
    needs(network=SMALL, training={"calf": 400, "first_seed": 5})
    assert 450 * VOLUME_BYTES["calf"] < FOUR_GB < 501 * VOLUME_BYTES["calf"]


def test_nothing_is_written_when_it_is_refused(tmp_path, four_gb):
    recipe = PropagationRecipe(**LEAST | {"training": {"shapes": 10**9, "first_seed": 5}})
    with pytest.raises(InputError, match="The corpus of the recipe"):
        train(recipe, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "full"),
        RuntimeError(f"Can't decrement id ref count (errno = 28, error message = '{os.strerror(errno.ENOSPC)}')"),
    ],
)
def test_a_full_disk_ends_a_training_with_a_sentence(error, tmp_path):
    said = "is full, so the training ended after its last whole epoch"
    with pytest.raises(InputError, match=said) as refused, run._full_disk_told_of(tmp_path):
        raise error
    assert refused.value.setting == "resume"
    with pytest.raises(RuntimeError, match="another"), run._full_disk_told_of(tmp_path):
        raise RuntimeError("another")
