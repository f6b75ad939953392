"""The network in training: one `train_step` over clips of consecutive windows."""

import keras
import tensorflow as tf
from keras import ops

from ifss_keras.losses.tversky import ParametricTverskyLoss
from ifss_keras.training.clip_loss import clip_loss, rolled_out_start


class PropagationTrainer(keras.Model):
    """A network and its loss, trained through the same propagation step that prediction uses.

    Truncated back-propagation over a clip's windows (TMI 2021, section III-F, which accumulates over half a
    volume); the roll-out before them has no gradient. Runs on TensorFlow; `clip_loss` is what other backends
    train with.

    Args:
        network: an `IFSSNet`.
        windows: trained windows in every clip.
        recurrent: see `propagation.unroll.step`.
        rule, low, smooth, cross_entropy: the loss, see `ParametricTverskyLoss` and `clip_loss`.
    """

    def __init__(
        self, network, *, windows, recurrent=True, rule="reversal", low=0.3, smooth=1.0, cross_entropy=0.5, **kwargs
    ):
        super().__init__(**kwargs)
        self.network = network
        self.tversky = ParametricTverskyLoss(rule=rule, low=low, smooth=smooth, name="tversky")
        self.windows = windows
        self.recurrent = recurrent
        self.cross_entropy = cross_entropy
        self.loss_tracker = keras.metrics.Mean(name="loss")
        self.dice_tracker = keras.metrics.Mean(name="dice")
        self.alpha_tracker = keras.metrics.Mean(name="alpha")

    @property
    def metrics(self):
        return [self.loss_tracker, self.dice_tracker, self.alpha_tracker]

    def build(self, input_shape=None):
        self.built = True

    def call(self, inputs, training=None):
        return self.network(inputs, training=training)

    def train_step(self, clip):
        start, number = self._start(clip)
        with tf.GradientTape() as tape:
            loss, *seen = self._loss(clip, start, number, training=True)
            scaled = self.optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        return self._track(loss, *seen)

    def test_step(self, clip):
        start, number = self._start(clip)
        return self._track(*self._loss(clip, start, number, training=False))

    def _start(self, clip):
        memory = self.network.initial_memory(ops.shape(clip.truth)[0])
        return rolled_out_start(
            self._mode(False, clip), clip, memory, self.network.window, self.windows, self.recurrent
        )

    def _loss(self, clip, start, number, training):
        return clip_loss(
            self._mode(training, clip),
            self.tversky,
            clip,
            start,
            number,
            window=self.network.window,
            windows=self.windows,
            cross_entropy=self.cross_entropy,
            recurrent=self.recurrent,
        )

    def _mode(self, training, clip):
        remembered = self.network.remember(*clip.exemplars)
        return lambda inputs: self.network(inputs | remembered, training=training)

    def _track(self, loss, probability, truth, weight):
        self.loss_tracker.update_state(loss)
        self.dice_tracker.update_state(slice_dice(probability, truth), sample_weight=weight)
        self.alpha_tracker.update_state(self.tversky.penalties()[0])
        return {metric.name: metric.result() for metric in self.metrics}


def slice_dice(probability, truth):
    """Dice of every slice, (batch, slice), the probability cut at 0.5; 1 where both are empty."""
    predicted = ops.cast(probability > 0.5, "float32")
    both = ops.sum(predicted * truth, axis=(-2, -1))
    return (2 * both + 1e-6) / (ops.sum(predicted + truth, axis=(-2, -1)) + 1e-6)
