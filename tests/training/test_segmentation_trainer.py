"""Training of networks that need no reference."""

import numpy as np
import pytest
import yaml

from ifss_keras.core.errors import InputError
from ifss_keras.inference.segmenter import Segmenter
from ifss_keras.losses.segmentation import segmentation_loss
from ifss_keras.metrics.overlap import dice
from ifss_keras.training import volumes
from ifss_keras.training.build import build_trainer
from ifss_keras.training.examples.corpus import TrainingVolume
from ifss_keras.training.examples.windows import Target, batch_of_windows
from ifss_keras.training.recipe import SegmentationRecipe
from ifss_keras.training.run import train
from ifss_keras.volumes.volume import Volume

RECIPE = {
    "name": "tiny",
    "model": "UNet3D",
    "network": {"widths": (4, 6), "pool": (1, 2, 2), "image_size": (16, 16)},
    "labels": {7: "bright", 3: "dark"},
    "slices": 2,
    "training": {"calf": 1, "first_seed": 1},
    "validation": {"calf": 1, "first_seed": 2},
    "optimizer": {"learning_rate": 0.02, "warmup_steps": 1},
    "batch": 2,
    "steps_per_epoch": 25,
    "epochs": 2,
    "validation_steps": 1,
}


@pytest.fixture(scope="module")
def volume():
    """A bright and a dark block in 12 slices of 24x24."""
    labels = np.zeros((12, 24, 24), np.uint8)
    labels[1:11, 3:11, 4:14], labels[:, 13:22, 10:20] = 7, 3
    noise = np.random.default_rng(0).integers(0, 20, labels.shape)
    image = np.select([labels == 7, labels == 3], [220, 20], 110) + noise
    return TrainingVolume.from_arrays(image.astype(np.uint8), labels, (1.0, 0.5, 0.5))


@pytest.fixture
def made(monkeypatch, volume):
    monkeypatch.setattr(volumes, "prepare_volumes", lambda corpus, folder, made: [volume])


def test_the_network_has_a_class_for_every_label_and_the_background():
    network = build_trainer(SegmentationRecipe(**RECIPE)).network
    assert network.output["probabilities"].shape == (None, 2, 16, 16, 3)


def test_a_step_is_the_loss_and_the_optimizer(volume):
    trainer = build_trainer(SegmentationRecipe(**RECIPE))
    trainer.run_eagerly = True
    by_hand = build_trainer(SegmentationRecipe(**RECIPE))
    window = batch_of_windows([volume], SegmentationRecipe(**RECIPE).window_settings(), 2, 0)
    first, second, third = (trainer.train_on_batch(*window, return_dict=True) for _ in range(3))
    outputs = by_hand.network({"image": window.image}, training=True)
    assert first["loss"] == pytest.approx(
        float(segmentation_loss(by_hand.named_loss, outputs, window.target.truth, window.weight)), rel=1e-6
    )
    found = np.argmax(outputs["probabilities"], axis=-1)
    each = [
        dice((found == label).reshape(-1, 16, 16), window.target.truth[..., label].reshape(-1, 16, 16) > 0)
        for label in (0, 1)
    ]
    assert first["dice"] == pytest.approx(np.mean(each), rel=1e-5)
    assert second["loss"] == pytest.approx(first["loss"])  # the rate warms up from 0
    assert third["loss"] < first["loss"]


def test_dice_of_the_labels_by_hand():
    trainer = build_trainer(SegmentationRecipe(**RECIPE))
    truth = np.eye(3, dtype=np.float32)[[0, 0, 1, 2]].reshape(1, 1, 2, 2, 3)
    found = np.array([[0.5, 0.2, 0.3], [0.1, 0.7, 0.2], [0.1, 0.7, 0.2], [0.4, 0.35, 0.25]]).reshape(1, 1, 2, 2, 3)
    # label 0: found in voxels 0 and 3, true in 0 and 1; label 1: found in 1 and 2, true in 2
    logs = trainer.compute_metrics(None, Target(truth, None), {"probabilities": found}, np.ones((1, 1, 3), np.float32))
    assert float(logs["dice"]) == pytest.approx((2 / 4 + 2 / 3) / 2, rel=1e-5)


def test_a_trained_network_finds_what_it_was_shown(tmp_path, made, volume, capsys):
    train(SegmentationRecipe(**RECIPE), tmp_path)
    assert "validation dice" in capsys.readouterr().out
    held = yaml.safe_load((tmp_path / "recipe.yaml").read_text())
    assert (held["model"], list(held["labels"].values())) == ("UNet3D", ["bright", "dark"])
    segmenter = Segmenter.from_preset(tmp_path)
    found = segmenter.predict(Volume.from_array(volume.image, volume.spacing_mm))
    assert [(summary.code, summary.name) for summary in found.summaries] == [(3, "dark"), (7, "bright")]
    for code in (3, 7):
        assert float(dice(found.labels == code, volume.labels == code)) > 0.7


def test_a_label_that_no_volume_holds_is_refused(tmp_path, made):
    with pytest.raises(InputError, match=r"no volume holds 5 \(none\) in 8 slices or more, only \[3, 7\]"):
        train(SegmentationRecipe(**RECIPE | {"labels": {7: "bright", 5: "none"}}), tmp_path)
    assert not (tmp_path / "recipe.yaml").exists()  # the mended recipe may go there
