"""A convolutional LSTM whose one cell reads the slices in both directions."""

import keras
from keras import ops

from ifss_keras.core.checks import is_positive_integer, require


@keras.saving.register_keras_serializable("ifss_keras")
class BidirectionalConvLSTM2D(keras.layers.Layer):
    """Forward plus backward outputs for every slice, and the forward memory to hand on.

    i, f, o = sigmoid(Wx * x + Wh * h + b), g = tanh(...), c' = f c + i g, h' = o tanh(c'), gates in Keras's
    order i, f, g, o along the last kernel axis. Both directions use the same cell (TMI 2021, section III-C:
    "share the same weights"; the official code builds two). The backward pass starts from zero: its memory
    would come from slices that have not been seen.

    Args:
        filters: channels of the outputs and of the memory.
        kernel_size: rows and columns of both convolutions' kernel, one integer.
        state_after: number of slices after which the forward memory is returned, at least 1 and at most all;
            None is all of them. The next window at stride 1 needs the memory after 1 slice.
        backward: whether the slices are read backwards too; otherwise the outputs are the forward ones.
        dropout: rate on the inputs.

    Call arguments:
        inputs: (batch, slice, row, column, channel).
        initial_state: forward memory (hidden, cell), each (batch, row, column, filters); None is zero.

    Returns:
        outputs (batch, slice, row, column, filters), and the memory (hidden, cell) after `state_after`
        slices.

    Raises:
        ValueError: a kernel size that is no positive integer, or `state_after` slices that there are not.
    """

    def __init__(self, filters, *, kernel_size=3, state_after=None, backward=True, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        require(
            is_positive_integer(kernel_size),
            f"kernel_size must be one positive integer, for rows and columns, received {kernel_size!r}.",
        )
        require(
            state_after is None or is_positive_integer(state_after),
            f"state_after must be a positive number of slices or None, received {state_after!r}.",
        )
        self.filters = filters
        self.kernel_size = kernel_size
        self.state_after = state_after
        self.backward = backward
        self.dropout = dropout
        self.drop = keras.layers.Dropout(dropout, name="drop", dtype=self.dtype_policy)

    def build(self, inputs_shape, initial_state_shape=None):
        size, gates = (self.kernel_size, self.kernel_size), 4 * self.filters
        self.kernel = self.add_weight(
            name="kernel", shape=(*size, inputs_shape[-1], gates), initializer="glorot_uniform"
        )
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel", shape=(*size, self.filters, gates), initializer="orthogonal"
        )
        self.bias = self.add_weight(name="bias", shape=(gates,), initializer=self._unit_forget_bias)

    def _unit_forget_bias(self, shape, dtype=None):
        ones = ops.ones((self.filters,), dtype)
        return ops.concatenate([0 * ones, ones, 0 * ones, 0 * ones])

    def initial_state(self, inputs):
        """Zero memory (hidden, cell) for `inputs`, each (batch, row, column, filters)."""
        zero = ops.zeros_like(inputs[:, 0, :, :, :1])
        zero = ops.repeat(zero, self.filters, axis=-1)
        return zero, zero

    def call(self, inputs, initial_state=None, training=None):
        slices = inputs.shape[1]
        self._require_slices(slices)
        start = self.initial_state(inputs) if initial_state is None else initial_state
        x = self.drop(inputs, training=training)
        folded = ops.conv(ops.reshape(x, (-1, *x.shape[2:])), self.kernel, padding="same", data_format="channels_last")
        x = ops.reshape(folded + self.bias, (-1, slices, *folded.shape[1:]))

        run = self._both_ways if self.backward else self._forwards
        return run([x[:, index] for index in range(slices)], start)

    def _forwards(self, steps, start):
        hidden, cell = start
        outputs, memories = [], []
        for x in steps:
            hidden, cell = self._cell(x, hidden, cell)
            outputs.append(hidden)
            memories.append((hidden, cell))
        return ops.stack(outputs, axis=1), memories[(self.state_after or len(steps)) - 1]

    def _both_ways(self, steps, start):
        """Both directions advance together, stacked along the batch: first half forward, second half backward."""
        both = [ops.concatenate(pair, axis=0) for pair in zip(steps, steps[::-1], strict=True)]
        stacked = [ops.concatenate([memory, ops.zeros_like(memory)], axis=0) for memory in start]
        outputs, memory = self._forwards(both, stacked)
        ahead, behind = ops.split(outputs, 2, axis=0)
        return ahead + ops.flip(behind, axis=1), tuple(ops.split(part, 2, axis=0)[0] for part in memory)

    def _require_slices(self, slices):
        require(
            self.state_after is None or self.state_after <= slices,
            f"state_after must be at most the number of slices, received {self.state_after} for {slices} slices.",
        )

    def _cell(self, x, hidden, cell):
        gates = x + ops.conv(hidden, self.recurrent_kernel, padding="same", data_format="channels_last")
        i, f, g, o = ops.split(gates, 4, axis=-1)
        cell = ops.sigmoid(f) * cell + ops.sigmoid(i) * ops.tanh(g)
        return ops.sigmoid(o) * ops.tanh(cell), cell

    def compute_output_shape(self, inputs_shape, initial_state_shape=None):
        batch, slices, rows, columns, _ = inputs_shape
        self._require_slices(slices)
        memory = (batch, rows, columns, self.filters)
        return (batch, slices, rows, columns, self.filters), (memory, memory)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "state_after": self.state_after,
            "backward": self.backward,
            "dropout": self.dropout,
        }
