"""A network that carries annotated slices on, in training, by `fit` of any Keras backend.

On JAX every length of a clip is compiled by itself, once.
"""

from typing import Any, NamedTuple

import keras
from keras import ops

from ifss_keras.losses.terms import soft_dice
from ifss_keras.propagation.exemplars import check_slots
from ifss_keras.propagation.settings import FLOW
from ifss_keras.propagation.step import PropagationState
from ifss_keras.training.loss import (
    clip_start,
    in_windows,
    one_after_another,
    rolled_out,
    rolled_out_start,
    trained_slices,
    trained_truth,
    trained_windows,
)
from ifss_keras.training.pseudo_labels import earlier_estimates, shown_channels, with_pseudo_labels
from ifss_keras.training.trainer import NEXT_TO_NOTHING, NetworkTrainer


class Answer(NamedTuple):
    """The muscle's probability in the trained windows, what it should have been, and how much each slice counts.

    Arrays (window number * batch, window, row, column); `weight` (window number * batch, window).
    """

    probability: Any
    truth: Any
    weight: Any


class PropagationTrainer(NetworkTrainer):
    """A network that carries annotated slices on, trained through the same propagation step that prediction uses.

    Truncated back-propagation over a clip's windows (TMI 2021, section III-C1, which accumulates over half a
    volume); the roll-out before them has no gradient and no dropout. Batches are `(clip,)`, as Keras would take a
    `Clip` itself for inputs, targets and weights.

    Args:
        network: an `IFSSNet`.
        loss: a `NamedLoss`.
        windows: trained windows in every clip.
        flow: see `propagation.step.step`.
        pseudo_labels: `PseudoLabels`, or None: slices that are not annotated do not count.
        teacher: a network like the first, whose weights follow it, for pseudo-labels with a `teacher`.
        passing: examples in a batch, where each batch goes on where the last ended, see `training.examples.passes`;
            None: batches have nothing to do with each other.

    Raises:
        InputError: see `check_slots`.
    """

    def __init__(self, network, loss, *, windows, flow=FLOW, pseudo_labels=None, teacher=None, passing=None, **kwargs):
        check_slots(network)
        super().__init__(network, loss, **kwargs)
        self.windows = windows
        self.flow = flow
        self.pseudo_labels = pseudo_labels
        self.seed_generator = keras.random.SeedGenerator(network.window) if pseudo_labels else None
        self.teacher = teacher
        if teacher:
            teacher.trainable = False
            self.followed = self.add_weight(name="followed", shape=(), initializer="zeros", trainable=False)
        self.carried = self._carried(passing) if passing else None

    def call(self, clip, training=None):
        """The `Answer` to a batch of clips; with pseudo-labels in training alone."""
        remembered, carried = self.network.remember(*clip.exemplars), self.carried if training else None
        how = self.network.window, self.windows, self.flow
        run = self._running(self.network, remembered, bool(training))
        state = self._start(clip, carried, self._running(self.network, remembered, False))
        truth, weight = trained_truth(clip, *how[:2])
        if not (training and self.pseudo_labels):
            probabilities, after = trained_windows(run, clip, state, *how)
        else:
            unknown = self._unknown(clip)
            channels = shown_channels(unknown, self.seed_generator, self.pseudo_labels.shown)
            probabilities, after = trained_windows(run, clip, state, *how, channels)
            estimates = self._estimates(clip, state, probabilities)
            unknown = one_after_another(in_windows(unknown, *how[:2]))
            truth, weight = with_pseudo_labels(truth, weight, unknown, *estimates, self.pseudo_labels)
        if carried:
            for name, value in {"estimates": after.estimates, **after.memory}.items():
                carried[name].assign(ops.stop_gradient(value))
        return Answer(one_after_another(probabilities), truth, weight)

    def _estimates(self, clip, state, probabilities):
        """The pseudo-labels of every slice of the trained windows, and where there are any."""
        if self.teacher:
            self._follow()
            remembered = self.teacher.remember(*clip.exemplars)
            run = self._running(self.teacher, remembered, False)
            probabilities, _ = trained_windows(run, clip, state, self.network.window, self.windows, self.flow)
        before = ops.cast(rolled_out(clip, self.network.window, self.windows) > 0, "float32")
        started = before + ops.zeros_like(clip.weight[:, 0])
        if self.carried:
            started = clip.has_start[:, 0, 0, 0, 0]
        lagged = self.pseudo_labels.target == "lagged"
        return map(one_after_another, earlier_estimates(probabilities, state.estimates, started, lagged))

    def _unknown(self, clip):
        """(batch, trained slice), 1 where a slice is neither annotated nor a reference."""
        last = slice(-trained_slices(self.network.window, self.windows), None)
        reference = clip.evidence.is_reference[:, last, 0, 0, 0]
        return ops.cast(clip.weight[:, last] == 0, "float32") * (1 - reference)

    def _follow(self):
        """Moves the teacher's weights towards the network's; faster at first, when these are far from anything."""
        decay = ops.minimum(self.pseudo_labels.teacher, self.followed / (10 + self.followed))
        for held, new in zip(self.teacher.weights, self.network.weights, strict=True):
            if "float" in held.dtype:
                held.assign(decay * held + (1 - decay) * new)
        self.followed.assign(self.followed + 1)

    def _carried(self, batch):
        """Weights for what one batch of clips hands on to the next."""
        rows, columns = self.network.image_size
        shapes = {"estimates": (batch, self.network.window - 1, rows, columns, 1)}
        shapes |= {name: value.shape for name, value in self.network.initial_memory(batch).items()}
        return {
            name: self.add_weight(name=f"carried_{name}", shape=shape, initializer="zeros", trainable=False)
            for name, shape in shapes.items()
        }

    def _start(self, clip, carried, run):
        """The state before the first trained window, without gradient: at a reference, or what was carried on."""
        memory = self.network.initial_memory(ops.shape(clip.truth)[0])
        if not carried:
            return rolled_out_start(run, clip, memory, self.network.window, self.windows, self.flow)
        goes_on = clip.has_start[:, 0, 0, 0]
        memory = {
            name: ops.reshape(goes_on, (-1, *[1] * (len(value.shape) - 1))) * carried[name]
            for name, value in memory.items()
        }
        clip = clip._replace(start=ops.convert_to_tensor(carried["estimates"]))
        state = clip_start(clip, memory, self.network.window)
        return PropagationState(*keras.tree.map_structure(ops.stop_gradient, tuple(state)))

    def _running(self, network, remembered, training):
        def run(inputs):
            outputs = network(inputs | remembered, training=training)
            # a loop's state keeps its type, of whatever type the network's memory is
            return {name: ops.cast(value, "float32") for name, value in outputs.items()}

        return run

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        self.follow_penalties()  # here, as JAX shows no weights to compute_metrics
        return self.named_loss(y_pred.truth, y_pred.probability, y_pred.weight) + self.penalty()

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        truth, weight = trained_truth(x, self.network.window, self.windows)
        found = ops.cast(y_pred.probability > 0.5, "float32")
        dice = soft_dice(truth, found, axes=(-2, -1), smooth=NEXT_TO_NOTHING)
        self.dice_tracker.update_state(dice, sample_weight=weight)
        return self.get_metrics_result()
