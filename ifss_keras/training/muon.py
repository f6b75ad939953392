"""Muon for convolutions: kernels move by orthogonal matrices, so that no few directions take all the learning."""

import math

import keras
from keras import ops

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # of Jordan et al.: singular values from 0.01 to 1 come near 1 in 5 steps


@keras.saving.register_keras_serializable("ifss_keras")
class Muon(keras.optimizers.Optimizer):
    """Momentum whose matrices are made orthogonal (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon).

    A convolution kernel counts as the matrix (taps and inputs, outputs). Its step has the root mean square 0.2 times
    the learning rate, so that a rate that suits AdamW suits it (Liu et al. 2025, arXiv:2502.16982). Depthwise kernels
    (a filter for each channel, no matrix), kernels with fewer than 8 rows or outputs, the head, biases and norms follow
    Adam. `keras.optimizers.Muon` leaves kernels of more than two axes (three in Keras 3.12) to Adam, and with them
    all 3D convolutions.

    Args:
        learning_rate: of the matrices.
        adam_share: of the learning rate, for all other weights.
        momentum: of the matrices, in Nesterov's form.
        beta_1, beta_2, epsilon: of Adam.
        kwargs: of `keras.optimizers.Optimizer`, such as `weight_decay` and `global_clipnorm`.
    """

    def __init__(
        self, learning_rate, *, adam_share=1 / 3, momentum=0.95, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **kwargs
    ):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.adam_share = adam_share
        self.momentum = momentum
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._matrices = [is_matrix(variable) for variable in variables]  # later calls may see them without a path
        self._first, self._second = self.add_optimizer_variables(variables, ["momentum", "velocity"])

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        learning_rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        if self._matrices[index]:
            self._follow_muon(gradient, variable, learning_rate, self._first[index])
        else:
            self._follow_adam(
                gradient, variable, learning_rate * self.adam_share, self._first[index], self._second[index]
            )

    def _follow_muon(self, gradient, variable, learning_rate, momentum):
        self.assign(momentum, gradient + self.momentum * momentum)
        rows, columns = _as_matrix(variable.shape)
        matrix = orthogonal(ops.reshape(gradient + self.momentum * momentum, (rows, columns)))
        step = learning_rate * (0.2 * math.sqrt(max(rows, columns))) * matrix
        self.assign_sub(variable, ops.reshape(step, variable.shape))

    def _follow_adam(self, gradient, variable, learning_rate, first, second):
        count = ops.cast(self.iterations + 1, variable.dtype)
        corrected = learning_rate * ops.sqrt(1 - self.beta_2**count) / (1 - self.beta_1**count)
        self.assign_add(first, (gradient - first) * (1 - self.beta_1))
        self.assign_add(second, (ops.square(gradient) - second) * (1 - self.beta_2))
        self.assign_sub(variable, corrected * first / (ops.sqrt(second) + self.epsilon))

    def get_config(self):
        own = ("adam_share", "momentum", "beta_1", "beta_2", "epsilon")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}


def is_matrix(variable) -> bool:
    """Whether a weight is orthogonalised: a kernel of at least 8 rows and outputs, not depthwise, not the head."""
    named = "depthwise" in variable.path or "head" in variable.path
    return len(variable.shape) > 1 and min(_as_matrix(variable.shape)) >= 8 and not named


def orthogonal(matrix, steps=5):
    """About U V' of the matrix' U S V', by Newton-Schulz iterations."""
    a, b, c = NEWTON_SCHULZ
    tall = matrix.shape[0] > matrix.shape[1]
    x = ops.transpose(matrix) if tall else matrix
    x = x / (ops.norm(x) + 1e-7)
    for _ in range(steps):
        gram = x @ ops.transpose(x)
        x = a * x + (b * gram + c * gram @ gram) @ x
    return ops.transpose(x) if tall else x


def _as_matrix(shape) -> tuple[int, int]:
    """Rows and columns of a kernel with the outputs last."""
    return math.prod(shape[:-1]), shape[-1]
