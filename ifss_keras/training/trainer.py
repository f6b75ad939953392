"""Networks in training, by `fit` of any Keras backend: what all have in common, and those that need no reference."""

import keras
from keras import ops

from ifss_keras.losses.replicas import summed_over_replicas
from ifss_keras.losses.segmentation import labels_only, negative_loss, reconstruction_loss, segmentation_loss
from ifss_keras.losses.terms import soft_dice
from ifss_keras.training.optimizers import l2_penalty

NEXT_TO_NOTHING = 1e-6  # added to a Dice of masks


class NetworkTrainer(keras.Model):
    """A network with its loss and its Dice; a subclass says how it is called and what it should have said.

    It has the network's policy, so that `compile` scales the loss of a float16 one, and leaves its inputs as they are.

    Args:
        network: what is trained.
        loss: a `NamedLoss`.
        l2: weight of `l2_penalty` in the loss.
    """

    def __init__(self, network, loss, *, l2=0.0, **kwargs):
        super().__init__(dtype=network.dtype_policy, autocast=False, **kwargs)
        self.network = network
        self.named_loss = loss
        self.l2 = l2
        self.alpha_tracker = keras.metrics.Mean(name="alpha") if loss.tversky else None
        self.dice_tracker = keras.metrics.Mean(name="dice")
        # on the CPU XLA is many times slower than the oneDNN that TensorFlow has without it
        self.supports_jit = keras.backend.backend() != "tensorflow"

    def build(self, input_shape=None):
        self.built = True

    def penalty(self):
        """What the weights themselves cost."""
        return self.l2 * l2_penalty(self.network) if self.l2 else 0.0

    def follow_penalties(self):
        """Tells the log which share of the penalty false positives have, where that is learned."""
        if self.alpha_tracker:
            self.alpha_tracker.update_state(self.named_loss.tversky.penalties()[0])


class SegmentationTrainer(NetworkTrainer):
    """A network that needs no reference. Batches are `Window`s: Keras' inputs, targets and weights.

    Args:
        network: one that needs no reference.
        loss: a `NamedLoss`, of the labels where they are annotated.
        negatives: `Negatives`, or None where nothing is known of slices that are not.
        reconstruction: weight of the reconstruction's loss, for a network that reconstructs.
    """

    def __init__(self, network, loss, *, negatives=None, reconstruction=1.0, **kwargs):
        super().__init__(network, loss, **kwargs)
        self.negatives = negatives
        self.reconstruction = reconstruction

    def call(self, image, training=None):
        """The network's outputs for images (batch, slice, row, column, 1)."""
        return self.network({"image": image}, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        self.follow_penalties()
        total = segmentation_loss(self.named_loss, y_pred, y.truth, sample_weight)
        if self.negatives:
            probability = labels_only(y_pred["probabilities"])
            weights = sample_weight[..., : probability.shape[-1]]
            total += self.negatives.weight * negative_loss(self.negatives.loss, probability, y.negative, weights)
        if "reconstruction" in y_pred and self.reconstruction:
            total += self.reconstruction * reconstruction_loss(y_pred, x)
        return total + self.penalty()

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        # the mean Dice of the labels in all annotated slices of the batch, each voxel to its most probable class
        found = ops.one_hot(ops.argmax(y_pred["probabilities"], axis=-1), y.truth.shape[-1])
        known = labels_only(sample_weight)[:, :, None, None]
        truth, found = (known * labels_only(part) for part in (y.truth, found))
        dice = soft_dice(truth, found, axes=(0, 1, 2, 3), smooth=NEXT_TO_NOTHING)
        there = ops.cast(summed_over_replicas(ops.sum(known, axis=(0, 1, 2, 3))) > 0, "float32")
        labels = ops.sum(there)
        self.dice_tracker.update_state(ops.sum(dice * there) / ops.maximum(labels, 1), sample_weight=labels)
        return self.get_metrics_result()
