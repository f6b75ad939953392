"""3D U-Net, Cicek et al., MICCAI 2016."""

import keras

from ifss_keras.core.checks import require, triple
from ifss_keras.zoo.zoo_model import ZooModel, arguments_of, probabilities, require_multiples


@keras.saving.register_keras_serializable("ifss_keras")
class UNet3D(ZooModel):
    """An encoder and a decoder of 3x3x3 convolutions with skips that are concatenated; needs no reference.

    As in the original (section 2, Fig. 2): every level has two convolutions, the second twice as wide as the first on
    the way down; batch normalisation before each ReLU; 2x2x2 pooling and up-convolution.

    Call arguments: image (batch, slice, row, column, channels), every size divisible by the pooling steps.

    Returns: a dict with probabilities (batch, slice, row, column, classes), float32, background last.

    With `normalize=False` and 2 classes it has 19,069,058 parameters. The TMI 2021 paper compares with a variant of
    13,424,194, which it does not describe; `widths=(27, 54, 107, 215)` comes nearest.

    Departures: padded convolutions, so that the output is as large as the input; the original shrinks it.

    Args:
        image_size: (rows, columns); None where any size is to do.
        slices: of the input, or None.
        channels: of the input.
        classes: of the output, the background included.
        widths: first convolution of each level on the way down.
        pool: steps of the pooling (slice, row, column).
        normalize: batch normalisation.
    """

    def __init__(
        self,
        *,
        image_size=(None, None),
        slices=None,
        channels=1,
        classes=2,
        widths=(32, 64, 128, 256),
        pool=(2, 2, 2),
        normalize=True,
        **kwargs,
    ):
        pool = triple("pool", pool)
        arguments = arguments_of(UNet3D, locals())
        multiples = [step ** (len(widths) - 1) for step in pool]
        require_multiples(slices, image_size, multiples)
        require(len(widths) > 1, f"widths must name two levels or more, received {widths!r}.")

        def convolved(x, width, name):
            x = keras.layers.Conv3D(width, 3, padding="same", use_bias=True, name=f"{name}_conv")(x)
            if normalize:
                x = keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
            return keras.layers.ReLU(name=f"{name}_relu")(x)

        image = keras.Input((slices, *image_size, channels), name="image")
        x, skips = image, []
        for level, width in enumerate(widths):
            if level:
                x = keras.layers.MaxPooling3D(pool, name=f"pool_{level}")(x)
            x = convolved(x, width, f"down_{level}_1")
            x = convolved(x, 2 * width, f"down_{level}_2")
            skips.append(x)
        for level in range(len(widths) - 2, -1, -1):
            width = 2 * widths[level]
            x = keras.layers.Conv3DTranspose(2 * widths[level + 1], pool, pool, name=f"up_{level}")(x)
            x = keras.layers.Concatenate(name=f"skip_{level}")([skips[level], x])
            x = convolved(x, width, f"up_{level}_1")
            x = convolved(x, width, f"up_{level}_2")
        logits = keras.layers.Conv3D(classes, 1, name="head")(x)
        outputs = {"probabilities": probabilities(logits, classes)}
        super().__init__(inputs={"image": image}, outputs=outputs, arguments=arguments, multiples=multiples, **kwargs)
