"""Networks in training, by `fit` of any Keras backend.

On JAX every length of a clip is compiled by itself, once.
"""

import keras
from keras import ops

from ifss_keras.losses.segmentation import labels_only, segmentation_loss
from ifss_keras.losses.terms import soft_dice
from ifss_keras.losses.tversky import ParametricTverskyLoss
from ifss_keras.training.loss import clip_loss, rolled_out_start, trained_probability, trained_truth

_NEXT_TO_NOTHING = 1e-6  # added to a Dice of masks


class NetworkTrainer(keras.Model):
    """A network with its loss and its Dice; a subclass says how it is called and what it should have said.

    It has the network's policy, so that `compile` scales the loss of a float16 one, and leaves its inputs as they are.

    Args:
        network: what is trained.
    """

    def __init__(self, network, **kwargs):
        super().__init__(dtype=network.dtype_policy, autocast=False, **kwargs)
        self.network = network
        self.dice_tracker = keras.metrics.Mean(name="dice")
        # on the CPU XLA is many times slower than the oneDNN that TensorFlow has without it
        self.supports_jit = keras.backend.backend() != "tensorflow"

    def build(self, input_shape=None):
        self.built = True


class PropagationTrainer(NetworkTrainer):
    """A network that carries annotated slices on, trained through the same propagation step that prediction uses.

    Truncated back-propagation over a clip's windows (TMI 2021, section III-F, which accumulates over half a
    volume); the roll-out before them has no gradient and no dropout. Batches are `(clip,)`, as Keras would take a
    `Clip` itself for inputs, targets and weights.

    Args:
        network: an `IFSSNet`.
        windows: trained windows in every clip.
        recurrent: see `propagation.step.step`.
        rule, low, smooth, cross_entropy: the loss, see `ParametricTverskyLoss` and `clip_loss`.
    """

    def __init__(
        self, network, *, windows, recurrent=True, rule="reversal", low=0.3, smooth=1.0, cross_entropy=0.5, **kwargs
    ):
        super().__init__(network, **kwargs)
        self.tversky = ParametricTverskyLoss(rule=rule, low=low, smooth=smooth, name="tversky", dtype="float32")
        self.windows = windows
        self.recurrent = recurrent
        self.cross_entropy = cross_entropy
        self.alpha_tracker = keras.metrics.Mean(name="alpha")

    def call(self, clip, training=None):
        """The muscle's probability in the trained windows of a batch of clips, see `trained_probability`."""
        remembered = self.network.remember(*clip.exemplars)
        memory = self.network.initial_memory(ops.shape(clip.truth)[0])
        how = self.network.window, self.windows, self.recurrent
        state = rolled_out_start(self._running(remembered, False), clip, memory, *how)
        return trained_probability(self._running(remembered, bool(training)), clip, state, *how)

    def _running(self, remembered, training):
        def run(inputs):
            outputs = self.network(inputs | remembered, training=training)
            # a loop's state keeps its type, of whatever type the network's memory is
            return {name: ops.cast(value, "float32") for name, value in outputs.items()}

        return run

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        # here, as JAX shows no weights to compute_metrics
        self.alpha_tracker.update_state(self.tversky.penalties()[0])
        truth, weight = trained_truth(x, self.network.window, self.windows)
        return clip_loss(self.tversky, truth, y_pred, weight, self.cross_entropy)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        truth, weight = trained_truth(x, self.network.window, self.windows)
        found = ops.cast(y_pred > 0.5, "float32")
        dice = soft_dice(truth, found, axes=(-2, -1), smooth=_NEXT_TO_NOTHING)
        self.dice_tracker.update_state(dice, sample_weight=weight)
        return self.get_metrics_result()


class SegmentationTrainer(NetworkTrainer):
    """A network that needs no reference, and `segmentation_loss`. Batches are `Window`s, Keras' inputs and targets.

    Args:
        network: one that needs no reference.
        reconstruction: weight of the reconstruction, see `segmentation_loss`.
    """

    def __init__(self, network, *, reconstruction=1.0, **kwargs):
        super().__init__(network, **kwargs)
        self.reconstruction = reconstruction

    def call(self, image, training=None):
        """The network's outputs for images (batch, slice, row, column, 1)."""
        return self.network({"image": image}, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return segmentation_loss(y_pred, x, y, self.reconstruction)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        # the mean Dice of the labels in the whole batch, each voxel to its most probable class
        found = ops.one_hot(ops.argmax(y_pred["probabilities"], axis=-1), y.shape[-1])
        dice = soft_dice(labels_only(y), labels_only(found), axes=(0, 1, 2, 3), smooth=_NEXT_TO_NOTHING)
        self.dice_tracker.update_state(ops.mean(dice))
        return self.get_metrics_result()
