"""DAF3D, Wang et al., IEEE TMI 2019: deep attentive features for prostate ultrasound."""

import keras
from keras import ops

from ifss_keras.layers import GroupedConv3D, TrilinearResize
from ifss_keras.zoo.zoo_model import ZooModel, arguments_of

_BLOCKS = (3, 4, 6, 3)
_PLANES = (128, 256, 512, 1024)
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
    """

    def __init__(self, *, image_size=(None, None), slices=None, classes=1, **kwargs):
        arguments = arguments_of(DAF3D, locals())
        image = keras.Input((slices, *image_size, 1), name="image")
        levels = _backbone(image)
        activation = "sigmoid" if classes == 1 else "softmax"
        resize = TrilinearResize(name="resize")

        def head(x, name):
            logits = keras.layers.Conv3D(classes, 1, name=name)(x)
            return keras.layers.Activation(activation, dtype="float32", name=f"{name}_probabilities")(
                resize(logits, image)
            )

        joined = _top_down(levels, resize)
        fused = _stack(ops.concatenate(joined[::-1], axis=-1), (1, 3, 3), "fuse")
        refined = []
        for number, level in enumerate(joined, start=1):
            attention = _stack(ops.concatenate([level, fused], axis=-1), (1, 3, 3), f"attention_{number}", gate=True)
            refined.append(_stack(ops.concatenate([level, attention * fused], axis=-1), (1, 3, 3), f"refine_{number}"))
        x = _stack(ops.concatenate(refined, axis=-1), (1,), "refine")
        pyramid = [
            _norm(_conv(64, 3, f"pyramid_{rate}", dilation_rate=(1, rate, rate))(x), f"pyramid_{rate}_norm")
            for rate in (1, 6, 12, 18)
        ]
        x = _norm(_conv(64, 1, "pyramid")(ops.concatenate(pyramid, axis=-1)), "pyramid_norm")
        heads = [head(level, f"level_head_{number}") for number, level in enumerate(joined, start=1)]
        heads += [head(level, f"refined_head_{number}") for number, level in enumerate(refined, start=1)]
        final = head(x, "head")
        outputs = {"probabilities": final, "heads": ops.concatenate([*heads, final], axis=-1)}
        super().__init__(inputs={"image": image}, outputs=outputs, arguments=arguments, **kwargs)


def _conv(filters, kernel, name, **kwargs):
    return keras.layers.Conv3D(filters, kernel, padding="same", name=name, **kwargs)


def _norm(x, name):
    return keras.layers.GroupNormalization(32, epsilon=1e-5, name=name)(x)


def _one_slope(name):
    return keras.layers.PReLU(alpha_initializer=keras.initializers.Constant(0.25), shared_axes=[1, 2, 3, 4], name=name)


def _stack(x, kernels, name, gate=False):
    """Convolutions to 64 channels, normalised and activated; a gate ends in a sigmoid and no normalisation."""
    for number, kernel in enumerate(kernels, start=1):
        x = _conv(64, kernel, f"{name}_conv_{number}")(x)
        if gate and number == len(kernels):
            return ops.sigmoid(x)
        x = _one_slope(f"{name}_prelu_{number}")(_norm(x, f"{name}_norm_{number}"))
    return x


def _top_down(levels, resize):
    """The four levels with 128 channels, each joined with those above it, all on the grid of the first."""
    joined = []
    for number, level in reversed(list(enumerate(levels, start=1))):
        x = _norm(_conv(128, 1, f"down_{number}")(level), f"down_{number}_norm")
        x = _one_slope(f"down_{number}_prelu")(x)
        joined.insert(0, x if not joined else resize(joined[0], x) + x)
    return [joined[0], *(resize(x, joined[0]) for x in joined[1:])]


def _backbone(image):
    """The outputs of the four stages of the ResNeXt."""
    x = keras.layers.ZeroPadding3D(3, name="stem_pad")(image)
    x = keras.layers.Conv3D(64, 7, (1, 2, 2), use_bias=False, name="stem_conv")(x)
    x = _one_slope("stem_prelu")(_norm(x, "stem_norm"))
    x = ops.pad(x, [(0, 0), (1, 1), (1, 1), (1, 1), (0, 0)], constant_values=-1e4)
    x = keras.layers.MaxPooling3D(3, 2, name="stem_pool")(x)
    levels = []
    for stage, (count, planes) in enumerate(zip(_BLOCKS, _PLANES, strict=True), start=1):
        for block in range(1, count + 1):
            stride = _STRIDES[stage - 1] if block == 1 else 1
            x = _bottleneck(x, planes, stride, _DILATIONS[stage - 1], block == 1, f"stage_{stage}_{block}")
        levels.append(x)
    return levels


def _bottleneck(x, planes, stride, dilation, shortcut, name):
    activate = _one_slope(f"{name}_prelu")
    y = keras.layers.Conv3D(planes, 1, use_bias=False, name=f"{name}_conv_1")(x)
    y = activate(_norm(y, f"{name}_norm_1"))
    y = GroupedConv3D(planes, 3, groups=32, strides=stride, dilation_rate=dilation, name=f"{name}_conv_2")(y)
    y = activate(_norm(y, f"{name}_norm_2"))
    y = keras.layers.Conv3D(2 * planes, 1, use_bias=False, name=f"{name}_conv_3")(y)
    y = _norm(y, f"{name}_norm_3")
    if shortcut:
        x = keras.layers.Conv3D(2 * planes, 1, stride, use_bias=False, name=f"{name}_shortcut")(x)
        x = _norm(x, f"{name}_shortcut_norm")
    return activate(y + x)
