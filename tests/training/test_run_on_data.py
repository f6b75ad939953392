"""A whole training on a lab's own volumes, through NIfTI and MetaImage."""

import json

import numpy as np
import pytest

from ifss_keras.core.errors import InputError
from ifss_keras.training import run
from ifss_keras.training.recipe import recipe_from
from ifss_keras.training.run import train
from tests.datasets.lab import leg_3d_us, write_pair

SHORT = {
    "name": "lab",
    "seed": 4,
    "optimizer": {"learning_rate": 0.01, "warmup_steps": 1},
    "batch": 2,
    "steps_per_epoch": 2,
    "epochs": 1,
    "validation_steps": 1,
}


@pytest.fixture(autouse=True)
def eager(monkeypatch):
    """No graph to compile."""
    original = run.build_trainer

    def build(recipe):
        trainer = original(recipe)
        trainer.run_eagerly = True
        return trainer

    monkeypatch.setattr(run, "build_trainer", build)


@pytest.mark.parametrize("kind", ["mha", "nii.gz"])
def test_a_network_is_trained_on_a_labs_volumes_alone(tmp_path, write_stored, tiny_arguments, kind):
    lab = tmp_path / "lab"
    if kind == "mha":
        leg_3d_us(write_stored, lab, (1, 2, 3), slices=16)
    else:
        for seed, name in enumerate(("P1", "P2")):
            write_pair(write_stored, lab / name / "image.nii.gz", lab / name / "labels.nii.gz", seed, slices=13 + seed)
    clips = {"windows": 1, "gap": (4, 8), "rollout": (0, 1)}
    plan = recipe_from({**SHORT, "network": tiny_arguments, "data": {"path": str(lab)}, "clips": clips})
    told = []
    network = train(plan, tmp_path / "run", progress=lambda *what: told.append(what))
    count = 3 if kind == "mha" else 2
    assert told == [("volumes", done, count) for done in range(1, count + 1)]
    copies = sorted((tmp_path / "run" / "corpus" / "data").iterdir())
    assert [json.loads((copy / "copy.json").read_text())["subject"] for copy in copies] == (
        ["1", "2", "3"] if kind == "mha" else ["P1", "P2"]
    )
    assert all(np.isfinite(weight).all() for weight in network.get_weights())
    card = (tmp_path / "run" / "card.md").read_text()
    assert "**Trained on** 100 % from the volumes of lab; validated on other subjects." in card
    assert json.loads((tmp_path / "run" / "config.json").read_text())["data"] == "100 % from the volumes of lab"
    with pytest.raises(InputError, match="is finished"):
        train(plan, tmp_path / "run", resume=True)


def test_a_network_without_references_is_trained_on_them_too(tmp_path, write_stored):
    leg_3d_us(write_stored, tmp_path / "lab", (1, 2))
    network = {"widths": (4, 6), "pool": (1, 2, 2), "image_size": (16, 16)}
    plan = recipe_from(
        {**SHORT, "model": "UNet3D", "network": network, "labels": {1: "SOL", 2: "GM"}, "slices": 2,
         "data": {"path": str(tmp_path / "lab")}}
    )  # fmt: skip
    train(plan, tmp_path / "run")
    assert json.loads((tmp_path / "run" / "config.json").read_text())["labels"] == {"1": "SOL", "2": "GM"}


def test_data_that_cannot_be_trained_on_leave_the_folder_free(tmp_path, write_stored, tiny_arguments):
    leg_3d_us(write_stored, tmp_path / "lab", (1,))
    plan = recipe_from({**SHORT, "network": tiny_arguments, "data": {"path": str(tmp_path / "lab")}})
    with pytest.raises(InputError, match="has 1 annotated subject outside of test: expected 2 or more"):
        train(plan, tmp_path / "run")
    assert not (tmp_path / "run" / "recipe.yaml").exists()
