"""Real labelled volumes: the network beside shape interpolation from the same slices, in one run.

    python benchmarks/real_volumes.py FOLDER [--every 10]

FOLDER holds a folder per volume with image.nii.gz and label.nii.gz. Every label in at least `--least` slices is
annotated every `--every` slices and at both of its ends. Means are over the labels of a volume.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from hard_calves import references_of, score

from ifss_keras.data.io import read_labels, read_volume, write_labels
from ifss_keras.data.synthetic import Phantom
from ifss_keras.inference.predictor import Predictor
from ifss_keras.inference.shape import predict_by_shape

SLICE_AXIS = {"spinal_cord_mri": 1}


def every_so_often(areas: np.ndarray, every: int) -> list[int]:
    """Each `every`-th slice from the first that holds the label, and the last."""
    held = np.flatnonzero(areas)
    return sorted({*range(held[0], held[-1], every), int(held[-1])})


def run_volume(folder: Path, predictor: Predictor, every: int, least: int) -> None:
    """Prints mean Dice and mean absolute volume error of both methods on one volume."""
    axis = SLICE_AXIS.get(folder.name, 2)
    volume = read_volume(folder / "image.nii.gz", axis=axis)
    truth = read_labels(folder / "label.nii.gz", axis=axis).array
    codes = [int(code) for code in np.unique(truth)[1:] if (truth == code).any(axis=(1, 2)).sum() >= least]
    kept = np.where(np.isin(truth, codes), truth, 0).astype(np.uint8)
    labelled = Phantom(volume.array, kept, volume.spacing_mm, {code: str(code) for code in codes})
    references = references_of(kept, labelled.names, lambda areas: every_so_often(areas, every))
    for method, predict in (("shape", predict_by_shape), ("network", predictor.predict)):
        began = time.monotonic()
        prediction = predict(volume, references)
        rows = score(prediction, labelled)
        print(
            f"{folder.name:16s} {method:8s} labels {len(codes):3d}  Dice {np.mean([row['dice'] for row in rows]):.4f}"
            f"  volume error {np.mean([abs(row['volume_error']) for row in rows]):6.2f} %"
            f"  {time.monotonic() - began:6.1f} s",
            flush=True,
        )
    with tempfile.TemporaryDirectory() as written:
        write_labels(Path(written) / "mask.nii.gz", prediction.labels, volume)
        again = read_labels(Path(written) / "mask.nii.gz", axis=axis)
        placed = np.allclose(again.affine, volume.affine, atol=1e-4) and (again.array == prediction.labels).all()
    print(f"{folder.name:16s} written and read again on the same grid: {bool(placed)}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--volumes", nargs="+", default=["thigh_mri", "torso_ct", "lower_leg_us"])
    parser.add_argument("--every", type=int, default=10)
    parser.add_argument("--least", type=int, default=20)
    parser.add_argument("--weights", type=Path)
    options = parser.parse_args()
    predictor = Predictor.from_training(options.weights) if options.weights else Predictor.from_preset()
    for name in options.volumes:
        run_volume(options.folder / name, predictor, options.every, options.least)


if __name__ == "__main__":
    main()
