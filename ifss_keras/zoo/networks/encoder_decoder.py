"""What the networks of the TMI 2021 paper share: the levels of the encoder and the steps of the decoder."""

import keras

from ifss_keras.core.checks import is_positive_integer, require
from ifss_keras.layers import EncoderLevel, Refinement


def rates_per_level(rates, levels):
    """A tuple of dilation rates for each level, from one tuple for all or one each."""
    require(
        isinstance(rates, tuple | list) and len(rates) > 0,
        f"rates must be one tuple of dilations or one for each level, with a dilation at least, received {rates!r}.",
    )
    each = tuple(rates) if isinstance(rates[0], tuple | list) else (tuple(rates),) * levels
    require(
        len(each) == levels,
        f"rates must be one tuple or one for each of {levels} levels, received {rates!r}.",
    )
    for number, level in enumerate(each, start=1):
        require(
            isinstance(level, tuple | list) and len(level) > 0 and all(map(is_positive_integer, level)),
            f"rates must be positive integers, one at least for every level, received {level!r} for level {number}.",
        )
    return tuple(tuple(level) for level in each)


def encoder_levels(widths, rates, *, first_depth_multiplier, **settings):
    """The `EncoderLevel`s of the encoder, not yet called; `settings` are arguments of all of them."""
    return [
        EncoderLevel(
            width,
            rates=level_rates,
            depth_multiplier=first_depth_multiplier if number == 1 else 1,
            name=f"encoder_{number}",
            **settings,
        )
        for number, (width, level_rates) in enumerate(zip(widths, rates, strict=True), start=1)
    ]


class Decoder:
    """Layers that give for every skip, coarsest first, twice the resolution and a `Refinement`; the same ones at every
    call.

    Args:
        widths: channels of each step, coarsest first.
        dropout: rate at the end of each.
    """

    def __init__(self, widths, dropout):
        self.steps = [
            (
                keras.layers.Conv3DTranspose(width, 3, (1, 2, 2), padding="same", name=f"up_{number}"),
                Refinement(width, name=f"refine_{number}"),
                keras.layers.Dropout(dropout, name=f"drop_{number}"),
            )
            for number, width in enumerate(widths, start=1)
        ]

    def __call__(self, x, skips):
        for (up, refine, drop), skip in zip(self.steps, skips, strict=True):
            x = drop(refine(up(x), skip))
        return x
