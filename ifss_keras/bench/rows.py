"""Every row of the papers' tables as data: which network, how it differs, how long it is trained, and its recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ifss_keras.bench.cohort import HARD, OTHER, SEED, Cohort
from ifss_keras.bench.references import FIRST, NONE, SPACED, Spacing
from ifss_keras.zoo.catalogue import find_architecture


@dataclass(frozen=True)
class Row:
    """One network trained in one way, or one method without a network.

    Attributes:
        name: its own.
        model: of the zoo; None for a method.
        steps: of the small training.
        network: arguments that make it what it is.
        changes: recipe keys that make it what it is.
        muscle: the only one that a network without references is trained to find; None: all.
        method: of `inference.methods`, or `scoring.HELD`.
        references: what it is given when it is scored.
    """

    name: str
    model: str | None = None
    steps: int = 0
    network: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)
    muscle: str | None = None
    method: str | None = None
    references: tuple[str, ...] = (FIRST, SPACED)


@dataclass(frozen=True)
class Setting:
    """How large everything is.

    Attributes:
        name: of it.
        size: working rows and columns of the TMI paper's networks, and `miccai_size` of the MICCAI paper's.
        shrunk: networks have the widths of `_SHRUNK`.
        common: recipe keys of all rows.
        steps: of every row, in one epoch; None: the row's own, shared among the epochs.
    """

    name: str
    size: int
    miccai_size: int
    shrunk: bool
    common: Mapping[str, Any]
    steps: int | None = None


_ADAM = {"kind": "adamw", "learning_rate": 0.002, "warmup_steps": 10}
SMALL = Setting("small", 64, 64, True, {"batch": 2, "epochs": 2, "validation_steps": 4})
FULL = Setting(
    "full",
    512,
    320,
    False,
    {
        "batch": 1,
        "epochs": 10,
        "validation_steps": 200,
        "optimizer": {
            "kind": "adam",
            "learning_rate": 0.0001,
            "schedule": "steps",
            "drops": [9, 10],
            "warmup_steps": 0,
            "weight_decay": 0.0,
            "l2": 0.00001,
        },
    },
    4290,
)
_IFSS = {"widths": [16, 24, 32, 64], "rates": [1, 2, 4], "encoder_depth_kernel": 1, "norm_per_channel": True}
_DROP = {"encoder_dropout": 0.0, "memory_dropout": 0.1, "decoder_dropout": 0.0}
_SHRUNK = {
    "IFSSNet": _IFSS | _DROP | {"matching_kernel": 7},
    "SegNetFS": _IFSS | _DROP,
    "SpatioTemporalUNet": {"widths": [8, 16, 32, 64, 128]},
}
_RATES = {"VNet": 0.0005}  # without normalisation it diverges at the others' learning rate
_LOSS = {"terms": {"parametric_tversky": 1.0, "cross_entropy": 1.0}, "smooth": 100}
_WEAK = {"supervision": {"kind": "decremental"}, "pseudo_labels": {}}
_PLAIN = {"separable": False, "reconstruct": False, "recurrent": 0}
_TWO = {"reconstruction": {"alternate": True}}


def _pure(loss: str) -> dict:
    return {**_WEAK, "loss": {"terms": {loss: 1.0}, "smooth": 100}}


def _every(slices: int) -> dict:
    """`recipe_of` scales the distance to the cohort."""
    return {"supervision": {"kind": "every", "every": slices}, "pseudo_labels": {}}


def _share(percent: int, loss: str | None) -> dict:
    negatives = {"negatives": {"loss": loss}} if loss else {}
    return {**_TWO, "supervision": {"kind": "share", "share": percent / 100}, **negatives}


def _unet(name: str, steps: int, network: Mapping, changes: Mapping, muscle: str = HARD) -> Row:
    return Row(name, "SpatioTemporalUNet", steps, network, changes, muscle, references=(NONE,))


def _method(name: str, method: str, references=(SPACED,)) -> Row:
    return Row(name, method=method, references=references)


_SOME = (90, 70, 50, 30)  # percent
ROWS: dict[str, Row] = {
    row.name: row
    for row in (
        Row("3D U-Net", "UNet3D", 60, {"widths": [27, 54, 107, 215]}, references=(NONE,)),
        Row("V-Net", "VNet", 180, {"widths": [12, 24, 48, 97, 194], "kernel": 3, "prelu": False}, references=(NONE,)),
        Row("DAF3D", "DAF3D", 42, references=(NONE,)),
        Row("Seg-Net-FS", "SegNetFS", 400, references=(NONE,)),
        Row("IFSS-Net-FS", "IFSSNet", 400),
        Row("IFSS-Net-WS", "IFSSNet", 400, changes=_WEAK),
        Row("IFSS-Net-FS, references looked up", "IFSSNet", 400, {"memory_level": 2}),
        Row("IFSS-Net-FS, as the authors' code", "IFSSNetOriginal", 48, references=(FIRST,)),
        Row("PG-Net", "PGNet", 160),
        Row("forward ConvLSTM", "IFSSNet", 400, {"temporal": "forward"}, _WEAK),
        Row("no ConvLSTM", "IFSSNet", 400, {"temporal": "none"}, _WEAK),
        Row("no recurrence", "IFSSNet", 400, changes={**_WEAK, "propagation": {"recurrent": False}}),
        Row("cross-correlation", "IFSSNet", 400, {"fusion": "correlation"}, _WEAK),
        Row("parametric Tversky alone", "IFSSNet", 400, changes=_pure("parametric_tversky")),
        Row("Dice alone", "IFSSNet", 400, changes=_pure("dice")),
        Row("every 100", "IFSSNet", 400, changes=_every(100)),
        Row("every 200", "IFSSNet", 400, changes=_every(200)),
        Row("every 300", "IFSSNet", 400, changes=_every(300)),
        Row("decremental, annotated slices alone", "IFSSNet", 400, changes={"supervision": {"kind": "decremental"}}),
        Row("window 10", "IFSSNet", 160, {"window": 10}, _WEAK),
        _method("last mask carried on", "held", (FIRST, SPACED)),
        _method("FBS", "morphological"),
        _method("GFS", "growcut"),
        _method("WS", "watershed"),
        _method("random walker", "random-walker"),
        _method("shape interpolation", "shape"),
        _unet("Unet", 180, _PLAIN, {}),
        _unet("Unet-S", 180, {"reconstruct": False, "recurrent": 0}, {}),
        _unet("Unet-S-R", 180, {"recurrent": 0}, _TWO),
        _unet("Unet-S-R-CLSTM", 180, {}, _TWO),
        _unet("GM, 100 %", 180, {}, _TWO, OTHER),
        *(_unet(f"GM, {share} %", 180, {}, _share(share, "cross_entropy"), OTHER) for share in _SOME),
        *(_unet(f"GM, {share} %, without negatives", 180, {}, _share(share, None), OTHER) for share in _SOME),
        _unet("GM, 30 %, the paper's loss of negatives", 180, {}, _share(30, "dice"), OTHER),
    )
}


def takes_references(row: Row) -> bool:
    """Whether its network carries annotated slices on."""
    return find_architecture(row.model).needs_reference


def recipe_of(row: Row, cohort: Cohort, setting: Setting = SMALL) -> dict[str, Any]:
    """The recipe of a row with a network, as YAML has it; it reads the cohort's own data set."""
    carries, small = takes_references(row), setting.shrunk
    size = setting.miccai_size if row.model == "SpatioTemporalUNet" else setting.size
    network = {**(_SHRUNK.get(row.model, {}) if small else {}), **row.network, "image_size": [size, size]}
    optimizer = {"kind": "muon", "learning_rate": 0.003, "warmup_steps": 10} if carries else dict(_ADAM)
    if row.model in _RATES:
        optimizer["learning_rate"] = _RATES[row.model]
    epochs = setting.common["epochs"]
    recipe = {
        "name": row.name,
        "model": row.model,
        "seed": SEED,
        "network": network,
        "data": {"path": str(cohort.path)},
        "optimizer": optimizer,
        "steps_per_epoch": setting.steps or -(-row.steps // epochs),
        **setting.common,
    }
    if carries:
        recipe["loss"] = _LOSS
        if small:
            recipe["clips"] = {"windows": 2, "rollout": [0, 32], "both_ends": 0.5}
    else:
        recipe |= {"labels": _labels(row, cohort), "slices": 16 if row.model == "VNet" else 8}
    return recipe | _fitted(row, cohort)


def _labels(row: Row, cohort: Cohort) -> dict[int, str]:
    if row.muscle is None:
        return dict(cohort.names)
    code = cohort.muscle(row.muscle)
    return {code: cohort.names[code]}


def _fitted(row: Row, cohort: Cohort) -> dict[str, Any]:
    """The row's changes, with the distances and the labels of the cohort."""
    changes = {name: dict(value) for name, value in row.changes.items()}
    if changes.get("supervision", {}).get("kind") == "every":
        spacing = Spacing.scaled(changes["supervision"]["every"], cohort.slices)
        changes["supervision"] |= {"every": spacing.every, "run": spacing.run}
    if "negatives" in changes:
        found = _labels(row, cohort)
        changes["negatives"]["labels"] = {code: name for code, name in cohort.names.items() if code not in found}
    return changes
