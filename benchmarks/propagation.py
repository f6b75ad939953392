"""Every way to carry a few annotated slices through a volume, on every volume of a folder, in one table.

    python benchmarks/propagation.py FOLDER                          # a folder per volume: image.nii.gz, label.nii.gz
    python benchmarks/propagation.py FOLDER --every 10 --methods shape network
    python benchmarks/propagation.py --synthetic 2                   # unseen synthetic volumes, 2 of each kind

Labels in at least `--least` slices are annotated every 5, 10, 20 and 50 slices and where they end, or in their first
three slices of a tenth of the largest area ("three"). Methods: plain and straight (see yardstick.py), shape and network
(the default of `ifss predict`); on demand the others of docs/methods.md. Means are over the labels of a volume; the
error ratio is (1 - Dice) over that of the better one of plain and straight, where both are asked for.
"""

import argparse
import json
import time
from functools import partial
from pathlib import Path

import numpy as np
from hard_calves import references_of, three_slices
from yardstick import YARDSTICKS, predict_by_yardstick

from ifss_keras.core.files import write_whole
from ifss_keras.inference.methods import UNTRAINED, untrained_method
from ifss_keras.inference.predictor import Predictor
from ifss_keras.metrics.evaluation import evaluate
from ifss_keras.synthetic import Phantom, calf, crowded_structures, random_shapes
from ifss_keras.volumes.io import read_labels, read_volume
from ifss_keras.volumes.volume import Volume
from ifss_keras.zoo.presets import DEFAULT_PRESET

SLICE_AXIS = {"spinal_cord_mri": 1}
DEVELOPMENT = ("leg_mri_3mm", "torso_ct", "lower_leg_us")  # choices were made on these, none on others
METHODS = (*YARDSTICKS, *UNTRAINED, "network")
DEFAULT_METHODS = (*YARDSTICKS, "shape", "network")
FIRST_SEED = 900_000
COLUMNS = ("dice", "iou", "hd95_mm", "asd_mm", "signed_volume_error_percent")


def every_so_often(areas: np.ndarray, every: int) -> list[int]:
    """Each `every`-th slice from the first that holds the label, and the last."""
    held = np.flatnonzero(areas)
    return sorted({*range(held[0], held[-1], every), int(held[-1])})


def real_volume(folder: Path, least: int) -> Phantom:
    """A labelled volume, with the labels that at least `least` slices hold."""
    axis = SLICE_AXIS.get(folder.name, 2)
    volume = read_volume(folder / "image.nii.gz", axis=axis)
    truth = read_labels(folder / "label.nii.gz", axis=axis).array
    codes = [int(code) for code in np.unique(truth)[1:] if (truth == code).any(axis=(1, 2)).sum() >= least]
    kept = np.where(np.isin(truth, codes), truth, 0).astype(np.uint8)
    return Phantom(volume.array, kept, volume.spacing_mm, {code: str(code) for code in codes})


def volumes(options):
    """Name and labelled volume, one at a time."""
    if options.folder:
        folders = sorted(path.parent for path in options.folder.glob("*/label.nii.gz"))
        if not folders:
            raise SystemExit(f"{options.folder} holds no folder with a label.nii.gz: pass a folder of such folders.")
        for folder in folders:
            if not options.volumes or folder.name in options.volumes:
                yield folder.name, real_volume(folder, options.least)
    kinds = {"calf": partial(calf, ends="blunt"), "random_shapes": random_shapes}
    for name, kind in (kinds | {"crowded_structures": crowded_structures}).items():
        for seed in range(FIRST_SEED, FIRST_SEED + options.synthetic):
            yield f"{name}_{seed}", kind(seed)


def annotate(labelled: Phantom, every):
    """The references, and how many slices of a label are annotated on average."""

    def choose(areas):
        return three_slices(areas) if every == "three" else every_so_often(areas, every)

    count = np.mean([len(choose((labelled.labels == code).sum(axis=(1, 2)))) for code in labelled.names])
    return references_of(labelled.labels, labelled.names, choose), float(count)


def predict(method: str, predictor: Predictor, volume: Volume, references):
    if method in YARDSTICKS:
        return predict_by_yardstick(method, volume, references)
    if method in UNTRAINED:
        return untrained_method(method)(volume, references)
    return predictor.predict(volume, references)


def run(name: str, labelled: Phantom, every, methods, predictor: Predictor) -> list[dict]:
    """A row for each method; surface distances over the labels that were found at all."""
    volume = Volume.from_array(labelled.image, labelled.spacing_mm)
    references, annotated = annotate(labelled, every)
    rows = []
    for method in methods:
        began = time.monotonic()
        prediction = predict(method, predictor, volume, references)
        seconds = time.monotonic() - began
        held = evaluate(prediction.labels, labelled.labels, labelled.spacing_mm).labels
        means = {}
        for column in COLUMNS:
            values = np.array([getattr(label, column) for label in held], float)
            means[column] = float(np.mean(values[np.isfinite(values)]))
        errors = np.abs([label.signed_volume_error_percent for label in held])
        means["absolute_volume_error_percent"] = float(np.mean(errors))
        row = {"volume": name, "every": every, "method": method, "labels": len(held), "annotated": annotated}
        rows.append(row | means | {"seconds": seconds})
    best = min((1 - row["dice"] for row in rows if row["method"] in YARDSTICKS), default=np.nan)
    return [row | {"error_ratio": (1 - row["dice"]) / best} for row in rows]


