"""The parts that recipes are made of: what is trained on, what of it may be known, by which loss and which steps."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveInt, model_validator

from ifss_keras.core.loss_names import LOSSES

MOST_STEPS, MOST_VOLUMES = 10**9, 10**9  # of what is counted; memory is asked for by `training.needs`


class Part(BaseModel):
    """A part of a recipe: frozen; a key that it does not know is an error, as is a number that is not finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Corpus(Part):
    """Synthetic volumes: how many of each kind, from which seed on."""

    calf: int = Field(0, ge=0, le=MOST_VOLUMES)
    shapes: int = Field(0, ge=0, le=MOST_VOLUMES)
    structures: int = Field(0, ge=0, le=MOST_VOLUMES)
    first_seed: int = Field(ge=0, lt=2**32)

    @model_validator(mode="after")
    def _not_empty(self):
        if not self.volumes:
            raise ValueError("expected one volume or more of calf, shapes or structures")
        return self

    @property
    def volumes(self) -> int:
        """How many there are of all kinds."""
        return self.calf + self.shapes + self.structures

    def seeds(self, kind: str) -> range:
        """The seeds of the volumes of a kind."""
        return range(self.first_seed, self.first_seed + getattr(self, kind))


class DataSet(Part):
    """A lab's own volumes, see `datasets.listing`.

    Attributes:
        path: of the folder or the CSV; relative to the recipe's file.
        share: of the examples that are drawn of these volumes; the synthetic ones give the others.
        validation: share of the subjects that are kept for validation, where the data set names no splits.
    """

    path: str
    share: float = Field(1.0, gt=0, le=1)
    validation: float = Field(0.2, gt=0, lt=1)


class Supervision(Part):
    """Which slices of every training volume may ever be known, see `training.supervision`.

    Attributes:
        kind: "full"; "every": `run` slices every `every`; "share" of the slices; "decremental" (TMI 2021, section
            III-C3); "files": the slices that hold a label.
        every, run: in slices.
        share: from 0 to 1.
        complete: for "files": a label that is missing on a slice which holds others is absent there.
        ends_annotated: for "files": beyond the outermost slices that hold a label there is nothing of it.
    """

    kind: Literal["full", "every", "share", "decremental", "files"] = "full"
    every: int = Field(100, ge=1)
    run: int = Field(3, ge=1)
    share: float = Field(1.0, gt=0, le=1)
    complete: bool = False
    ends_annotated: bool = False

    @model_validator(mode="after")
    def _runs_do_not_meet(self):
        if self.kind == "every" and self.run > self.every:
            raise ValueError(f"expected at most {self.every} slices in a run, one every {self.every}, not {self.run}")
        return self


class PseudoLabels(Part):
    """Targets on slices that may not be known: what the network itself says of them (TMI 2021, section III-C2).

    Attributes:
        target: "previous": the window before's estimate of that same slice; "lagged": of the slice at the same place of
            that window, as the paper compares them, which is the slice before.
        weight: of a pseudo-label beside an annotation.
        confidence: weigh each by how sure the estimate is.
        teacher: decay of the exponential moving average of the weights that makes the estimates (Tarvainen, Valpola,
            NeurIPS 2017); 0: the network itself.
        shown: what the mask channel has there: the "anchor" alone, where there is one, or the "degraded" estimate.
            Were it the estimate itself, the network would learn to copy it.
    """

    target: Literal["previous", "lagged"] = "previous"
    weight: float = Field(1.0, gt=0)
    confidence: bool = True
    teacher: float = Field(0.0, ge=0, lt=1)
    shown: Literal["anchor", "degraded"] = "degraded"


