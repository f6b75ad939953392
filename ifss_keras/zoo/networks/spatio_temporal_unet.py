"""The spatio-temporal U-Net with a reconstruction decoder, Gonzalez Duque et al., MICCAI 2020."""

import keras

from ifss_keras.layers import SeparableConv3D
from ifss_keras.zoo.zoo_model import ZooModel, arguments_of, probabilities, require_multiples


@keras.saving.register_keras_serializable("ifss_keras")
class SpatioTemporalUNet(ZooModel):
    """A U-Net over the slices' planes, with the paper's three additions as arguments; needs no reference.

    Section 3 and Table 1: the plain U-Net; `separable` makes it Unet-S, with `reconstruct` it is Unet-S-R, with
    `recurrent` cells (4 in the paper) Unet-S-R-CLSTM. Convolutions have one tap along the slices: only the ConvLSTMs
    join them.

    Call arguments: image (batch, slice, row, column, 1), rows and columns divisible by 2^(levels - 1).

    Returns: a dict of
        probabilities: (batch, slice, row, column, classes), float32, background last.
        reconstruction: (batch, slice, row, column, 1), float32, only with `reconstruct`.

    What the paper leaves open, and what is chosen: two convolutions for each residual block, batch normalisation and
    ReLU; a pooling between blocks, so four for five blocks; 3x3 kernels in the ConvLSTMs, which run forwards; skips
    into the segmentation decoder alone, since into the reconstruction they would make it trivial.

    Args:
        image_size: (rows, columns).
        slices: of the input.
        classes: of the output, the background included.
        widths: of the blocks.
        separable: depthwise-separable convolutions, with a residual connection.
        reconstruct: a second decoder that gives the image back.
        recurrent: stacked ConvLSTMs at the bottleneck.
        recurrent_kernel: of these.
    """

    def __init__(
        self,
        *,
        image_size=(320, 416),
        slices=8,
        classes=2,
        widths=(16, 32, 64, 128, 256),
        separable=True,
        reconstruct=True,
        recurrent=4,
        recurrent_kernel=3,
        **kwargs,
    ):
        arguments = arguments_of(SpatioTemporalUNet, locals())
        multiples = (1, 2 ** (len(widths) - 1), 2 ** (len(widths) - 1))
        require_multiples(slices, image_size, multiples)

        def block(x, width, name):
            return _block(x, width, name, separable)

        image = keras.Input((slices, *image_size, 1), name="image")
        x, skips = image, []
        for level, width in enumerate(widths, start=1):
            if level > 1:
                x = keras.layers.MaxPooling3D((1, 2, 2), name=f"pool_{level}")(x)
            x = block(x, width, f"encoder_{level}")
            skips.append(x)
        for cell in range(1, recurrent + 1):
            x = keras.layers.ConvLSTM2D(
                widths[-1], recurrent_kernel, padding="same", return_sequences=True, name=f"recurrence_{cell}"
            )(x)

        def decoded(x, name, skipped):
            for level in range(len(widths) - 1, 0, -1):
                width = widths[level - 1]
                x = keras.layers.UpSampling3D((1, 2, 2), name=f"{name}_up_{level}")(x)
                if skipped:
                    x = keras.layers.Concatenate(name=f"{name}_skip_{level}")([x, skips[level - 1]])
                x = block(x, width, f"{name}_{level}")
            return x

        logits = keras.layers.Conv3D(classes, 1, name="head")(decoded(x, "segmentation", True))
        outputs = {"probabilities": probabilities(logits, classes)}
        if reconstruct:
            rebuilt = keras.layers.Conv3D(1, 1, dtype="float32", name="reconstruction")
            outputs["reconstruction"] = rebuilt(decoded(x, "reconstruction", False))
        super().__init__(inputs={"image": image}, outputs=outputs, arguments=arguments, multiples=multiples, **kwargs)


def _block(x, width, name, separable):
    """Two convolutions; separable ones with a residual connection, as in the paper."""
    shortcut = x
    for number in (1, 2):
        if separable:
            x = SeparableConv3D(width, (1, 3, 3), padding="same", name=f"{name}_conv_{number}")(x)
        else:
            x = keras.layers.Conv3D(width, (1, 3, 3), padding="same", name=f"{name}_conv_{number}")(x)
        x = keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_norm_{number}")(x)
        if separable and number == 2:
            x = x + keras.layers.Conv3D(width, 1, name=f"{name}_shortcut")(shortcut)
        x = keras.layers.ReLU(name=f"{name}_relu_{number}")(x)
    return x