def show(row: dict) -> str:
    return (
        f"{row['volume']:26s} {row['every']!s:>5s} {row['method']:13s} {row['labels']:3d} {row['dice']:.4f} "
        f"{row['iou']:.4f} {row['hd95_mm']:6.2f} {row['asd_mm']:6.2f} {row['signed_volume_error_percent']:+7.2f} "
        f"{row['absolute_volume_error_percent']:6.2f} {row['seconds']:6.1f} {row['error_ratio']:6.3f}"
    )


def totals(rows: list[dict]) -> list[str]:
    """The mean error ratio over the volumes, for those the method was made on and the others, and of volume."""
    lines = []
    groups = {"development": lambda n: n in DEVELOPMENT, "others": lambda n: n not in DEVELOPMENT, "all": lambda n: n}
    for every in dict.fromkeys(row["every"] for row in rows):
        for method in dict.fromkeys(row["method"] for row in rows):
            parts, held = [], [row for row in rows if (row["every"], row["method"]) == (every, method)]
            for group, member in groups.items():
                ratios = [row["error_ratio"] for row in held if member(row["volume"])]
                if ratios:
                    parts.append(f"{group} {np.mean(ratios):.3f} (worst {max(ratios):.3f}, {len(ratios)} volumes)")
            off = np.mean([row["absolute_volume_error_percent"] for row in held])
            ratios = ", ".join(parts)
            lines.append(f"every {every}, {method}: mean error ratio {ratios}; mean absolute volume error {off:.1f} %")
    return lines


def markdown(rows: list[dict], path: Path) -> None:
    """The table and the means as Markdown."""
    head = ["volume", "every", "method", "labels", "Dice", "IoU", "HD95 mm", "ASD mm", "volume error %", "absolute %"]
    lines = [f"| {' | '.join([*head, 'seconds', 'error ratio'])} |", "|" + "---|" * (len(head) + 2)]
    for row in rows:
        cells = show(row).split()
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", *(f"- {line}" for line in totals(rows))]
    write_whole(path, "\n".join(lines) + "\n")


def plot(rows: list[dict], path: Path) -> None:
    """Dice against annotated slices, a panel for each volume."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = list(dict.fromkeys(row["volume"] for row in rows))
    columns = min(len(names), 3)
    shape = -(-len(names) // columns), columns
    figure, axes = plt.subplots(*shape, figsize=(3.2 * columns, 3 * shape[0]), squeeze=False, layout="constrained")
    for axis in axes.flat[len(names) :]:
        axis.set_axis_off()
    for axis, name in zip(axes.flat, names, strict=False):
        for method in dict.fromkeys(row["method"] for row in rows):
            held = [row for row in rows if (row["volume"], row["method"]) == (name, method) and row["every"] != "three"]
            held.sort(key=lambda row: row["annotated"])
            axis.plot([r["annotated"] for r in held], [r["dice"] for r in held], "o-", markersize=3, label=method)
        axis.set(title=name, xlabel="annotated slices", ylabel="Dice", xscale="log")
        ticks = sorted({row["annotated"] for row in rows if row["volume"] == name and row["every"] != "three"})
        axis.set_xticks(ticks, [f"{tick:.3g}" for tick in ticks])
        axis.minorticks_off()
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=6)
    figure.savefig(path, dpi=100)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--volumes", nargs="+", help="names of folders; all if not given")
    parser.add_argument("--synthetic", type=int, default=0, help="unseen volumes of each kind")
    parser.add_argument("--every", nargs="+", default=["5", "10", "20", "50", "three"])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=DEFAULT_METHODS)
    parser.add_argument("--least", type=int, default=20)
    parser.add_argument("--preset", default=DEFAULT_PRESET, help="name, or folder of a training")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path, help="where the table goes too")
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    predictor = Predictor.from_preset(options.preset)
    print("volume, every, method, labels, Dice, IoU, HD95 mm, ASD mm, volume error %, absolute, seconds, error ratio")
    rows = []
    for name, labelled in volumes(options):
        for every in (held if held == "three" else int(held) for held in options.every):
            rows += run(name, labelled, every, options.methods, predictor)
            print(*map(show, rows[-len(options.methods) :]), sep="\n", flush=True)
            if options.json:
                options.json.write_text(json.dumps(rows, indent=1))
    print(*totals(rows), sep="\n")
    if options.markdown:
        markdown(rows, options.markdown)
    if options.plot:
        plot(rows, options.plot)


if __name__ == "__main__":
    main()