class Passes(Part):
    """Volumes passed through from a reference on, clip after clip, and not clips drawn anywhere.

    What was estimated and the memory are handed on from clip to clip, without gradient: truncated back-propagation
    (TMI 2021, section III-C1: two updates for each volume).

    Attributes:
        windows: consecutive windows that the gradient goes back through.
        updates: of the weights in each pass, at equal intervals.
        slices: of a volume that are passed through; None: as many as the shortest has.
    """

    windows: int = Field(5, ge=1)
    updates: int = Field(2, ge=1)
    slices: int | None = Field(None, ge=2)


class Loss(Part):
    """A weighted sum of losses by name, see `losses.NamedLoss`.

    Attributes:
        terms: name: weight.
        rule, low: of "parametric_tversky", see `ParametricTverskyLoss`.
        alpha: of "tversky", the penalty of false positives; that of false negatives is 1 - alpha.
        smooth: in pixels, see `ParametricTverskyLoss`; of all Tversky and Dice losses.
    """

    terms: dict[Literal[*LOSSES], Annotated[float, Field(ge=0)]] = Field(
        {"parametric_tversky": 1.0, "cross_entropy": 0.5}, min_length=1
    )
    rule: Literal["reversal", "descent", "fixed"] = "reversal"
    low: float = Field(0.3, gt=0, le=0.5)
    alpha: float = Field(0.5, ge=0, le=1)
    smooth: float = Field(1.0, gt=0)


class Optimizer(Part):
    """How the weights move.

    Attributes:
        kind: "adamw", "adam", "sgd" (Nesterov, momentum 0.9) or "muon" (see `training.muon`).
        learning_rate: at its greatest.
        schedule: after the warm-up "cosine", down to a hundredth; "constant"; or "steps": times `factor` at the
            beginning of each epoch of `drops`, counted from 1 (TMI 2021: 0.1 for the last two).
        weight_decay: decoupled from the gradient (Loshchilov, Hutter, ICLR 2019).
        l2: weight of the sum of squares of all kernels in the loss (TMI 2021: 1e-5).
        clip_norm: greatest norm of all gradients together; None: as they are.
        accumulate: batches whose mean gradient makes one step; with `passes` it follows from these.
    """

    kind: Literal["adamw", "adam", "sgd", "muon"] = "adamw"
    learning_rate: float = Field(1e-3, gt=0)
    schedule: Literal["cosine", "constant", "steps"] = "cosine"
    warmup_steps: int = Field(100, ge=0, le=MOST_STEPS)
    drops: tuple[PositiveInt, ...] = ()
    factor: float = Field(0.1, gt=0, lt=1)
    weight_decay: float = Field(1e-5, ge=0)
    l2: float = Field(0.0, ge=0)
    clip_norm: float | None = Field(1.0, gt=0)
    accumulate: int = Field(1, ge=1, le=MOST_STEPS)


def different_names(labels):
    """The labels, code: name; ValueError if two have one name."""
    if len(set(labels.values())) < len(labels):
        raise ValueError("two labels have the same name: give each its own")
    return labels


Labels = Annotated[dict[PositiveInt, str], AfterValidator(different_names), Field(min_length=1)]  # code: name


class Negatives(Part):
    """Other muscles, whose pixels are known not to be the target where that is not annotated (MICCAI 2020, section 3).

    Attributes:
        labels: code: name of the others.
        loss: "cross_entropy": -log(1 - g) on these pixels; "dice": the paper's, which maximises a Dice loss there, and
            which growing elsewhere serves as well.
        weight: beside the loss of what is annotated.
    """

    labels: Labels
    loss: Literal["cross_entropy", "dice"] = "cross_entropy"
    weight: float = Field(1.0, gt=0)


class Reconstruction(Part):
    """The mean squared error of a reconstruction decoder (MICCAI 2020, section 3).

    Attributes:
        weight: in the sum of both losses under one optimizer.
        alternate: one optimizer for each loss instead: in every step first the reconstruction's, then, with the outputs
            computed anew, the segmentation's; weights that both share get both updates.
    """

    weight: float = Field(1.0, ge=0)
    alternate: bool = False
