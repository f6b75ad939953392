"""Every switch of both papers' trainings through the command line, on tiny volumes in NIfTI and MetaImage."""

import csv
import json

import numpy as np
import pytest
import yaml

from ifss_keras.training import build
from ifss_keras.volumes.io import write_labels, write_volume
from ifss_keras.volumes.volume import Volume

SLICES = 16
CARRIES = {"image_size": [16, 16], "widths": [4], "rates": [1], "matching_kernel": 3, "head_width": 3}
CARRIES |= {"first_depth_multiplier": 2, "encoder_depth_kernel": 1}
FINDS = {"image_size": [16, 16], "widths": [3, 4], "recurrent": 0}
SHORT = {"batch": 2, "epochs": 1, "steps_per_epoch": 2, "validation_steps": 1}
CLIPS = {"windows": 2, "gap": [2, 6], "rollout": [1, 1]}
UNET = {"model": "SpatioTemporalUNet", "labels": {100: "SOL"}, "slices": 4, "network": FINDS}
OTHERS = {"labels": {150: "GM"}}


def cohort(folder, extension):
    """Three subjects with two moving blocks each: LEG-3D-US' names in MetaImage, a folder for each in NIfTI."""
    rng = np.random.default_rng(0)
    for number in (1, 2, 3):
        labels = np.zeros((SLICES, 14 + number, 18), np.uint8)
        for index in range(1, SLICES - 1):
            at = 2 + index // 4
            labels[index, at : at + 6, 2:8] = 100
            labels[index, at : at + 5, 11:16] = 150
        image = (60 + labels // 2 + rng.integers(0, 40, labels.shape)).astype(np.uint8)
        volume = Volume.from_array(image, (1.0, 0.7, 0.5))
        if extension == "mha":
            names = folder / f"x{number}.mha", folder / f"masksX{number}.mha"
        else:
            names = folder / f"P{number}" / "image.nii.gz", folder / f"P{number}" / "labels.nii.gz"
        names[0].parent.mkdir(parents=True, exist_ok=True)
        write_volume(names[0], image, volume)
        write_labels(names[1], labels, volume)


# name: (format, recipe keys, share of annotated slices that training sees)
SWITCHES = {
    "passes, decremental, pseudo-labels": ("nii.gz", {
        "network": CARRIES, "passes": {"windows": 2, "updates": 2}, "supervision": {"kind": "decremental"},
        "pseudo_labels": {"target": "previous", "shown": "degraded", "confidence": True, "weight": 0.5},
        "optimizer": {"kind": "adam", "schedule": "steps", "drops": [1], "warmup_steps": 1, "l2": 1e-5},
    }, (2 + 1) / 32),
    "lagged pseudo-labels of a teacher, the anchor shown": ("mha", {
        "network": CARRIES, "clips": CLIPS, "supervision": {"kind": "every", "every": 4, "run": 1},
        "pseudo_labels": {"target": "lagged", "shown": "anchor", "confidence": False, "teacher": 0.9},
        "loss": {"terms": {"tversky": 1, "dice": 0.5, "cross_entropy": 0.5}, "alpha": 0.3},
        "propagation": {"carry_memory": False}, "optimizer": {"kind": "sgd", "schedule": "constant"},
    }, 8 / 32),
    "no recurrence, no ConvLSTM, descent, 16 bits": ("nii.gz", {
        "network": CARRIES | {"temporal": "none", "fusion": "correlation"}, "clips": CLIPS, "labels": {100: "SOL"},
        "propagation": {"recurrent": False}, "precision": "mixed_bfloat16", "freeze": ["encoder_*"],
        "loss": {"terms": {"parametric_tversky": 1, "squared_dice": 1, "sequence_dice": 1}, "rule": "descent"},
        "supervision": {"kind": "files", "complete": True},
        "optimizer": {"kind": "muon", "accumulate": 2, "clip_norm": None},
    }, 28 / 32),
    "negatives, two optimizers": ("mha", UNET | {
        "negatives": OTHERS | {"loss": "cross_entropy"}, "supervision": {"kind": "share", "share": 0.5},
        "reconstruction": {"alternate": True},
    }, 16 / 32),
    "the paper's negatives, the weighted sum": ("nii.gz", UNET | {
        "negatives": OTHERS | {"loss": "dice", "weight": 0.5}, "supervision": {"kind": "share", "share": 0.3},
        "reconstruction": {"weight": 2.0}, "loss": {"terms": {"sequence_dice": 1.0}},
    }, 10 / 32),
}  # fmt: skip


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory):
    made = {}
    for extension in ("nii.gz", "mha"):
        made[extension] = tmp_path_factory.mktemp("cohort") / "legs"
        cohort(made[extension], extension)
    return made


@pytest.mark.parametrize("name", SWITCHES)
def test_it_trains_and_predicts(name, cohorts, tmp_path, ifss, monkeypatch):
    monkeypatch.setattr(build, "has_accelerator", lambda: True)  # 16 bits are refused without one
    extension, keys, share = SWITCHES[name]
    recipe, run = tmp_path / "recipe.yaml", tmp_path / "run"
    recipe.write_text(yaml.safe_dump({"name": "one", "data": {"path": str(cohorts[extension])}, **SHORT, **keys}))
    outcome = ifss("train", "--recipe", recipe, "-o", run)
    assert (outcome.code, outcome.err) == (0, "")
    seen, slices = (int(part) for part in outcome.out.split("training sees ")[1].split(" slices")[0].split(" of "))
    assert slices == 2 * SLICES
    assert seen / slices == pytest.approx(share)
    held = yaml.safe_load((run / "recipe.yaml").read_text())
    for key, value in keys.items():
        if isinstance(value, dict) and key not in ("network", "labels", "negatives"):
            assert {name: held[key][name] for name in value} == value
    with open(run / "log.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    assert np.isfinite([float(row[log]) for log in ("loss", "dice", "val_loss", "val_dice")]).all()
    assert json.loads((run / "run.json").read_text())["starts"][0]["data"]["volumes"] == 2
    image = next(path for path in sorted(cohorts[extension].rglob(f"*.{extension}")) if "abels" not in path.name)
    if keys.get("model"):
        outcome = ifss("predict", image, "--preset", run, "-o", tmp_path / "mask.nii.gz", "--json")
        assert outcome.code == 0
        assert json.loads(outcome.out)["labels"] is not None
