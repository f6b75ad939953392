"""PG-Net, the reference-guided mask propagation that the TMI 2021 paper compares with."""

import keras
from keras import ops

from ifss_keras.core.checks import require
from ifss_keras.layers import GlobalMatching
from ifss_keras.zoo.zoo_model import PropagatingModel, arguments_of, probabilities


@keras.saving.register_keras_serializable("ifss_keras")
class PGNet(PropagatingModel):
    """A slice's mask from that of the slice before and from annotated slices (Oh et al., CVPR 2018, "RGMP").

    One residual encoder reads the annotated slice with its mask and the present slice with the mask before; their last
    features go through a global convolution; three refinement steps use the present slice's features. Every slice is
    read by itself: the only recurrence is the mask that is fed back.

    Call arguments: a dict of
        image: (batch, window, row, column, 1), intensities in [0, 1].
        mask: (batch, window, row, column, 1), the mask of the slice before, or an earlier estimate of the slice's own.
        reference: what `remember` returned, (batch, row / 32, column / 32, widths[-1]).

    Returns: a dict with probabilities (batch, window, row, column, 2), float32; channel 0 the muscle.

    Departures from the original:
        - It stands on a ResNet-50 of 23.5 million parameters, trained on photographs, and has 51,518,920. The paper
          says 8,649,224 and no more: here the same design on residual blocks of two convolutions, 8,580,618.
        - Windows of two slices at stride 1, as everywhere in this package, so that a slice is estimated once from the
          mask before it and once more from its own first estimate.
        - Of several annotated slices the mean of the features is taken; the original has one.

    Args:
        image_size: (rows, columns), divisible by 32.
        window: slices, each read by itself.
        widths: of the four stages.
        blocks: residual blocks in each stage.
        matching_kernel: of the global convolution, odd.
        refine_width: channels of the refinement.
    """

    def __init__(
        self,
        *,
        image_size=(512, 512),
        window=2,
        widths=(64, 128, 256, 512),
        blocks=(1, 1, 1, 1),
        matching_kernel=7,
        refine_width=136,
        **kwargs,
    ):
        arguments = arguments_of(PGNet, locals())
        coarsest = 2 ** (len(widths) + 1)
        require(len(widths) == len(blocks), f"widths and blocks must be as many, received {widths!r} and {blocks!r}.")
        require(
            all(size > 0 and size % coarsest == 0 for size in image_size),
            f"image_size must be divisible by {coarsest} for {len(widths)} stages, received {image_size!r}.",
        )
        inputs = {name: keras.Input((window, *image_size, 1), name=name) for name in ("image", "mask")}
        encoder = _Encoder(widths, blocks)
        features = encoder(inputs["image"], inputs["mask"])
        inputs["reference"] = keras.Input(features[-1].shape[2:], name="reference")
        reference = ops.repeat(inputs["reference"][:, None], window, axis=1)
        matching = GlobalMatching(refine_width, kernel=matching_kernel, depth_kernel=1, name="matching")
        x = matching(ops.concatenate([features[-1], reference], axis=-1))
        for step, skip in enumerate(features[-2::-1], start=1):
            skip = keras.layers.Conv3D(refine_width, (1, 3, 3), padding="same", name=f"refine_{step}_skip")(skip)
            skip = _Residual(refine_width, 1, f"refine_{step}_a")(skip)
            x = _Residual(refine_width, 1, f"refine_{step}_b")(_doubled(x) + skip)
        logits = keras.layers.Conv3D(2, (1, 3, 3), padding="same", name="head")(ops.relu(x))
        outputs = {"probabilities": probabilities(_doubled(_doubled(logits)), 2)}
        multiples = (1, coarsest, coarsest)
        super().__init__(inputs=inputs, outputs=outputs, memory={}, arguments=arguments, multiples=multiples, **kwargs)
        parts = [keras.Input((None, *image_size, 1)) for _ in range(2)]
        encode_references = keras.Model(parts, encoder(*parts)[-1])
        # wrapped, since Keras would count a model that is an attribute, and its layers, twice
        self._encode_references = lambda image, mask: encode_references([image, mask], training=False)

    def remember(self, image, mask, weight):
        """The mean of the annotated slices' features, zero where there are none.

        Args:
            image, mask: (batch, slot, row, column, 1), as those of a window.
            weight: (batch, slot), 0 for an empty slot.

        Returns:
            A dict of reference, (batch, row / 32, column / 32, widths[-1]).
        """
        features = self._encode_references(image, mask)
        share = ops.cast(weight / ops.maximum(ops.sum(weight, axis=1, keepdims=True), 1e-6), features.dtype)
        return {"reference": ops.sum(features * share[:, :, None, None, None], axis=1)}


class _Encoder:
    """The stem, where the mask is added to the image, and the stages; called on both streams."""

    def __init__(self, widths, blocks):
        self.image = keras.layers.Conv3D(widths[0], (1, 7, 7), (1, 2, 2), name="stem_image")
        self.mask = keras.layers.Conv3D(widths[0], (1, 7, 7), (1, 2, 2), use_bias=False, name="stem_mask")
        self.pool = keras.layers.MaxPooling3D((1, 3, 3), (1, 2, 2), name="stem_pool")
        self.stages = [
            [
                _Residual(width, 2 if stage and not block else 1, f"stage_{stage + 1}_{block + 1}")
                for block in range(count)
            ]
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


def _doubled(x):
    """Rows and columns twice as many, linearly interpolated."""
    window, rows, columns, channels = x.shape[1:]
    x = ops.reshape(x, (-1, rows, columns, channels))
    x = ops.image.resize(x, (2 * rows, 2 * columns), interpolation="bilinear", data_format="channels_last")
    return ops.reshape(x, (-1, window, 2 * rows, 2 * columns, channels))
