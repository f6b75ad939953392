"""Whether data keep a training waiting: steps per second with the real pipeline over those on one batch.

    python benchmarks/pipeline.py                     # 96x96 and 256x256, about 6 minutes on 2 cores
    python benchmarks/pipeline.py --sizes 96 --steps 40

The network is that of the released preset, its clips those of its recipe without a roll-out, whose length would differ
from batch to batch. The volumes are working copies of synthetic calves on the disk, memory-mapped, as a lab's own are
read. Both kinds of steps are timed in turns, in blocks, so that whatever else the machine does slows both; a ratio of
0.9 says that data cost at most a tenth of the time.
"""

import argparse
import tempfile
import time
from itertools import islice
from pathlib import Path

import numpy as np

from ifss_keras.bench.cohort import Calves, make_calves
from ifss_keras.core.backend import start_backend
from ifss_keras.core.blas import single_threaded_blas
from ifss_keras.datasets.copies import make_copies
from ifss_keras.datasets.listing import read_dataset

BLOCKS = 5


def trainer_and_batches(size: int, folder: Path, batch: int):
    """The compiled trainer of the released preset's recipe at a working size, and an endless iterator of batches."""
    from ifss_keras.training.batches import training_batches
    from ifss_keras.training.build import build_trainer
    from ifss_keras.training.examples.corpus import TrainingVolume
    from ifss_keras.training.examples.pipeline import clip_dataset
    from ifss_keras.training.recipe import read_recipe

    recipe = read_recipe(Path(__file__).parents[1] / "zoo" / "ifss_synthetic_v5" / "recipe.yaml")
    clips = recipe.clips.__class__(**vars(recipe.clips) | {"rollout": (0, 0)})
    network = recipe.network | {"image_size": (size, size)}
    recipe = recipe.model_copy(update={"network": network, "clips": clips, "batch": batch})
    trainer = build_trainer(recipe)
    copies = make_copies(read_dataset(folder / "cohort.csv").cases, folder / "copies")
    volumes = [TrainingVolume.from_copy(copy) for copy in copies]
    drawn = training_batches(recipe, trainer.network, volumes)
    dataset = clip_dataset(drawn, recipe.settings(trainer.network.window), batch=batch, batches=100_000)
    return trainer, iter(dataset)


def seconds_per_step(trainer, batches, steps: int) -> float:
    """Of so many steps on the next batches."""
    began = time.perf_counter()
    for batch in islice(batches, steps):
        trainer.train_on_batch(*batch)
    return (time.perf_counter() - began) / steps


def measure(size: int, folder: Path, steps: int, batch: int) -> tuple[float, float]:
    """Median seconds per step: with the pipeline, and on one batch."""
    trainer, batches = trainer_and_batches(size, folder, batch)
    one = next(batches)
    for _ in range(2):  # tracing, and the first allocation
        trainer.train_on_batch(*one)
    block, times = max(steps // BLOCKS, 1), []
    for _ in range(BLOCKS):
        constant = seconds_per_step(trainer, iter([one] * block), block)
        next(batches), next(batches)  # what was drawn ahead meanwhile
        times.append((seconds_per_step(trainer, batches, block), constant))
    return tuple(float(np.median(column)) for column in zip(*times, strict=True))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", type=int, default=[96, 256])
    parser.add_argument("--steps", type=int, default=30, help="of each kind at each size")
    parser.add_argument("--batch", type=int, help="4 at 96x96, and as many pixels at other sizes, if not given")
    options = parser.parse_args()
    start_backend()
    with tempfile.TemporaryDirectory() as folder, single_threaded_blas():  # as every training has it
        make_calves(Path(folder), Calves(training=4, validation=0, test=0, slices=160, size=256))
        for size in options.sizes:
            real, constant = measure(
                size, Path(folder), options.steps, options.batch or max(round(4 * (96 / size) ** 2), 1)
            )
            print(
                f"{size}x{size}: {1 / real:.3f} steps/s with the pipeline, {1 / constant:.3f} on one batch, ratio "
                f"{constant / real:.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
