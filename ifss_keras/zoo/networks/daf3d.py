"""DAF3D, Wang et al., IEEE TMI 2019: deep attentive features for prostate ultrasound."""

import keras
from keras import ops

from ifss_keras.core.checks import require
from ifss_keras.layers import GroupedConv3D, TrilinearResize
from ifss_keras.zoo.zoo_model import ZooModel, arguments_of

_STRIDES = (1, (1, 2, 2), 1, 1)
_DILATIONS = (1, 1, 2, 2)


@keras.saving.register_keras_serializable("ifss_keras")
class DAF3D(ZooModel):
    """A ResNeXt of 50 layers, its four levels fused, each refined under attention; needs no reference.

    As the authors' code is: group normalisation, a PReLU with one slope for each bottleneck, the last two stages
    dilated by 2, levels joined from the top down, an atrous pyramid at rates 1, 6, 12, 18 in the plane, nine heads.
    It has exactly 28,918,390 parameters with one class, the count in Table III of the TMI 2021 paper.

    Call arguments: image (batch, slice, row, column, 1).

    Returns: a dict of
        probabilities: (batch, slice, row, column, classes), float32; with one class the foreground's.
        heads: (batch, slice, row, column, 9 * classes), float32: those of all heads, four on the levels, four on the
            refined levels, the final one last; for deep supervision (`losses`).

    Args:
        image_size: (rows, columns); None where any size is to do.
        slices: of the input, or None.
        classes: of the output.
        stem_width: channels of the first convolution.
        planes: inner channels of the bottlenecks of each stage, which give twice as many.
        blocks: bottlenecks in each stage.
        groups: of the bottlenecks' inner convolution, and of every normalisation; all widths must divide by it.
        joined_width: channels of the levels when they are joined.
        refined_width: channels of everything after.
        rates: in-plane dilations of the pyramid.
    """

    def __init__(
        self,
        *,
        image_size=(None, None),
        slices=None,
        classes=1,
        stem_width=64,
        planes=(128, 256, 512, 1024),
        blocks=(3, 4, 6, 3),
        groups=32,
        joined_width=128,
        refined_width=64,
        rates=(1, 6, 12, 18),
        **kwargs,
    ):
        arguments = arguments_of(DAF3D, locals())
        require(
            len(planes) == len(blocks) == len(_STRIDES),
            f"planes and blocks must name {len(_STRIDES)} stages, received {planes!r} and {blocks!r}.",
        )
        require(
            all(width % groups == 0 for width in (stem_width, *planes, joined_width, refined_width)),
            f"stem_width, planes, joined_width and refined_width must divide by {groups} groups, received "
            f"{stem_width}, {planes!r}, {joined_width} and {refined_width}.",
        )
        build = _Parts(groups, refined_width)
        image = keras.Input((slices, *image_size, 1), name="image")
        levels = build.backbone(image, stem_width, planes, blocks)
        activation = "sigmoid" if classes == 1 else "softmax"
        resize = TrilinearResize(name="resize")

        def head(x, name):
            logits = resize(keras.layers.Conv3D(classes, 1, name=name)(x), image)
            return keras.layers.Activation(activation, dtype="float32", name=f"{name}_probabilities")(logits)

        joined = build.top_down(levels, joined_width, resize)
        fused = build.stack(ops.concatenate(joined[::-1], axis=-1), (1, 3, 3), "fuse")
        refined = []
        for number, level in enumerate(joined, start=1):
            attention = build.gate(ops.concatenate([level, fused], axis=-1), f"attention_{number}")
            gated = ops.concatenate([level, attention * fused], axis=-1)
            refined.append(build.stack(gated, (1, 3, 3), f"refine_{number}"))
        x = build.stack(ops.concatenate(refined, axis=-1), (1,), "refine")
        pyramid = [
            build.normed(
                _conv(refined_width, 3, f"pyramid_{rate}", dilation_rate=(1, rate, rate))(x), f"pyramid_{rate}"
            )
            for rate in rates
        ]
        x = build.normed(_conv(refined_width, 1, "pyramid")(ops.concatenate(pyramid, axis=-1)), "pyramid")
        heads = [head(level, f"level_head_{number}") for number, level in enumerate(joined, start=1)]
        heads += [head(level, f"refined_head_{number}") for number, level in enumerate(refined, start=1)]
        final = head(x, "head")
        outputs = {"probabilities": final, "heads": ops.concatenate([*heads, final], axis=-1)}
        multiples = (1, 1, 1)
        super().__init__(inputs={"image": image}, outputs=outputs, arguments=arguments, multiples=multiples, **kwargs)


