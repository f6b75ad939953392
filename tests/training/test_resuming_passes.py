"""What passes hand on from clip to clip, a teacher and the draws of pseudo-labels, after an interruption."""

import numpy as np
import pytest

from ifss_keras.training import run, volumes
from ifss_keras.training.recipe import PropagationRecipe
from tests.training.interruption import Interrupter, Interruption


@pytest.fixture
def quick(monkeypatch, moving_disc):
    """One tiny volume in place of the corpus, and no graph to compile, also after `compile_trainer`."""
    original = run.compile_trainer

    def eager(trainer, *rest):
        original(trainer, *rest)
        trainer.run_eagerly = True

    monkeypatch.setattr(volumes, "prepare_volumes", lambda corpus, folder, made: [moving_disc])
    monkeypatch.setattr(run, "compile_trainer", eager)


@pytest.mark.slow
def test_a_pass_that_is_interrupted_in_its_middle_ends_as_one_that_is_not(tmp_path, tiny_arguments, quick):
    plan = PropagationRecipe(
        name="tiny",
        network=tiny_arguments | {"memory_dropout": 0.3},
        training={"calf": 1, "first_seed": 1},
        validation={"calf": 1, "first_seed": 2},
        supervision={"kind": "share", "share": 0.3},
        pseudo_labels={"teacher": 0.8},
        passes={"windows": 2, "updates": 2, "slices": 20},  # eight clips, four for each update
        optimizer={"learning_rate": 0.01, "warmup_steps": 1},
        batch=2,
        steps_per_epoch=3,  # an epoch ends in the middle of a pass and of an update
        epochs=3,
        validation_steps=1,
    )
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run.train(plan, whole)
    with pytest.raises(Interruption):
        run.train(plan, parts, callbacks=[Interrupter(5)])
    network = run.train(plan, parts, resume=True)
    last = []
    for folder in (whole, parts):
        network.load_weights(folder / "last.weights.h5")
        last.append(network.get_weights())
    for one, other in zip(*last, strict=True):
        np.testing.assert_array_equal(one, other)
    assert (whole / "log.csv").read_text() == (parts / "log.csv").read_text()
