"""What a network costs, counted from its layers and not measured."""

import math

import keras

from ifss_keras.layers import (
    AtrousPyramid,
    BidirectionalConvLSTM2D,
    CrossCorrelation,
    EncoderLevel,
    FeatureFusion,
    GlobalMatching,
    GroupedConv3D,
    ImagePooledPyramid,
    ReferenceMemory,
    Refinement,
    SeparableConv3D,
)


def multiply_adds(network):
    """Multiply-adds of one call of `network` at batch size 1, as an int.

    Counted are convolutions, transposed convolutions, matrix products and ConvLSTM cells; biases,
    normalisations, activations, gates' element-wise products, pooling and resampling are not. Each layer counts
    as often as it is called, so that a siamese encoder counts twice. Conventions:

    - A convolution has one multiply-add for each output position and kernel weight, also where a tap falls on
      padding.
    - A transposed convolution has one for each input position and kernel weight.
    - `CrossCorrelation` multiplies the features of both inputs at every displacement.
    - `ReferenceMemory` compares every pixel with every one that is held, and adds up their values; encoding what is
      held (`IFSSNet.remember`) is not part of the call.
    - `BidirectionalConvLSTM2D` convolves its inputs once for both directions, its hidden state once for each; a
      ConvLSTM convolves its hidden state before the first slice too.

    Args:
        network: a functional `keras.Model` whose input shapes are known but for the batch.

    Raises:
        ValueError: a layer with kernels or an operation of products that this module has no rule for, or an input of
            unknown size.
    """
    total = 0

    def count(layer, *args, **kwargs):
        nonlocal total
        outputs = layer(*args, **kwargs)
        total += _of_call(layer, [*args, *kwargs.values()][0])
        return outputs

    # the copy is called afresh, which visits every call with its shapes and leaves the network's graph alone; it is one
    # of the bare graph, since a compiled network's loss would be copied too, which not every loss allows
    keras.models.clone_model(keras.Model(network.inputs, network.outputs), call_function=count)
    return total


def _of_call(layer, inputs):
    """Multiply-adds of one call; `inputs` is the first argument, whose shape the rules need."""
    for kind, rule in _RULES.items():
        if isinstance(layer, kind):
            shape = tuple(inputs.shape[1:])
            if None in shape:
                raise ValueError(f"inputs of {layer.name} must have a known size, received {shape}.")
            return rule(layer, shape)
    kernels = [weight.path for weight in getattr(layer, "weights", ()) if len(weight.shape) > 1]
    if kernels or type(layer).__name__ in _PRODUCTS:
        of_kernels = f" with kernels {kernels}" if kernels else ""
        raise ValueError(f"multiply_adds has no rule for {type(layer).__name__}{of_kernels}.")
    return 0


def _convolution(layer, shape):
    return math.prod(_positions(layer, layer.compute_output_shape((1, *shape))[1:])) * _size(layer.kernel)


def _transposed_convolution(layer, shape):
    return math.prod(_positions(layer, shape)) * _size(layer.kernel)


def _separable_convolution(layer, shape):
    positions = _positions(layer, layer.compute_output_shape((1, *shape))[1:])
    return math.prod(positions) * (_size(layer.depthwise_kernel) + _size(layer.pointwise_kernel))


def _pyramid(layer, shape):
    return sum(_separable_convolution(branch, shape) for branch in layer.branches)


def _correlation(layer, shape):
    return math.prod(shape) * (2 * layer.reach + 1) ** 2 + math.prod(shape[:-1]) * _size(layer.mix.kernel)


def _matching(layer, shape):
    convolutions = (*layer.rows_first, *layer.columns_first, *layer.residual)
    return math.prod(shape[:-1]) * sum(_size(convolution.kernel) for convolution in convolutions)


def _refinement(layer, shape):
    return math.prod(shape[:-1]) * (_size(layer.skip_conv.kernel) + _size(layer.merge_conv.kernel))


def _fusion(layer, shape):
    of_slices = shape[0] * (_size(layer.squeeze.kernel) + _size(layer.excite.kernel))
    return math.prod(shape[:-1]) * _size(layer.conv.kernel) + of_slices


def _image_pooled_pyramid(layer, shape):
    of_pixels = sum(_size(branch.kernel) for branch in layer.branches)
    return math.prod(shape[:-1]) * of_pixels + shape[0] * _size(layer.pooled.kernel)


def _cell(layer, shape):
    outputs, _ = layer.cell.compute_output_shape((1, *shape[1:]))
    kernels = _size(layer.cell.kernel) + _size(layer.cell.recurrent_kernel)
    return shape[0] * math.prod(_positions(layer, outputs[1:])) * kernels


def _recurrence(layer, shape):
    directions = 2 if layer.backward else 1
    return math.prod(shape[:-1]) * (_size(layer.kernel) + directions * _size(layer.recurrent_kernel))


def _memory(layer, shape):
    pixels = math.prod(shape[:-1])
    held = layer.references * math.prod(shape[1:-1])
    compared = pixels * held * (layer.key_width + layer.read.kernel.shape[0])
    return (pixels + held) * _size(layer.project.kernel) + compared + pixels * _size(layer.read.kernel)


_RULES = {
    keras.layers.Conv3D: _convolution,
    keras.layers.Conv3DTranspose: _transposed_convolution,
    keras.layers.ConvLSTM2D: _cell,
    keras.layers.PReLU: lambda layer, shape: 0,  # its slopes may have as many axes as a kernel
    GroupedConv3D: _convolution,
    SeparableConv3D: _separable_convolution,
    AtrousPyramid: _pyramid,
    EncoderLevel: lambda layer, shape: _pyramid(layer.pyramid, shape),
    FeatureFusion: _fusion,
    ImagePooledPyramid: _image_pooled_pyramid,
    CrossCorrelation: _correlation,
    GlobalMatching: _matching,
    ReferenceMemory: _memory,
    Refinement: _refinement,
    BidirectionalConvLSTM2D: _recurrence,
}


# names of the operations and layers without weights that multiply tensors with each other
_PRODUCTS = {
    *("Conv", "ConvTranspose", "DepthwiseConv", "SeparableConv"),
    *("AdditiveAttention", "Attention", "Dot", "DotProductAttention", "Einsum", "Inner", "Matmul", "Tensordot", "Vdot"),
}


def _positions(layer, shape):
    return shape[1:] if getattr(layer, "data_format", None) == "channels_first" else shape[:-1]


def _size(weight):
    return math.prod(weight.shape)
