"""PG-Net, the reference-guided mask propagation that the TMI 2021 paper compares with."""

import keras
from keras import ops

from ifss_keras.layers import GlobalMatching
from ifss_keras.zoo.zoo_model import ZooModel, probabilities


@keras.saving.register_keras_serializable("ifss_keras")
class PGNet(ZooModel):
    """A slice's mask from that of the slice before and one annotated slice (Oh et al., CVPR 2018, "RGMP").

    One residual encoder reads the annotated slice with its mask and the present slice with the mask before; their last
    features go through a global convolution; three refinement steps use the present slice's features. Recurrence is
    nothing but the mask that is fed back.

    Call arguments: a dict of
        image: (batch, 1, row, column, 1), the slice.
        mask: (batch, 1, row, column, 1), the mask of the slice before, in [0, 1].
        reference_image, reference_mask: (batch, 1, row, column, 1), an annotated slice.

    Returns: a dict with probabilities (batch, 1, row, column, 2), float32; channel 0 the muscle.

    The original stands on a ResNet-50 of 23.5 million parameters, trained on photographs, and has 51,518,920. The paper
    says 8,649,224 and nothing of the network: here the same design with residual blocks of two convolutions, whose
    default widths come within 2 % of that.

    Args:
        image_size: (rows, columns), divisible by 32.
        widths: of the four stages.
        blocks: residual blocks in each stage.
        kernel: of the global convolution, odd.
        refine_width: channels of the refinement.
    """

    needs_reference = True

    def __init__(
        self,
        *,
        image_size=(512, 512),
        widths=(64, 128, 256, 512),
        blocks=(1, 1, 1, 1),
        kernel=7,
        refine_width=96,
        **kwargs,
    ):
        names = ("image", "mask", "reference_image", "reference_mask")
        inputs = {name: keras.Input((1, *image_size, 1), name=name) for name in names}
        encoder = _Encoder(widths, blocks)
        target = encoder(inputs["image"], inputs["mask"])
        reference = encoder(inputs["reference_image"], inputs["reference_mask"])
        joined = ops.concatenate([target[-1], reference[-1]], axis=-1)
        x = GlobalMatching(refine_width, kernel=kernel, name="matching")(joined)
        for step, skip in enumerate(target[-2::-1], start=1):
            skip = keras.layers.Conv3D(refine_width, (1, 3, 3), padding="same", name=f"refine_{step}_skip")(skip)
            skip = _residual(skip, refine_width, 1, f"refine_{step}_a")
            x = keras.layers.UpSampling3D((1, 2, 2), name=f"refine_{step}_up")(x) + skip
            x = _residual(x, refine_width, 1, f"refine_{step}_b")
        logits = keras.layers.Conv3D(2, (1, 3, 3), padding="same", name="head")(ops.relu(x))
        rows, columns = image_size
        logits = ops.image.resize(logits[:, 0], (rows, columns), interpolation="bilinear", data_format="channels_last")
        outputs = {"probabilities": probabilities(logits[:, None], 2)}
        arguments = {
            "image_size": image_size, "widths": widths, "blocks": blocks, "kernel": kernel, "refine_width": refine_width,
        }  # fmt: skip
        super().__init__(inputs=inputs, outputs=outputs, arguments=arguments, **kwargs)


class _Encoder:
    """The stem, where the mask is added to the image, and the stages; called on both streams."""

    def __init__(self, widths, blocks):
        self.image = keras.layers.Conv3D(widths[0], (1, 7, 7), (1, 2, 2), name="stem_image")
        self.mask = keras.layers.Conv3D(widths[0], (1, 7, 7), (1, 2, 2), use_bias=False, name="stem_mask")
        self.pool = keras.layers.MaxPooling3D((1, 3, 3), (1, 2, 2), name="stem_pool")
        self.stages = [
            [_Residual(width, 2 if stage and not block else 1, f"stage_{stage + 1}_{block + 1}") for block in range(count)]
            for stage, (width, count) in enumerate(zip(widths, blocks, strict=True))
        ]

    def __call__(self, image, mask):
        x = ops.relu(self.image(_framed(image, 3)) + self.mask(_framed(mask, 3)))
        x, features = self.pool(_framed(x, 1)), []
        for stage in self.stages:
            for block in stage:
                x = block(x)
            features.append(x)
        return features


def _framed(x, margin):
    """`x` with as many zeros on all four sides.

    So a strided kernel is centred on the pixels that a strided shortcut keeps; padding "same" would shift it by one.
    """
    return ops.pad(x, [(0, 0), (0, 0), (margin, margin), (margin, margin), (0, 0)])


class _Residual:
    """Layers of two convolutions around a shortcut, ReLU before each."""

    def __init__(self, width, stride, name):
        self.first = keras.layers.Conv3D(width, (1, 3, 3), (1, stride, stride), name=f"{name}_conv_1")
        self.second = keras.layers.Conv3D(width, (1, 3, 3), padding="same", name=f"{name}_conv_2")
        self.shortcut = keras.layers.Conv3D(width, 1, (1, stride, stride), name=f"{name}_shortcut")
        self.width, self.stride = width, stride

    def __call__(self, x):
        changed = self.second(ops.relu(self.first(_framed(ops.relu(x), 1))))
        same = self.stride == 1 and x.shape[-1] == self.width
        return changed + (x if same else self.shortcut(x))


def _residual(x, width, stride, name):
    return _Residual(width, stride, name)(x)
