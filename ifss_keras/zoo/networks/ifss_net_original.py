"""IFSS-Net as the authors' code builds it, which is not what their paper describes."""

import keras

from ifss_keras.core.checks import require
from ifss_keras.layers import BidirectionalConvLSTM2D, FeatureFusion, ImagePooledPyramid
from ifss_keras.zoo.zoo_model import PropagatingModel, arguments_of, memory_inputs, probabilities

_EPSILON = 1e-12  # of TensorFlow 1's layer_norm
_RATES = ((6, 12, 18), (6, 12, 18), (4, 6, 8), (2, 4, 6), (2, 4, 6))


@keras.saving.register_keras_serializable("ifss_keras")
class IFSSNetOriginal(PropagatingModel):
    """The network of the official code (github.com/DawoodChanti/IFSS-Net), for comparison.

    An encoder, built once, reads the image and the mask: convolution, normalisation, max-pooling, atrous pooling.
    Both are fused under a channel gate, a 1x1 ConvLSTM reads the slices in both directions, and a decoder of
    nearest-neighbour upsampling fuses the *image's* features back in; the mask's are used at the bottleneck only.
    It has 6,217,184 parameters, and the loss two more: the 6,217,186 of the paper.

    Call arguments: a dict of
        image, mask: (batch, window, row, column, 1).
        hidden, cell: (batch, row / 32, column / 32, widths[-1]), memory of the slices before; the official code has
            none, so zero repeats it.

    Returns: a dict of
        probabilities: (batch, window, row, column, 2), float32; channel 0 the muscle.
        hidden, cell: the forward memory after the window's first slice.

    Departures from that code: no ReLU before the softmax and before the gates' sigmoid, where it stops gradients
    (there are no released weights to match); one ConvLSTM for both directions, as the paper says and its count
    implies; Keras' gates, a sigmoid and not a hard one; ordinary dropout, where the code draws a new rate each step.

    Args:
        image_size: (rows, columns), divisible by 2^levels.
        window: slices.
        widths: channels of the encoder's convolutions, divisible by 2 plus the level's rates.
        decoder_widths: of the decoder's steps, one more than levels.
        rates: dilations of each level's pyramid.
        dropout: rate.
    """

    def __init__(
        self,
        *,
        image_size=(512, 512),
        window=3,
        widths=(30, 30, 60, 120, 120),
        decoder_widths=(120, 120, 60, 60, 16, 8),
        rates=_RATES,
        dropout=0.1,
        **kwargs,
    ):
        arguments = arguments_of(IFSSNetOriginal, locals())
        _refuse_what_does_not_fit(image_size, widths, decoder_widths, rates)

        # layers
        levels = [
            _EncoderStep(width, level_rates, dropout if number < len(widths) else None, f"encoder_{number}")
            for number, (width, level_rates) in enumerate(zip(widths, rates, strict=True), start=1)
        ]
        recurrence = BidirectionalConvLSTM2D(widths[-1], kernel_size=1, state_after=1, name="recurrence")

        # functional graph
        state_shape = (image_size[0] >> len(widths), image_size[1] >> len(widths), widths[-1])
        memory = {"hidden": state_shape, "cell": state_shape}
        inputs = {name: keras.Input((window, *image_size, 1), name=name) for name in ("image", "mask")}
        inputs |= memory_inputs(memory)
        image, mask, skips = inputs["image"], inputs["mask"], []
        for level in levels:
            image, mask = level(image), level(mask)
            skips.append(image)
        fused = FeatureFusion(widths[-1], name="fusion")(image, mask)
        x, (hidden, cell) = recurrence(fused, initial_state=[inputs["hidden"], inputs["cell"]])
        for step, (width, skip) in enumerate(zip(decoder_widths, (x, *skips[-2::-1], None), strict=True), start=1):
            x = _convolved(x, width, 3, f"decoder_{step}_1", use_bias=False)
            x = _convolved(x, width, 3 if skip is not None else 1, f"decoder_{step}_2")
            if skip is not None:
                x = FeatureFusion(width, name=f"decoder_{step}_fusion")(x, skip)
                x = keras.layers.UpSampling3D((1, 2, 2), name=f"decoder_{step}_up")(x)
            x = keras.layers.Dropout(dropout, name=f"decoder_{step}_drop")(x)
        logits = keras.layers.Conv3D(2, 1, name="head")(x)
        outputs = {"probabilities": probabilities(logits, 2), "hidden": hidden, "cell": cell}
        multiples = (1, 2 ** len(widths), 2 ** len(widths))
        super().__init__(
            inputs=inputs, outputs=outputs, memory=memory, arguments=arguments, multiples=multiples, **kwargs
        )


class _EncoderStep:
    """The layers of one level, called on the image and on the mask."""

    def __init__(self, width, rates, dropout, name):
        self.layers = [
            keras.layers.Conv3D(width, 3, padding="same", use_bias=False, name=f"{name}_conv"),
            keras.layers.GroupNormalization(1, epsilon=_EPSILON, name=f"{name}_norm"),
            keras.layers.ReLU(name=f"{name}_relu"),
            keras.layers.MaxPooling3D((1, 3, 3), (1, 2, 2), padding="same", name=f"{name}_pool"),
            ImagePooledPyramid(width // (2 + len(rates)), rates=rates, name=f"{name}_pyramid"),
        ]
        if dropout is not None:
            self.layers.append(keras.layers.Dropout(dropout, name=f"{name}_drop"))

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def _convolved(x, width, kernel, name, use_bias=True):
    x = keras.layers.Conv3D(width, kernel, padding="same", use_bias=use_bias, name=f"{name}_conv")(x)
    x = keras.layers.GroupNormalization(1, epsilon=_EPSILON, name=f"{name}_norm")(x)
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def _refuse_what_does_not_fit(image_size, widths, decoder_widths, rates):
    levels = len(widths)
    for axis, size in zip(("rows", "columns"), image_size, strict=True):
        require(
            size > 0 and size % 2**levels == 0,
            f"image_size must have {axis} divisible by {2**levels} for {levels} levels, received {size}.",
        )
    require(
        len(rates) == levels and len(decoder_widths) == levels + 1,
        f"rates must be {levels} and decoder_widths {levels + 1} for {levels} levels, received {rates!r} and "
        f"{decoder_widths!r}.",
    )
    for width, level_rates in zip(widths, rates, strict=True):
        require(
            width % (2 + len(level_rates)) == 0,
            f"widths must be divisible by 2 plus the level's rates, received {width} for {level_rates!r}.",
        )
