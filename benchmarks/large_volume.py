"""Time and peak memory of `ifss predict` on 1400 slices of 512x512, one muscle, 20 references.

python benchmarks/large_volume.py [--folder DIR]      # DIR keeps the 370 MB volume for the next run
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from ifss_keras.data.io import read_labels, write_labels, write_volume
from ifss_keras.data.synthetic import calf
from ifss_keras.data.volume import Volume
from ifss_keras.metrics.overlap import dice

SOLEUS = 100


def make(folder: Path) -> None:
    """Writes image.mha, truth.mha and references.mha, unless they are there."""
    if (folder / "references.mha").exists():
        return
    phantom = calf(990_000, slices=1400, size=512, length_mm=400.0)
    volume = Volume.from_array(phantom.image, phantom.spacing_mm)
    truth = np.where(phantom.labels == SOLEUS, phantom.labels, 0)
    held = np.flatnonzero(truth.any(axis=(1, 2)))
    references = np.zeros_like(truth)
    slices = np.linspace(held[0], held[-1], 20).round().astype(int)
    references[slices] = truth[slices]
    write_volume(folder / "image.mha", phantom.image, volume)
    write_labels(folder / "truth.mha", truth, volume)
    write_labels(folder / "references.mha", references, volume)


def run(folder: Path) -> None:
    """Prints seconds, peak memory and Dice."""
    command = [sys.executable, "-m", "ifss_keras.cli.main", "predict", str(folder / "image.mha")]
    command += ["--reference", str(folder / "references.mha"), "-o", str(folder / "mask.mha")]
    began = time.monotonic()
    subprocess.run(command, check=True)
    seconds = time.monotonic() - began
    peak_gib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    mask, truth = (read_labels(folder / name).array == SOLEUS for name in ("mask.mha", "truth.mha"))
    print(f"{seconds:.0f} s, peak {peak_gib:.2f} GiB, Dice {float(dice(mask, truth)):.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.folder:
        options.folder.mkdir(exist_ok=True)
        make(options.folder)
        run(options.folder)
        return
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder))
        run(Path(folder))


if __name__ == "__main__":
    main()
