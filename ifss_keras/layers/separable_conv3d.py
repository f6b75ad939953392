"""A 3D depthwise-separable convolution that runs wherever a 2D depthwise one does."""

import keras
from keras import ops

from ifss_keras.core.checks import require, triple


@keras.saving.register_keras_serializable("ifss_keras")
class SeparableConv3D(keras.layers.Layer):
    """Filters every channel over slice, row and column, then mixes the channels pixel by pixel.

    The depthwise kernel has one 2D depthwise convolution per depth tap, whose results are summed: neither
    Keras nor TensorFlow has a 3D separable convolution, and TensorFlow's CPU has no grouped 3D one. This is
    the convolution of the atrous separable layers of IFSS-Net (TMI 2021, section III-B).

    Args:
        filters: number of output channels.
        kernel_size: integer or (slice, row, column).
        strides: integer or (slice, row, column); row and column strides must be equal, as in
            `SeparableConv2D`.
        padding: `"valid"` or `"same"`, per axis as in Keras: zeros beyond the border.
        data_format: `"channels_last"` (default) or `"channels_first"`.
        dilation_rate: integer or (slice, row, column).
        depth_multiplier: depthwise outputs per input channel; output `c * depth_multiplier + m` comes from
            input `c`.
        activation, use_bias, *_initializer, *_regularizer, *_constraint: as in
            `keras.layers.SeparableConv2D`.

    Call arguments:
        inputs: (batch, slice, row, column, channel).

    Returns:
        (batch, slice, row, column, filters); with "same" and stride 1 on the grid of the inputs.

    Raises:
        ValueError: unequal in-plane strides, strides together with dilation, or with "valid" inputs that are
            smaller than the kernel.
    """

    def __init__(
        self,
        filters,
        kernel_size,
        *,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        depth_multiplier=1,
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        pointwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        pointwise_regularizer=None,
        bias_regularizer=None,
        depthwise_constraint=None,
        pointwise_constraint=None,
        bias_constraint=None,
        activity_regularizer=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = filters
        self.kernel_size = triple("kernel_size", kernel_size)
        self.strides = triple("strides", strides)
        self.padding = padding
        self.data_format = data_format or "channels_last"
        self.dilation_rate = triple("dilation_rate", dilation_rate)
        self.depth_multiplier = depth_multiplier
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.depthwise_initializer = keras.initializers.get(depthwise_initializer)
        self.pointwise_initializer = keras.initializers.get(pointwise_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.depthwise_regularizer = keras.regularizers.get(depthwise_regularizer)
        self.pointwise_regularizer = keras.regularizers.get(pointwise_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.depthwise_constraint = keras.constraints.get(depthwise_constraint)
        self.pointwise_constraint = keras.constraints.get(pointwise_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)
        self._refuse_what_cannot_run()

    def _refuse_what_cannot_run(self):
        require(self.filters > 0, f"filters must be positive, received {self.filters}.")
        require(self.depth_multiplier > 0, f"depth_multiplier must be positive, received {self.depth_multiplier}.")
        require(
            self.padding in ("same", "valid"),
            f'padding must be "same" or "valid", received {self.padding!r}.',
        )
        require(
            self.data_format in ("channels_last", "channels_first"),
            f'data_format must be "channels_last" or "channels_first", received {self.data_format!r}.',
        )
        require(
            self.strides[1] == self.strides[2],
            f"strides must be equal for row and column, received {self.strides}.",
        )
        require(
            max(self.strides) == 1 or max(self.dilation_rate) == 1,
            f"strides {self.strides} and dilation_rate {self.dilation_rate} cannot both exceed 1.",
        )

    def build(self, input_shape):
        channels = input_shape[-1 if self.data_format == "channels_last" else 1]
        self.depthwise_kernel = self.add_weight(
            name="depthwise_kernel",
            shape=(*self.kernel_size, channels, self.depth_multiplier),
            initializer=self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
        )
        self.pointwise_kernel = self.add_weight(
            name="pointwise_kernel",
            shape=(channels * self.depth_multiplier, self.filters),
            initializer=self.pointwise_initializer,
            regularizer=self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.filters,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def call(self, inputs):
        x = inputs if self.data_format == "channels_last" else ops.transpose(inputs, (0, 2, 3, 4, 1))
        self._require_room(x.shape[1:4])
        if x.shape[-1] == 1:  # nothing is between both kernels: as one they have a fraction of the work
            planes, slices = self._depthwise(x, ops.matmul(self.depthwise_kernel, self.pointwise_kernel))
        else:
            planes, slices = self._depthwise(x, self.depthwise_kernel)
            planes = ops.conv(planes, self.pointwise_kernel[None, None], data_format="channels_last")
        if self.bias is not None:
            planes = planes + self.bias
        x = _unfolded(self.activation(planes), slices)
        return x if self.data_format == "channels_last" else ops.transpose(x, (0, 4, 1, 2, 3))

    def _depthwise(self, x, kernel):
        """Sum over the depth taps of 2D depthwise convolutions, each on the slices that tap sees; how many slices.

        The slices are folded into the batch.
        """
        depth = x.shape[1]
        out_depth, before, after = self._depth_window(depth)
        if before or after:
            x = ops.pad(x, ((0, 0), (before, after), (0, 0), (0, 0), (0, 0)))
        reach = (out_depth - 1) * self.strides[0] + 1
        firsts = [tap * self.dilation_rate[0] for tap in range(self.kernel_size[0])]
        # a tap that sees nothing but padding adds nothing; where all do, one gives the zeros
        seeing = [tap for tap, first in enumerate(firsts) if before - reach < first < before + depth] or [0]
        total = None
        for tap in seeing:
            seen = x[:, firsts[tap] : firsts[tap] + reach : self.strides[0]] if x.shape[1] > 1 else x
            part = self._plane(_folded(seen), kernel[tap])
            total = part if total is None else total + part
        return total, out_depth

    def _plane(self, x, kernel):
        """2D depthwise convolution; on one channel that is an ordinary one."""
        convolve = ops.conv if x.shape[-1] == 1 else ops.depthwise_conv
        return convolve(
            x,
            kernel,
            strides=self.strides[1],
            padding=self.padding,
            data_format="channels_last",
            dilation_rate=self.dilation_rate[1:],
        )

    def _require_room(self, space):
        """Refuses inputs of known size (slice, row, column) that the kernel does not fit in."""
        extents = [(kernel - 1) * rate + 1 for kernel, rate in zip(self.kernel_size, self.dilation_rate, strict=True)]
        require(
            self.padding == "same"
            or all(size is None or size >= extent for size, extent in zip(space, extents, strict=True)),
            f'inputs must be at least as large as the dilated kernel {tuple(extents)} with padding="valid", '
            f"received (slice, row, column) of {tuple(space)}.",
        )

    def _depth_window(self, depth):
        """Output slices and the zero slices before and after, by the rule Keras uses for every axis."""
        extent = (self.kernel_size[0] - 1) * self.dilation_rate[0] + 1
        stride = self.strides[0]
        if self.padding == "valid":
            return (depth - extent) // stride + 1, 0, 0
        out_depth = -(-depth // stride)
        missing = max((out_depth - 1) * stride + extent - depth, 0)
        return out_depth, missing // 2, missing - missing // 2

    def compute_output_shape(self, input_shape):
        first = 1 if self.data_format == "channels_last" else 2
        self._require_room(input_shape[first : first + 3])
        space = []
        for axis, size in enumerate(input_shape[first : first + 3]):
            extent = (self.kernel_size[axis] - 1) * self.dilation_rate[axis] + 1
            room = size if self.padding == "same" else size - extent + 1
            space.append(-(-room // self.strides[axis]))
        if self.data_format == "channels_last":
            return (input_shape[0], *space, self.filters)
        return (input_shape[0], self.filters, *space)

    def get_config(self):
        named = {
            "initializer": keras.initializers,
            "regularizer": keras.regularizers,
            "constraint": keras.constraints,
        }
        serialized = {
            f"{part}_{kind}": module.serialize(getattr(self, f"{part}_{kind}"))
            for part in ("depthwise", "pointwise", "bias")
            for kind, module in named.items()
        }
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "depth_multiplier": self.depth_multiplier,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            **serialized,
            "activity_regularizer": keras.regularizers.serialize(self.activity_regularizer),
        }


def _folded(x):
    """(batch, slice, ...) as (batch and slice, ...): of one slice without a reshaping, through which converters see."""
    return ops.squeeze(x, 1) if x.shape[1] == 1 else ops.reshape(x, (-1, *x.shape[2:]))


def _unfolded(x, slices):
    return ops.expand_dims(x, 1) if slices == 1 else ops.reshape(x, (-1, slices, *x.shape[1:]))
