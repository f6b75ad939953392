"""Batches of clips and of windows as a `tf.data.Dataset`. The only module of examples that needs TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ifss_keras.propagation.evidence import Evidence
from ifss_keras.propagation.exemplars import SLOTS, Exemplars
from ifss_keras.propagation.settings import PropagationSettings
from ifss_keras.training.examples.clips import Clip, draw_clip
from ifss_keras.training.examples.corpus import TrainingVolume
from ifss_keras.training.examples.draws import clip_length
from ifss_keras.training.examples.settings import ClipSettings
from ifss_keras.training.examples.windows import Target, Window, WindowSettings, batch_of_windows


def batch_of_clips(
    volumes: Sequence[TrainingVolume], settings: ClipSettings, propagation: PropagationSettings, batch: int, seed
) -> Clip:
    """One batch, every array with a leading axis; the same arguments give the same batch.

    Half of the batches have no roll-out, the others one drawn log-uniformly up to the greatest of `settings.rollout`;
    the least is its first + 1, as none at all is the other half. A roll-out that the shortest volume has no room
    for is cut.
    """
    rng = np.random.default_rng(seed)
    longest = min(len(volume.image) for volume in volumes) - clip_length(settings, propagation.window, 0)
    drawn = int(np.exp(rng.uniform(*np.log(np.array(settings.rollout) + 1)))) if rng.random() < 0.5 else 0
    windows = min(drawn, settings.rollout[1], longest)
    picked = (volumes[int(rng.integers(len(volumes)))] for _ in range(batch))
    return stack_clips([draw_clip(rng, volume, settings, propagation, windows) for volume in picked])


def stack_clips(clips: Sequence[Clip]) -> Clip:
    """Clips of equal lengths as one, every array with a leading axis."""
    evidence = Evidence(*(np.stack(parts) for parts in zip(*(clip.evidence for clip in clips), strict=True)))
    exemplars = Exemplars(*(np.stack(parts) for parts in zip(*(clip.exemplars for clip in clips), strict=True)))
    rest = (np.stack([getattr(clip, name) for clip in clips]) for name in Clip._fields[1:-1])
    return Clip(evidence, *rest, exemplars)


def clip_dataset(
    volumes: Sequence[TrainingVolume],
    settings: ClipSettings,
    propagation: PropagationSettings,
    *,
    batch: int,
    batches: int,
    seed: int,
    first: int = 0,
    parallel: int = 2,
):
    """A dataset of the batches number `first`, ..., `first` + `batches` - 1 under `seed`.

    Every batch has a seed of its own, so that their order and content do not depend on `parallel`.

    Returns:
        A `tf.data.Dataset` of `(clip,)` with a leading batch axis; the number of slices differs by batch.
    """

    import tensorflow as tf

    def parts_of(number):
        clip = batch_of_clips(volumes, settings, propagation, batch, (seed, int(number)))
        return [*clip.evidence, *clip[1:-1], *clip.exemplars]

    size, shared = propagation.size, propagation.window - 1
    per_slice, flag = (batch, None, size, size, 1), (batch, None, 1, 1, 1)
    shapes = [
        per_slice, per_slice, flag, per_slice, flag,
        (batch, shared, size, size, 1), (batch, 1, 1, 1, 1), per_slice, (batch, None),
        (batch, SLOTS, size, size, 1), (batch, SLOTS, size, size, 1), (batch, SLOTS),
    ]  # fmt: skip

    def tensors(number):
        parts = tf.numpy_function(parts_of, [number], [tf.float32] * len(shapes))
        for part, shape in zip(parts, shapes, strict=True):
            part.set_shape(shape)
        return (Clip(Evidence(*parts[:5]), *parts[5:9], Exemplars(*parts[9:])),)  # else Keras would split it

    dataset = tf.data.Dataset.range(first, first + batches)
    return dataset.map(tensors, num_parallel_calls=parallel, deterministic=True).prefetch(2)


def window_dataset(
    volumes: Sequence[TrainingVolume], settings: WindowSettings, *, batch: int, batches: int, seed: int, first: int = 0
):
    """A dataset of the batches number `first`, ..., `first` + `batches` - 1 under `seed`, each with a seed of its own.

    Returns:
        A `tf.data.Dataset` of `Window`s with a leading batch axis.
    """
    import tensorflow as tf

    per_pixel = (batch, settings.slices, settings.size, settings.size)
    classes = len(settings.codes) + 1
    shapes = [(*per_pixel, 1), (*per_pixel, classes), (*per_pixel, 1), (batch, settings.slices, classes)]

    def parts_of(number):
        window = batch_of_windows(volumes, settings, batch, (seed, int(number)))
        return [window.image, *window.target, window.weight]

    def tensors(number):
        parts = tf.numpy_function(parts_of, [number], [tf.float32] * len(shapes))
        for part, shape in zip(parts, shapes, strict=True):
            part.set_shape(shape)
        return Window(parts[0], Target(*parts[1:3]), parts[3])

    dataset = tf.data.Dataset.range(first, first + batches)
    return dataset.map(tensors, num_parallel_calls=2, deterministic=True).prefetch(2)
