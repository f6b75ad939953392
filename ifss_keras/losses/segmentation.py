"""The loss of networks that need no reference: soft Dice and cross-entropy, for whatever outputs a network has."""

from keras import ops

from ifss_keras.losses.terms import binary_cross_entropy, soft_dice

# DAF3D's nine heads: four levels, four refined levels, the final one (the authors' code; Wang et al., TMI 2019, eq. 3)
_CROSS_ENTROPY_WEIGHTS = (0.4, 0.5, 0.7, 0.8, 0.4, 0.5, 0.7, 0.8, 1.0)
_DICE_WEIGHTS = (0.4, 0.5, 0.7, 0.8, 0.4, 0.7, 0.8, 1.0, 1.0)


def segmentation_loss(outputs, image, truth, reconstruction=1.0):
    """A scalar: 1 - mean Dice of the labels, plus cross-entropy, plus what further outputs a network has to answer for.

    - `heads` (`DAF3D`): the sum over its nine heads, weighted as its authors weight them.
    - `reconstruction` (`SpatioTemporalUNet`): the mean squared error to the image. MICCAI 2020, eq. (1), prints a
      signed sum, which has no least value; its name and text mean this.

    Args:
        outputs: of the network.
        image: (batch, slice, row, column, 1).
        truth: (batch, slice, row, column, class), the background last; a network of one class is shown the first.
        reconstruction: weight of the reconstruction.
    """
    classes = outputs["probabilities"].shape[-1]
    truth = truth[..., :classes]
    if "heads" in outputs:
        loss = 0.0
        heads = ops.split(outputs["heads"], len(_DICE_WEIGHTS), axis=-1)
        for head, dice_weight, entropy_weight in zip(heads, _DICE_WEIGHTS, _CROSS_ENTROPY_WEIGHTS, strict=True):
            loss += dice_weight * _dice_loss(truth, head) + entropy_weight * _cross_entropy(truth, head)
    else:
        probability = outputs["probabilities"]
        loss = _dice_loss(truth, probability) + _cross_entropy(truth, probability)
    if "reconstruction" in outputs:
        loss += reconstruction * ops.mean(ops.square(outputs["reconstruction"] - image))
    return loss


def labels_only(values):
    """Values (..., class) of the labels, without the background's; all of them where there is one class."""
    return values[..., : max(values.shape[-1] - 1, 1)]


def _dice_loss(truth, probability):
    return 1 - ops.mean(soft_dice(labels_only(truth), labels_only(probability), axes=(1, 2, 3)))


def _cross_entropy(truth, probability):
    return ops.mean(binary_cross_entropy(truth, probability))
