"""V-Net, Milletari et al., 3DV 2016."""

import keras

from ifss_keras.core.checks import require
from ifss_keras.zoo.zoo_model import ZooModel, arguments_of, probabilities, require_multiples


@keras.saving.register_keras_serializable("ifss_keras")
class VNet(ZooModel):
    """Residual stages of 5x5x5 convolutions, strided convolutions between them; needs no reference.

    As in the original (section 2, Fig. 2): a stage's input is added to what its convolutions make of it; stages of 1,
    2, 3, 3, 3 convolutions on the way down; the way up concatenates the skip with as many upsampled channels and has
    stages twice as wide.

    Call arguments: image (batch, slice, row, column, channels), every size divisible by the strides.

    Returns: a dict with probabilities (batch, slice, row, column, classes), float32, background last.

    With the original widths, `prelu=False` and 2 classes it has 65,171,858 parameters, with `kernel=3` 14,693,234.
    The TMI 2021 paper compares with a variant of 8,410,184, which it does not describe.

    Args:
        image_size: (rows, columns); None where any size is to do.
        slices: of the input, or None.
        channels: of the input.
        classes: of the output, the background included.
        widths: of each stage on the way down.
        convolutions: in each stage on the way down.
        kernel: of the stages' convolutions.
        stride: between stages (slice, row, column).
        prelu: PReLU with a slope per channel, as in the original; otherwise ReLU.
    """

    def __init__(
        self,
        *,
        image_size=(None, None),
        slices=None,
        channels=1,
        classes=2,
        widths=(16, 32, 64, 128, 256),
        convolutions=(1, 2, 3, 3, 3),
        kernel=5,
        stride=(2, 2, 2),
        prelu=True,
        **kwargs,
    ):
        arguments = arguments_of(VNet, locals())
        multiples = [step ** (len(widths) - 1) for step in stride]
        require_multiples(slices, image_size, multiples)
        require(
            len(widths) == len(convolutions) > 1,
            f"widths and convolutions must be as many, two or more, received {widths!r} and {convolutions!r}.",
        )
        require(
            widths[0] % channels == 0,
            f"the first of widths must be a multiple of the {channels} input channels, received {widths[0]}.",
        )

        def activated(x, name):
            if prelu:
                return keras.layers.PReLU(shared_axes=[1, 2, 3], name=f"{name}_prelu")(x)
            return keras.layers.ReLU(name=f"{name}_relu")(x)

        def stage(x, shortcut, width, count, name):
            for index in range(1, count + 1):
                x = keras.layers.Conv3D(width, kernel, padding="same", name=f"{name}_conv_{index}")(x)
                if index == count:
                    x = keras.layers.Add(name=f"{name}_add")([x, shortcut])
                x = activated(x, f"{name}_{index}")
            return x

        image = keras.Input((slices, *image_size, channels), name="image")
        copies = keras.layers.Concatenate(name="copies")([image] * (widths[0] // channels)) if widths[0] > 1 else image
        x = stage(image, copies, widths[0], convolutions[0], "down_0")
        skips = [x]
        for level in range(1, len(widths)):
            x = keras.layers.Conv3D(widths[level], stride, stride, name=f"down_{level}")(x)
            x = activated(x, f"down_{level}")
            x = stage(x, x, widths[level], convolutions[level], f"down_{level}")
            skips.append(x)
        for level in range(len(widths) - 2, -1, -1):
            x = keras.layers.Conv3DTranspose(widths[level], stride, stride, name=f"up_{level}")(x)
            x = activated(x, f"up_{level}")
            x = keras.layers.Concatenate(name=f"skip_{level}")([x, skips[level]])
            x = stage(x, x, 2 * widths[level], convolutions[level], f"up_{level}")
        logits = keras.layers.Conv3D(classes, 1, name="head")(x)
        outputs = {"probabilities": probabilities(logits, classes)}
        super().__init__(inputs={"image": image}, outputs=outputs, arguments=arguments, multiples=multiples, **kwargs)
