"""What the losses and the Dice of a training are made of, on `keras.ops`."""

from keras import ops

from ifss_keras.losses.replicas import summed_over_replicas


def soft_dice(truth, probability, axes, smooth=1.0):
    """2 sum(t p) / (sum(t^2) + sum(p^2)), `smooth` added above and below.

    Milletari et al., 3DV 2016, section 3. What is nowhere and is found nowhere gives 1.

    Args:
        truth, probability: of one shape, in [0, 1].
        axes: what is summed over; the other axes stay. Over a batch, 0 among them, it is that of all devices,
            which no gradient goes through.
        smooth: in pixels.
    """
    both = ops.sum(truth * probability, axis=axes)
    each = ops.sum(ops.square(truth) + ops.square(probability), axis=axes)
    if 0 in axes:
        both, each = summed_over_replicas(both), summed_over_replicas(each)
    return (2 * both + smooth) / (each + smooth)


def binary_cross_entropy(truth, probability):
    """-t log(p) - (1 - t) log(1 - p) of every pixel, in the shape of both; p is kept 1e-6 away from 0 and 1."""
    clipped = ops.clip(probability, 1e-6, 1 - 1e-6)
    return -(truth * ops.log(clipped) + (1 - truth) * ops.log(1 - clipped))


def weighted_mean(values, weights):
    """sum(values * weights) / sum(weights), 0 where all weights are 0; on several devices, this one's part of it."""
    total = summed_over_replicas(ops.sum(weights))
    return ops.sum(values * weights) / ops.where(total > 0, total, 1)
