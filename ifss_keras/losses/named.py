"""A weighted sum of losses by name."""

import keras
from keras import ops

from ifss_keras.core.checks import known_names, require
from ifss_keras.core.loss_names import LOSSES
from ifss_keras.losses.terms import binary_cross_entropy, weighted_mean
from ifss_keras.losses.tversky import ParametricTverskyLoss, tversky_index

_PIXELS, _EXAMPLE = (-2, -1), (-3, -2, -1)  # axes of a slice, and of all slices of an example


@keras.saving.register_keras_serializable("ifss_keras")
class NamedLoss(keras.layers.Layer):
    """The sum of losses by name, each with its weight.

    - "parametric_tversky": `ParametricTverskyLoss`, whose two penalties are learned (TMI 2021, eq. 4).
    - "tversky": 1 - `tversky_index` of each slice with fixed penalties (Salehi et al., MLMI 2017).
    - "dice": 1 - 2 sum(t p) / (sum(t) + sum(p)) over all slices of an example.
    - "squared_dice": the same with squares below (Milletari et al., 3DV 2016; TMI 2021, eq. 1).
    - "sequence_dice": the squared one of each slice, averaged over these (MICCAI 2020, eq. 3).
    - "cross_entropy": the binary one, averaged over pixels.

    Slices count by their weights: all losses are means over slices, or over examples, by weight.

    Args:
        terms: name: weight.
        rule, low: of "parametric_tversky".
        alpha: of "tversky", the penalty of false positives; that of false negatives is 1 - alpha.
        smooth: in pixels, added above and below in all Tversky and Dice losses.

    Call arguments:
        truth, probability: (batch, slice, row, column), in [0, 1].
        weights: (batch, slice); slices of weight 0 do not count.
        region, entropy: factors of all terms but the cross-entropy, and of the cross-entropy; 0 leaves them out.

    Returns:
        A scalar; 0 where all weights are 0.

    Raises:
        ValueError: a name that there is not, no term, or a value out of range.
    """

    def __init__(self, terms, *, rule="reversal", low=0.3, alpha=0.5, smooth=1.0, **kwargs):
        super().__init__(**kwargs)
        require(len(terms) > 0, "terms must name a loss or more, received none.")
        for name, weight in terms.items():
            require(name in LOSSES, f"there is no loss {name!r}: {known_names(name, LOSSES)}")
            require(weight >= 0, f"the weight of {name} must be 0 or more, received {weight}.")
        require(0 <= alpha <= 1, f"alpha must lie from 0 to 1, received {alpha}.")
        require(smooth > 0, f"smooth must be above 0, or an empty slice has no Dice, received {smooth}.")
        self.terms, self.rule, self.low, self.alpha, self.smooth = dict(terms), rule, low, alpha, smooth
        self.tversky = None
        if "parametric_tversky" in self.terms:
            self.tversky = ParametricTverskyLoss(rule=rule, low=low, smooth=smooth, name="tversky", dtype="float32")
        self.built = True

    def call(self, truth, probability, weights, region=1.0, entropy=1.0):
        total = 0.0
        for name, weight in self.terms.items():
            factor = entropy if name == "cross_entropy" else region
            if weight and factor:
                total = total + factor * weight * getattr(self, f"_{name}")(truth, probability, weights)
        return total

    def _parametric_tversky(self, truth, probability, weights):
        return self.tversky(truth, probability, weights)

    def _tversky(self, truth, probability, weights):
        return weighted_mean(1 - tversky_index(truth, probability, self.alpha, 1 - self.alpha, self.smooth), weights)

    def _dice(self, truth, probability, weights):
        return self._of_examples(truth, truth, probability, probability, weights)

    def _squared_dice(self, truth, probability, weights):
        return self._of_examples(truth, ops.square(truth), probability, ops.square(probability), weights)

    def _sequence_dice(self, truth, probability, weights):
        each = ops.sum(ops.square(truth) + ops.square(probability), axis=_PIXELS)
        both = ops.sum(truth * probability, axis=_PIXELS)
        return weighted_mean(1 - (2 * both + self.smooth) / (each + self.smooth), weights)

    def _cross_entropy(self, truth, probability, weights):
        return weighted_mean(ops.mean(binary_cross_entropy(truth, probability), axis=_PIXELS), weights)

    def _of_examples(self, truth, truth_below, probability, probability_below, weights):
        """Each example's Dice over all its slices, counted by their weights, averaged over examples that have any."""
        by_slice = weights[..., None, None]
        both = ops.sum(by_slice * truth * probability, axis=_EXAMPLE)
        each = ops.sum(by_slice * (truth_below + probability_below), axis=_EXAMPLE)
        lost = 1 - (2 * both + self.smooth) / (each + self.smooth)
        return weighted_mean(lost, ops.cast(ops.max(weights, axis=-1) > 0, "float32"))

    def get_config(self):
        own = ("terms", "rule", "low", "alpha", "smooth")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}
