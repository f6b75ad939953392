"""What the papers claim, as pairs of rows to compare, and whether it holds in the scores at hand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, stdev

from ifss_keras.bench.cohort import Cohort
from ifss_keras.bench.means import by_volume, scores_in
from ifss_keras.bench.plan import TABLES
from ifss_keras.bench.references import FIRST, NONE, SPACED
from ifss_keras.bench.run import Result

SMALLER_IS_BETTER = ("hausdorff_mm", "asd_mm", "volume_error_percent", "seconds_per_1400")
HOLDS, FAILS, OPEN, NOT_RUN = "holds", "does not hold", "cannot be told", "not run"


@dataclass(frozen=True)
class Claim:
    """One row is better than another.

    Attributes:
        text: the claim in words.
        table: name of the table that both rows stand in.
        better, worse: what they are called there.
        measure: by which; see `paper.MEASURES`.
        references: what rows that take references are given.
        factor: the better one has more than this times the worse one's, for a measure that is better when larger.
        ours: the claim is not the papers' own.
    """

    text: str
    table: str
    better: str
    worse: str
    measure: str
    references: str = FIRST
    factor: float = 1.0
    ours: bool = False


_WEAK, _FULL, _SEG = "IFSS-Net-WS", "IFSS-Net-FS", "Seg-Net-FS"
_ALONE, _HELD = "decremental, annotated slices alone", "last mask carried on"
CLAIMS = (
    Claim("Seg-Net segments better than 3D U-Net", "II", _SEG, "3D U-Net", "dice"),
    Claim("Seg-Net segments better than V-Net", "II", _SEG, "V-Net", "dice"),
    Claim("Seg-Net segments better than DAF3D", "II", _SEG, "DAF3D", "dice"),
    Claim("Seg-Net is quicker than V-Net, the quickest of the others", "III", _SEG, "V-Net", "seconds_per_1400"),
    Claim("Three annotated slices help: IFSS-Net is better than Seg-Net", "IV", _FULL, _SEG, "dice"),
    Claim("IFSS-Net measures volumes better than Seg-Net", "IV", _FULL, _SEG, "volume_error_percent"),
    Claim("IFSS-Net is better than PG-Net", "IV", _FULL, "PG-Net", "dice"),
    Claim("Weak supervision reaches 97 % of the Dice of full supervision", "IV", _WEAK, _FULL, "dice", factor=0.97),
    Claim("Full supervision is better than weak", "IV", _FULL, _WEAK, "dice"),
    Claim("Full supervision is better than carrying the last mask on", "IV", _FULL, _HELD, "dice", ours=True),
    Claim("Weak supervision is better than carrying the last mask on", "IV", _WEAK, _HELD, "dice", ours=True),
    Claim("Pseudo-labels help, all muscles", "IV", _WEAK, _ALONE, "dice", ours=True),
    Claim("A ConvLSTM in both directions is better than in one", "V", "BiCLSTM", "CLSTM", "asd_mm", SPACED),
    Claim("A ConvLSTM is better than none", "V", "BiCLSTM", "Without Bi/CLSTM", "asd_mm", SPACED),
    Claim("Recurrence helps", "VI", "With Recurrence", "Without Recurrence", "asd_mm", SPACED),
    Claim("Global matching is better than cross-correlation", "VII", "FF and GFM", "C and CC", "asd_mm", SPACED),
    Claim(
        "Parametric Tversky is more precise than Dice",
        "VIII",
        "Parametric Tversky Loss",
        "Dice Loss",
        "precision",
        SPACED,
    ),
    Claim("Dice has the higher recall", "VIII", "Dice Loss", "Parametric Tversky Loss", "recall", SPACED),
    Claim(
        "Decremental supervision is better than as much at fixed distances",
        "ablation5",
        "decremental",
        "3 labels every 100 slices",
        "asd_mm",
        SPACED,
    ),
    Claim(
        "More annotated slices are better: every 100 than every 300",
        "ablation5",
        "3 labels every 100 slices",
        "3 labels every 300 slices",
        "asd_mm",
        SPACED,
    ),
    Claim("Pseudo-labels help, the muscle of the ablations", "ablation5", "decremental", _ALONE, "dice", ours=True),
    Claim("Windows of 3 slices are better than of 10", "IX", "w = 3", "w = 10", "asd_mm", SPACED),
    Claim("IFSS-Net is better than filling between slices", "X", _WEAK, "FBS", "dice", SPACED),
    Claim("IFSS-Net is better than growing from seeds", "X", _WEAK, "GFS", "dice", SPACED),
    Claim("IFSS-Net is better than watershed", "X", _WEAK, "WS", "dice", SPACED),
    Claim("Separable convolutions help", "miccai1", "Unet-S", "Unet", "dice"),
    Claim("Reconstruction helps", "miccai1", "Unet-S-R", "Unet-S", "dice"),
    Claim("The ConvLSTM helps", "miccai1", "Unet-S-R-CLSTM", "Unet-S-R", "dice"),
    Claim("Known negatives hurt where 90 % are annotated", "miccai2", "90 %, without negatives", "90 %", "dice"),
    Claim("Known negatives help where 50 % are annotated", "miccai2", "50 %", "50 %, without negatives", "dice"),
    Claim("Known negatives help where 30 % are annotated", "miccai2", "30 %", "30 %, without negatives", "dice"),
    Claim(
        "Cross-entropy on negatives is better than the paper's loss",
        "miccai2",
        "30 %",
        "30 %, the paper's loss of negatives",
        "dice",
        ours=True,
    ),
)


@dataclass(frozen=True)
class Verdict:
    """What the scores say of a claim.

    Attributes:
        claim: which.
        better, worse: means of the two rows over the volumes that both have; None where there are none.
        margin: by how much the claim is met, the mean over volumes; less than 0: by how much it is missed.
        half_width: of the margin's 95 % interval, by Student's t of the paired differences; None of one volume.
        volumes: how many.
        word: `HOLDS` where the whole interval is above 0, `FAILS` where it is below, else `OPEN`; `NOT_RUN`.
    """

    claim: Claim
    better: float | None = None
    worse: float | None = None
    margin: float | None = None
    half_width: float | None = None
    volumes: int = 0
    word: str = NOT_RUN


def judge(claim: Claim, results: dict[str, Result], cohort: Cohort) -> Verdict:
    """The verdict on a claim; volumes are the independent units, not their muscles."""
    table = TABLES[claim.table]
    names = dict(table.rows)
    sides = []
    for label in (claim.better, claim.worse):
        result = results.get(names[label])
        if result is None or not result.scores:
            return Verdict(claim)
        given = claim.references if claim.references in result.row.references else NONE
        sides.append(by_volume(scores_in(result, table, given, cohort), claim.measure))
    shared = sorted(set(sides[0]) & set(sides[1]))
    if not shared:
        return Verdict(claim)
    better, worse = ([side[subject] for subject in shared] for side in sides)
    sign = -1 if claim.measure in SMALLER_IS_BETTER else 1
    margins = [sign * (one - claim.factor * other) for one, other in zip(better, worse, strict=True)]
    margin, half = fmean(margins), half_width_of(margins)
    word = OPEN
    if half is not None and abs(margin) > half:
        word = HOLDS if margin > 0 else FAILS
    return Verdict(claim, fmean(better), fmean(worse), margin, half, len(shared), word)


def half_width_of(values: list[float]) -> float | None:
    """Half the width of the 95 % interval of a mean, by Student's t; None of fewer than two values."""
    from scipy.stats import t

    if len(values) < 2:
        return None
    return float(t.ppf(0.975, len(values) - 1)) * stdev(values) / math.sqrt(len(values))
