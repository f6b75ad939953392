"""A network that needs no reference, in training."""

import keras
import tensorflow as tf
from keras import ops

from ifss_keras.losses.segmentation import labels_only, segmentation_loss


class SegmentationTrainer(keras.Model):
    """A network and `segmentation_loss`, one step for a batch of windows. Runs on TensorFlow.

    Args:
        network: one that needs no reference.
        reconstruction: weight of the reconstruction, see `segmentation_loss`.
    """

    def __init__(self, network, *, reconstruction=1.0, **kwargs):
        super().__init__(**kwargs)
        self.network = network
        self.reconstruction = reconstruction
        self.loss_tracker = keras.metrics.Mean(name="loss")
        self.dice_tracker = keras.metrics.Mean(name="dice")

    @property
    def metrics(self):
        return [self.loss_tracker, self.dice_tracker]

    def build(self, input_shape=None):
        self.built = True

    def call(self, inputs, training=None):
        return self.network(inputs, training=training)

    def train_step(self, window):
        with tf.GradientTape() as tape:
            outputs = self.network({"image": window.image}, training=True)
            loss = segmentation_loss(outputs, window.image, window.truth, self.reconstruction)
            scaled = self.optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        return self._track(loss, outputs["probabilities"], window.truth)

    def test_step(self, window):
        outputs = self.network({"image": window.image}, training=False)
        loss = segmentation_loss(outputs, window.image, window.truth, self.reconstruction)
        return self._track(loss, outputs["probabilities"], window.truth)

    def _track(self, loss, probabilities, truth):
        self.loss_tracker.update_state(loss)
        self.dice_tracker.update_state(class_dice(probabilities, truth))
        return {metric.name: metric.result() for metric in self.metrics}


def class_dice(probabilities, truth):
    """Mean Dice over the labels of a batch, each voxel to its most probable class; 1 for a label that is nowhere."""
    found = ops.one_hot(ops.argmax(probabilities, axis=-1), truth.shape[-1])
    found, truth = labels_only(found), labels_only(truth)
    axes = (0, 1, 2, 3)
    both = ops.sum(found * truth, axis=axes)
    return ops.mean((2 * both + 1e-6) / (ops.sum(found + truth, axis=axes) + 1e-6))
