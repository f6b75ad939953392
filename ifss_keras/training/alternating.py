"""Two objectives under two optimizers in turn, as MICCAI 2020, section 3, trains its two decoders; on TensorFlow."""

import keras
import tensorflow as tf

from ifss_keras.losses.segmentation import reconstruction_loss
from ifss_keras.training.trainer import SegmentationTrainer

_DECODERS = {"reconstruction": "reconstruction", "segmentation": "segmentation", "head": "segmentation"}


class AlternatingTrainer(SegmentationTrainer):
    """A network that reconstructs, each of whose steps is two: the reconstruction's, then the segmentation's.

    Both optimizers are alike and have moments of their own. The outputs are computed anew between them, so that the
    second gradient is that of the weights which the first step left; weights that both objectives share, the encoder
    and the ConvLSTMs, get both steps. The paper says that both are updated in turn, but neither the order nor whether
    the outputs are computed anew.

    Args:
        network, loss, kwargs: see `SegmentationTrainer`.
    """

    def __init__(self, network, loss, **kwargs):
        super().__init__(network, loss, **kwargs | {"reconstruction": 0.0})
        self.reconstruction_optimizer = None

    def compile(self, optimizer, **kwargs):
        """Takes an optimizer for the segmentation; the reconstruction's is made like it."""
        super().compile(optimizer, **kwargs)
        self.reconstruction_optimizer = type(optimizer).from_config(optimizer.get_config())

    def variables_of(self, objective: str) -> list:
        """The weights that an objective trains: those of its own decoder, and those that no decoder has for itself.

        Args:
            objective: "reconstruction" or "segmentation".
        """
        held = self.network.trainable_variables
        variables = [weight for weight in held if _decoder_of(weight) in (None, objective)]
        return variables + (self.named_loss.trainable_variables if objective == "segmentation" else [])

    def build(self, input_shape=None):
        super().build(input_shape)
        self.reconstruction_optimizer.build(self.variables_of("reconstruction"))
        self.optimizer.build(self.variables_of("segmentation"))

    def train_step(self, data):
        image, target, weights = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            loss = reconstruction_loss(self(image, training=True), image)
        self._move(tape, loss, self.reconstruction_optimizer, self.variables_of("reconstruction"))
        with tf.GradientTape() as tape:
            outputs = self(image, training=True)
            loss = self.compute_loss(image, target, outputs, weights)
        self._move(tape, loss, self.optimizer, self.variables_of("segmentation"))
        self._loss_tracker.update_state(loss, sample_weight=tf.shape(image)[0])
        return self.compute_metrics(image, target, outputs, weights)

    @staticmethod
    def _move(tape, loss, optimizer, variables):
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        optimizer.apply_gradients(zip(gradients, variables, strict=True))


def _decoder_of(weight) -> str | None:
    """The objective that a weight's layer is for alone, by the beginning of its name; None for what both share."""
    layer = weight.path.split("/")[0]
    return next((objective for name, objective in _DECODERS.items() if layer.startswith(name)), None)
