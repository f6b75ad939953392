"""The losses of networks that need no reference: of what is annotated, of what is known not to be, of the image."""

from keras import ops

from ifss_keras.losses.replicas import share_of_replica, summed_over_replicas
from ifss_keras.losses.terms import weighted_mean

# DAF3D's nine heads: four levels, four refined levels, the final one (the authors' code; Wang et al., TMI 2019, eq. 3)
_CROSS_ENTROPY_WEIGHTS = (0.4, 0.5, 0.7, 0.8, 0.4, 0.5, 0.7, 0.8, 1.0)
_DICE_WEIGHTS = (0.4, 0.5, 0.7, 0.8, 0.4, 0.7, 0.8, 1.0, 1.0)


def segmentation_loss(loss, outputs, truth, weights):
    """A scalar: the losses by name of every label; the cross-entropy of the background too.

    A network with `heads` (`DAF3D`) answers for the sum over these nine, weighted as its authors weight them.

    Args:
        loss: a `NamedLoss`.
        outputs: of the network.
        truth: (batch, slice, row, column, class), the background last; a network of one class is shown the first.
        weights: (batch, slice, class): 0 where it is not known which pixels are of the class.
    """
    classes = outputs["probabilities"].shape[-1]
    truth, weights = truth[..., :classes], weights[..., :classes]
    if "heads" not in outputs:
        return _of_classes(loss, truth, outputs["probabilities"], weights, 1.0, 1.0)
    total, heads = 0.0, ops.split(outputs["heads"], len(_DICE_WEIGHTS), axis=-1)
    for head, region, entropy in zip(heads, _DICE_WEIGHTS, _CROSS_ENTROPY_WEIGHTS, strict=True):
        total = total + _of_classes(loss, truth, head, weights, region, entropy)
    return total


def negative_loss(kind, probability, negative, weights):
    """What labels are made to pay for pixels that are known to be something else, a scalar.

    - "cross_entropy": -log(1 - g) on these pixels, summed and divided by all pixels of which something is known, those
      of annotated slices and these. (Divided by these alone, each would count some hundred times as much as a pixel of
      the muscle: in a small training nothing was found any more, see docs/training.md.)
    - "dice": MICCAI 2020, section 3: its Dice loss, maximised, is the mean over slices of
      2 sum(n g) / (sum(n^2) + sum(g^2)), minimised; which falls also where g grows outside n.

    Args:
        kind: "cross_entropy" or "dice".
        probability: (batch, slice, row, column, class), in [0, 1], of the labels alone.
        negative: (batch, slice, row, column, 1), 1 where a pixel is known to be none of them.
        weights: (batch, slice, class); only where they are 0 is a label not annotated, and anything to pay.
    """
    unknown = ops.cast(weights == 0, probability.dtype)[:, :, None, None]
    if kind == "cross_entropy":
        told = negative * unknown
        known = summed_over_replicas(ops.sum(told + (1 - unknown) * ops.ones_like(told)))
        cost = ops.sum(-ops.log(ops.clip(1 - probability, 1e-6, 1.0)) * told)
        return cost / ops.where(known > 0, known, 1)
    both = 2 * ops.sum(negative * probability, axis=(2, 3))
    each = ops.sum(ops.square(negative) + ops.square(probability), axis=(2, 3))
    counted = unknown[:, :, 0, 0] * ops.cast(ops.sum(negative, axis=(2, 3)) > 0, probability.dtype)
    return weighted_mean(both / ops.maximum(each, 1e-6), counted)


def reconstruction_loss(outputs, image):
    """The mean squared error to the image, a scalar.

    MICCAI 2020, eq. (1), prints a signed sum, which has no least value; its name and text mean this.

    Args:
        outputs: of the network, with a `reconstruction`.
        image: (batch, slice, row, column, 1).
    """
    return share_of_replica(ops.mean(ops.square(outputs["reconstruction"] - image)))


def labels_only(values):
    """Values (..., class) of the labels, without the background's; all of them where there is one class."""
    return values[..., : max(values.shape[-1] - 1, 1)]


def _of_classes(loss, truth, probability, weights, region, entropy):
    labels = (labels_only(part) for part in (truth, probability, weights))
    found = loss(*map(_by_class, labels), region=region, entropy=0.0)
    return found + loss(*map(_by_class, (truth, probability, weights)), region=0.0, entropy=entropy)


def _by_class(values):
    """(batch * class, slice, ...) of (batch, slice, ..., class)."""
    values = ops.moveaxis(values, -1, 1)
    return ops.reshape(values, (-1, *values.shape[2:]))
