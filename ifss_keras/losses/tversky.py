"""The parametric Tversky loss, whose two penalties are learned."""

import math

import keras
from keras import ops

from ifss_keras.core.checks import require
from ifss_keras.losses.terms import weighted_mean

RULES = ("reversal", "descent", "fixed")


def tversky_index(truth, probability, alpha, beta, smooth=1.0):
    """TP / (TP + alpha FP + beta FN) of every slice, (batch, slice), `smooth` added above and below.

    Equation 3 of TMI 2021, which repeats y in its numerator, harmless for binary y. Summed over the pixels of
    one slice, not of the window, so that an empty slice counts by itself: there it is
    smooth / (smooth + alpha FP).

    Args:
        truth, probability: (batch, slice, row, column), in [0, 1].
        alpha, beta: penalties of false positives and false negatives.
        smooth: in pixels.
    """
    axes = (-2, -1)
    hit = ops.sum(truth * probability, axis=axes)
    false_positive = ops.sum((1 - truth) * probability, axis=axes)
    false_negative = ops.sum(truth * (1 - probability), axis=axes)
    return (hit + smooth) / (hit + alpha * false_positive + beta * false_negative + smooth)


@keras.saving.register_keras_serializable("ifss_keras")
class WithinLimits(keras.constraints.Constraint):
    """Two logits, moved as little as needed so that their softmax lies between `low` and 1 - `low`.

    Their mean stays. The softmax depends on the difference alone: log((1 - low) / low) at the limit.

    Args:
        low: the smaller share, above 0 and at most 0.5.
    """

    def __init__(self, low):
        self.low = low

    def __call__(self, w):
        reach = math.log((1 - self.low) / self.low) / 2
        centre = ops.mean(w)
        return centre + ops.clip(w - centre, -reach, reach)

    def get_config(self):
        return {"low": self.low}


@keras.saving.register_keras_serializable("ifss_keras")
class ParametricTverskyLoss(keras.layers.Layer):
    """1 - Tversky index, averaged over slices by weight, with (alpha, beta) = softmax of two learned logits.

    The paper (TMI 2021, eq. 4) learns the logits by plain descent on the loss. Since
    d loss / d alpha = TP (FP - FN) / D^2, that takes weight away from the larger error and drifts to
    whichever error came first. The default reverses the gradient on the two logits alone, so that the larger
    error gains weight and both balance; a limit keeps either from being ignored. The paper's extra 1/w is
    left out: it would leave a floor of 1 - 1/w.

    Args:
        rule: "reversal", the paper's "descent", or "fixed" at 0.5.
        low: the smaller penalty is at least this; applies to "reversal".
        smooth: pixels added above and below. On an empty slice the gradient on a false pixel is
            alpha smooth / (smooth + alpha FP)^2, next to nothing while FP is many times `smooth`: a network that
            is to learn where a muscle ends needs it at some tenth of the muscle's area.

    Call arguments:
        truth, probability: (batch, slice, row, column), in [0, 1].
        weights: (batch, slice); slices of weight 0 do not count.

    Returns:
        A scalar; 0 where all weights are 0.

    Raises:
        ValueError: an unknown rule, or `low` or `smooth` out of range.
    """

    def __init__(self, *, rule="reversal", low=0.3, smooth=1.0, **kwargs):
        super().__init__(**kwargs)
        require(rule in RULES, f"rule must be one of {', '.join(RULES)}, received {rule!r}.")
        require(0 < low <= 0.5, f"low must lie above 0 and at most at 0.5, received {low}.")
        require(smooth > 0, f"smooth must be above 0, or an empty slice has no index, received {smooth}.")
        self.rule = rule
        self.low = low
        self.smooth = smooth
        self.logits = self.add_weight(
            name="logits",
            shape=(2,),
            initializer="zeros",
            trainable=rule != "fixed",
            constraint=WithinLimits(low) if rule == "reversal" else None,
            dtype="float32",
        )
        self.built = True

    def penalties(self):
        """(alpha, beta), two scalars with sum 1: of false positives and of false negatives."""
        logits = ops.convert_to_tensor(self.logits)
        if self.rule == "reversal":
            logits = 2 * ops.stop_gradient(logits) - logits  # same value, reversed gradient
        both = ops.softmax(logits)
        return both[0], both[1]

    def call(self, truth, probability, weights):
        missed = 1 - tversky_index(truth, probability, *self.penalties(), self.smooth)
        return weighted_mean(missed, weights)

    def get_config(self):
        return {**super().get_config(), "rule": self.rule, "low": self.low, "smooth": self.smooth}