def _conv(filters, kernel, name, **kwargs):
    return keras.layers.Conv3D(filters, kernel, padding="same", name=name, **kwargs)


def _one_slope(name):
    return keras.layers.PReLU(alpha_initializer=keras.initializers.Constant(0.25), shared_axes=[1, 2, 3, 4], name=name)


class _Parts:
    """What the network is put together from, with its groups and its width."""

    def __init__(self, groups, width):
        self.groups = groups
        self.width = width

    def normed(self, x, name):
        return keras.layers.GroupNormalization(self.groups, epsilon=1e-5, name=f"{name}_norm")(x)

    def stack(self, x, kernels, name):
        """Convolutions, each normalised and activated."""
        for number, kernel in enumerate(kernels, start=1):
            x = self.normed(_conv(self.width, kernel, f"{name}_conv_{number}")(x), f"{name}_{number}")
            x = _one_slope(f"{name}_prelu_{number}")(x)
        return x

    def gate(self, x, name):
        """Between 0 and 1 at every voxel and channel."""
        x = self.stack(x, (1, 3), name)
        return ops.sigmoid(_conv(self.width, 3, f"{name}_conv_3")(x))

    def top_down(self, levels, width, resize):
        """The levels, each joined with those above it, all on the grid of the first."""
        joined = []
        for number, level in reversed(list(enumerate(levels, start=1))):
            x = _one_slope(f"down_{number}_prelu")(
                self.normed(_conv(width, 1, f"down_{number}")(level), f"down_{number}")
            )
            joined.insert(0, x if not joined else resize(joined[0], x) + x)
        return [joined[0], *(resize(x, joined[0]) for x in joined[1:])]

    def backbone(self, image, stem_width, planes, blocks):
        """The outputs of the four stages of the ResNeXt."""
        x = keras.layers.ZeroPadding3D(3, name="stem_pad")(image)
        x = keras.layers.Conv3D(stem_width, 7, (1, 2, 2), use_bias=False, name="stem_conv")(x)
        x = _one_slope("stem_prelu")(self.normed(x, "stem"))
        x = ops.pad(x, [(0, 0), (1, 1), (1, 1), (1, 1), (0, 0)], constant_values=-1e4)
        x = keras.layers.MaxPooling3D(3, 2, name="stem_pool")(x)
        levels = []
        for stage, (count, width) in enumerate(zip(blocks, planes, strict=True), start=1):
            for block in range(1, count + 1):
                stride = _STRIDES[stage - 1] if block == 1 else 1
                x = self.bottleneck(x, width, stride, _DILATIONS[stage - 1], block == 1, f"stage_{stage}_{block}")
            levels.append(x)
        return levels

    def bottleneck(self, x, planes, stride, dilation, shortcut, name):
        """Three convolutions around a shortcut, all activated by one PReLU."""
        activate = _one_slope(f"{name}_prelu")
        y = keras.layers.Conv3D(planes, 1, use_bias=False, name=f"{name}_conv_1")(x)
        y = activate(self.normed(y, f"{name}_1"))
        grouped = {"groups": self.groups, "strides": stride, "dilation_rate": dilation}
        y = GroupedConv3D(planes, 3, name=f"{name}_conv_2", **grouped)(y)
        y = activate(self.normed(y, f"{name}_2"))
        y = keras.layers.Conv3D(2 * planes, 1, use_bias=False, name=f"{name}_conv_3")(y)
        y = self.normed(y, f"{name}_3")
        if shortcut:
            x = keras.layers.Conv3D(2 * planes, 1, stride, use_bias=False, name=f"{name}_shortcut")(x)
            x = self.normed(x, f"{name}_shortcut")
        return activate(y + x)
