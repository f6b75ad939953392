"""Muon for convolutions: kernels move by orthogonal matrices, so that no few directions take all the learning."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable("ifss_keras")
class ConvolutionMuon(keras.optimizers.Muon):
    """`keras.optimizers.Muon` with convolution kernels as matrices (taps and inputs, outputs).

    Muon orthogonalises the momentum of a matrix (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon). Keras
    leaves kernels of more than two axes to AdamW, which is nearly all of a convolutional network; here they are
    flattened, as in Muon's first implementation. Depthwise kernels (a filter for each channel, no matrix), kernels with
    fewer than 8 inputs or outputs, the head, biases and norms stay with AdamW. The step of a matrix has the root mean
    square `rms_rate` times the learning rate (Liu et al. 2025, arXiv:2502.16982).

    Args: as `keras.optimizers.Muon`.
    """

    def _should_use_adamw(self, variable):
        if len(variable.shape) < 2:
            return True
        return min(_as_matrix(variable.shape)) < 8 or "depthwise" in variable.path or "head" in variable.path

    def _muon_update_step(self, gradient, variable, lr, m):
        self.assign_add(m, ops.add(gradient, m * (self.momentum - 1)))
        g = ops.add(gradient, self.momentum * m) if self.nesterov else m
        rows, columns = _as_matrix(variable.shape)
        update = self.zeropower_via_newtonschulz5(ops.reshape(g, (rows, columns)), self.ns_steps)
        update = update * (self.rms_rate * math.sqrt(max(rows, columns)))
        self.assign_sub(variable, ops.reshape(lr * update, variable.shape))


def _as_matrix(shape) -> tuple[int, int]:
    """Rows and columns of a kernel with the outputs last."""
    return math.prod(shape[:-1]), shape[-1]
