"""Sequential pseudo-labels: on slices that nobody annotated, what the network said of them before (TMI 2021, III-C2).

Pure functions on `keras.ops`, but for the random draws. The paper's loss compares each window with the window before
at the same places, which lie one slice apart; by default a slice is compared with itself. And it feeds the very
estimate that it compares with, so that a network which copies its mask channel has no loss: here the mask channel shows
another draw.
"""

import keras
from keras import ops

from ifss_keras.propagation.step import mask_channel

_PIXELS = (-2, -1)
_BEND, _SHIFT, _KNOTS = 2.5, 1.2, 4  # of a degraded estimate, in pixels of 96, and the grid that it is bent on


def earlier_estimates(probabilities, start, started, lagged=False):
    """What the window before says of every slice of the trained windows, without gradient.

    Args:
        probabilities: (window number, batch, window, row, column).
        start: (batch, window - 1, row, column, 1), the estimates before the first of these windows.
        started: (batch,), 1 where these are estimates of a window before, and not what the evidence says.
        lagged: as the paper compares: the slice at the same place of the window before.

    Returns:
        Estimates, as `probabilities`, and (window number, batch, window), 1 where there is one.
    """
    zero = ops.zeros_like(start[:, :1, ..., 0])
    first = ops.concatenate([zero, start[..., 0]] if lagged else [start[..., 0], zero], axis=1)
    before = [first]
    for number in range(probabilities.shape[0] - 1):
        values = probabilities[number]
        before.append(values if lagged else ops.concatenate([values[:, 1:], zero], axis=1))
    there, nowhere = ops.ones_like(zero[..., 0, 0]), ops.zeros_like(zero[..., 0, 0])
    window = probabilities.shape[2]
    shared = [there] * (window - 1)
    at_first = [nowhere, *shared] if lagged else [*shared, nowhere]
    later = [there] * window if lagged else at_first
    has = ops.stack([ops.concatenate(part, axis=1) for part in [at_first, *[later] * (len(before) - 1)]])
    begun = ops.concatenate([started[None], ops.ones_like(has[1:, :, 0])])
    return ops.stop_gradient(ops.stack(before)), has * begun[..., None]


def confidence(probability):
    """How sure an estimate is, from 0 to 1, of every slice (..., row, column): 1 - 2 sum(p (1 - p)) / (sum(p) + 1).

    1 where every pixel is 0 or 1; a muscle of 700 pixels whose border is soft by a pixel has about 0.9.
    """
    unsure = ops.sum(probability * (1 - probability), axis=_PIXELS)
    return ops.clip(1 - 2 * unsure / (ops.sum(probability, axis=_PIXELS) + 1), 0, 1)


def with_pseudo_labels(truth, weight, unknown, estimates, has, settings):
    """Targets and their weights, with the estimates on slices that are not annotated.

    Args:
        truth: (..., slice, row, column).
        weight, unknown, has: (..., slice); `unknown` is 1 where a slice is not annotated.
        estimates: as `truth`.
        settings: `PseudoLabels`.
    """
    counted = settings.weight * has * unknown
    if settings.confidence:
        counted = counted * ops.stop_gradient(confidence(estimates))
    chosen = unknown[..., None, None]
    return chosen * estimates + (1 - chosen) * truth, counted + (1 - unknown) * weight


def degraded(estimates, seed):
    """Estimates (batch, slice, row, column, 1), those of each example bent and moved by the same random displacement.

    About as wrong as the network itself is after a while: see `training.examples.augmentation.degrade_mask`.

    Args:
        seed: a `keras.random.SeedGenerator`.
    """
    batch, slices, rows, columns = ops.shape(estimates)[0], *estimates.shape[1:4]
    scale = rows / 96
    coarse = keras.random.normal((batch, _KNOTS, _KNOTS, 2), seed=seed)
    bend = ops.image.resize(coarse, (rows, columns), interpolation="bilinear", data_format="channels_last")
    shift = keras.random.normal((batch, 1, 1, 2), seed=seed)
    moved = scale * (_BEND * keras.random.uniform((batch, 1, 1, 1), seed=seed) * bend + _SHIFT * shift)
    moved = ops.repeat(moved, slices, axis=0)
    number = ops.cast(ops.arange(batch * slices), "float32")[:, None, None] + ops.zeros_like(moved[..., 0])
    row = ops.arange(rows, dtype="float32")[:, None] + moved[..., 0]
    column = ops.arange(columns, dtype="float32") + moved[..., 1]
    flat = ops.reshape(estimates, (-1, rows, columns))
    bent = ops.image.map_coordinates(flat, ops.stack([number, row, column]), order=1, fill_mode="nearest")
    return ops.reshape(bent, ops.shape(estimates))


def shown_channels(unknown, seed, shown):
    """From the number of a trained window to its mask channel, for `propagation.step.unroll`.

    On slices that are not annotated the anchor alone where there is one, if that is what is `shown`, and else the
    degraded estimate.

    Args:
        unknown: (batch, trained slice), 1 where a slice is not annotated.
        seed: a `keras.random.SeedGenerator`.
        shown: "anchor" or "degraded".
    """

    def of_window(index):
        def channel(evidence, estimates):
            other = mask_channel(evidence, degraded(estimates, seed))
            if shown == "anchor":
                other = ops.where(evidence.has_anchor > 0, evidence.anchor, other)
            chosen = unknown[:, index : index + estimates.shape[1], None, None, None]
            return ops.where(chosen > 0, other, mask_channel(evidence, estimates))

        return channel

    return of_window
