"""Time and peak memory of `ifss predict`, the start of Python and TensorFlow included.

    python benchmarks/large_volume.py [--folder DIR]      # 1400 slices of 512x512, one muscle, 20 references
    python benchmarks/large_volume.py --slices 200 --size 256 --references 5

DIR keeps the volume (370 MB) for the next run.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from ifss_keras.metrics.overlap import dice
from ifss_keras.synthetic import calf
from ifss_keras.volumes.io import read_labels, write_labels, write_volume
from ifss_keras.volumes.volume import Volume

SOLEUS = 100


def make(folder: Path, slices: int, size: int, count: int) -> None:
    """Writes image.mha, truth.mha and references.mha, unless they are there."""
    if (folder / "references.mha").exists():
        return
    phantom = calf(990_000, slices=slices, size=size, length_mm=400.0, ends="blunt")
    volume = Volume.from_array(phantom.image, phantom.spacing_mm)
    truth = np.where(phantom.labels == SOLEUS, phantom.labels, 0)
    held = np.flatnonzero(truth.any(axis=(1, 2)))
    references = np.zeros_like(truth)
    chosen = np.linspace(held[0], held[-1], count).round().astype(int)
    references[chosen] = truth[chosen]
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
    parser.add_argument("--slices", type=int, default=1400)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--references", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(exist_ok=True)
        make(folder, options.slices, options.size, options.references)
        run(folder)


if __name__ == "__main__":
    main()
