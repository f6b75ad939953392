"""A recipe for the command and its volumes, both tiny, in files."""

import numpy as np

from ifss_keras.training.examples.corpus import save_volume

RECIPE = """name: tiny
model: SegNetFS
seed: 4
labels: {{1: one, 2: two}}
slices: 2
network: {{image_size: [32, 32], widths: [4], rates: [1], first_depth_multiplier: 1, head_width: 3}}
training: {{shapes: 2, first_seed: 1}}
validation: {{shapes: 1, first_seed: 3}}
optimizer: {{learning_rate: 0.01, warmup_steps: 2}}
batch: 2
steps_per_epoch: {steps}
epochs: {epochs}
validation_steps: 1
"""


def write(folder, *, epochs, steps=2):
    """Writes recipe.yaml and corpus/, as the command makes it, into a folder; the arguments of `ifss train`."""
    (folder / "recipe.yaml").write_text(RECIPE.format(epochs=epochs, steps=steps))
    for part, seeds in (("training", (1, 2)), ("validation", (3,))):
        (folder / "corpus" / part).mkdir(parents=True)
        for seed in seeds:
            save_volume(folder / "corpus" / part / f"shapes_{seed:06d}.npz", *two_boxes(seed), (1.0, 0.5, 0.5))
    return ["train", "--recipe", str(folder / "recipe.yaml"), "--corpus", str(folder / "corpus")]


def two_boxes(seed):
    """(image, labels), each (24, 32, 32), of two bright boxes in noise."""
    rng = np.random.default_rng(seed)
    image, labels = rng.integers(0, 60, (24, 32, 32)), np.zeros((24, 32, 32), np.uint8)
    labels[2:22, 4:16, 5:19], labels[4:20, 20:28, 8 + seed : 20 + seed] = 1, 2
    return (image + 60 * labels).astype(np.uint8), labels
