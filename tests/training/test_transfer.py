"""What a training begins with: which weights are taken over, which are new, and which stay as they are."""

import keras
import numpy as np
import pytest

from ifss_keras.core.errors import InputError, PresetError
from ifss_keras.losses import NamedLoss
from ifss_keras.training.propagation_trainer import PropagationTrainer
from ifss_keras.training.recipe import PropagationRecipe, SegmentationRecipe
from ifss_keras.training.transfer import Transfer, freeze, start_with
from ifss_keras.zoo.networks.ifss_net import IFSSNet
from ifss_keras.zoo.networks.seg_net_fs import SegNetFS

CORPORA = {"training": {"calf": 1, "first_seed": 1}, "validation": {"calf": 1, "first_seed": 2}}


@pytest.fixture
def saved(tmp_path, tiny_network):
    """The folder of a preset whose weights are none of a newly drawn network's."""
    network = tiny_network()
    rng = np.random.default_rng(0)
    network.set_weights([rng.uniform(2, 3, weight.shape) for weight in network.get_weights()])
    network.save_to_preset(tmp_path / "source")
    return tmp_path / "source", {weight.path: weight.numpy() for weight in network.weights}


def recipe(arguments, **changes):
    return PropagationRecipe(name="a", network=arguments | changes, **CORPORA)


def taken_over(network, taken, held):
    for weight in network.weights:
        same = weight.path in held and np.array_equal(weight, held[weight.path])
        assert same == (weight.path in taken.loaded), weight.path


def test_all_weights_of_the_same_network_at_any_size(saved, tiny_arguments):
    folder, held = saved
    network = IFSSNet(**tiny_arguments | {"image_size": (32, 32)})
    taken = start_with(network, recipe(tiny_arguments), folder)
    assert set(taken.loaded) == set(held)
    assert (taken.new, taken.left) == ((), ())
    taken_over(network, taken, held)
    assert str(taken) == f"started from {folder}: {len(held)} of {len(held)} weights"


def test_a_network_with_a_memory_and_a_wider_head_takes_what_fits(saved, tiny_arguments):
    folder, held = saved
    network = IFSSNet(**tiny_arguments | {"memory_level": 1, "head_width": 5})
    taken = start_with(network, recipe(tiny_arguments), folder)
    assert any(path.startswith("reference_memory") for path in taken.new)
    assert any(path.startswith("head") for path in taken.new)
    assert any(path.startswith("head") for path in taken.left)
    assert any(path.startswith("encoder_2") for path in taken.loaded)
    taken_over(network, taken, held)
    assert "newly drawn: " in str(taken)
    assert " others" in str(taken)


def test_another_network_takes_the_layers_of_the_same_name(saved, tiny_arguments):
    folder, held = saved
    arguments = {name: tiny_arguments[name] for name in ("image_size", "widths", "rates", "head_width")}
    shared = {"first_depth_multiplier": 2, "encoder_depth_kernel": 1}
    network = SegNetFS(**arguments, **shared, classes=3)
    plan = SegmentationRecipe(name="a", model="SegNetFS", labels={1: "a", 2: "b"}, network=arguments, **CORPORA)
    taken = start_with(network, plan, folder)
    taken_over(network, taken, held)
    assert {path.split("/")[0] for path in taken.loaded} >= {"encoder_1", "encoder_2", "recurrence"}
    assert "head/kernel" in taken.new
    assert any(path.startswith("matching") for path in taken.left)


def test_a_file_must_fit_as_a_whole(saved, tiny_arguments, tmp_path):
    folder, held = saved
    network = IFSSNet(**tiny_arguments)
    taken = start_with(network, recipe(tiny_arguments), folder / "model.weights.h5")
    assert len(taken.loaded) == len(held)
    taken_over(network, taken, held)
    other = tiny_arguments | {"head_width": 5}
    with pytest.raises(PresetError, match="do not fit the network") as refusal:
        start_with(IFSSNet(**other), recipe(other), folder / "model.weights.h5")
    assert refusal.value.setting == "start_from"


def test_what_fits_nowhere_is_refused(saved):
    folder, _ = saved
    network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(PresetError, match=r"Nothing in .* fits the network: .* received those of IFSSNet"):
        start_with(network, None, folder)


def test_frozen_weights_stay_and_the_others_move(tiny_network, clip_of_two):
    network = tiny_network()
    frozen = freeze(network, ["encoder_1*", "head/kernel"])
    assert "head/kernel" in frozen
    assert "head/bias" not in frozen
    assert not network.get_layer("encoder_1").trainable
    trainer = PropagationTrainer(network, NamedLoss({"dice": 1.0}), windows=2)
    trainer.compile(keras.optimizers.SGD(0.5), run_eagerly=True)
    trainer.build()
    before = {weight.path: weight.numpy() for weight in network.weights}
    trainer.train_on_batch(clip_of_two)
    moved = {weight.path for weight in network.weights if not np.array_equal(weight, before[weight.path])}
    assert not moved & set(frozen)
    assert not any(path.startswith("encoder_1/") for path in moved)
    assert "head/bias" in moved
    assert any(path.startswith("encoder_2/") for path in moved)


@pytest.fixture
def clip_of_two(moving_disc, clip_settings, propagation):
    from ifss_keras.training.examples.clips import batch_of_clips

    return batch_of_clips([moving_disc], clip_settings, propagation, 2, 3)


@pytest.mark.parametrize(
    ("patterns", "said"),
    [
        (["encodr_1*"], r"no weight fits 'encodr_1\*': .*did you mean encoder_1"),
        (["*"], r"freeze: \* fit all weights, so nothing would be trained"),
    ],
)
def test_patterns_that_cannot_be_meant_are_refused(tiny_network, patterns, said):
    with pytest.raises(InputError, match=said):
        freeze(tiny_network(), patterns)


def test_the_report_names_a_few_weights_and_counts_the_others():
    taken = Transfer("x", ("a",), tuple("bcdefghi"), ("z",))
    assert str(taken) == ("started from x: 1 of 9 weights; newly drawn: b, c, d, e, f, g and 2 others; not used: z")
