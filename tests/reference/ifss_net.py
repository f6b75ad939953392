"""IFSS-Net in NumPy, from its weights by path: the graph of the issue's table, written without Keras."""

import numpy as np

from tests.reference.conv_lstm import run_both_ways, run_forward
from tests.reference.convolution import convolve, max_pool, separable_convolve, transposed_convolve
from tests.reference.normalization import batch_norm, slice_norm


def relu(x):
    """max(x, 0)."""
    return np.maximum(x, 0)


def encoder_level(x, weights, name, rates, per_channel):
    """Half the resolution: separable convolutions at `rates`, normalisation per slice, ReLU, max-pool."""
    branches = []
    for index, rate in enumerate(rates):
        branch = f"{name}/pyramid/branch_{index}_rate_{rate}"
        kernels = weights[f"{branch}/depthwise_kernel"], weights[f"{branch}/pointwise_kernel"]
        branches.append(separable_convolve(x, *kernels, weights[f"{branch}/bias"], dilation=(1, rate, rate)))
    x = np.concatenate(branches, axis=-1)
    x = slice_norm(x, weights[f"{name}/norm/gamma"], weights[f"{name}/norm/beta"], per_channel=per_channel)
    return max_pool(relu(x), (1, 2, 2))


def global_matching(x, weights):
    """Two chains of one-dimensional convolutions, summed, and a residual block."""

    def conv(y, name):
        return convolve(y, weights[f"matching/{name}/kernel"], weights[f"matching/{name}/bias"])

    matched = 0
    for order in ("rows_first", "columns_first"):
        y = x
        for index in range(3):
            y = conv(y, f"{order}_{index}")
        matched = matched + y
    return matched + conv(relu(conv(relu(matched), "residual_0")), "residual_1")


def refinement(up, skip, weights, name):
    """A convolution of the skip plus `up`, ReLU, a convolution, normalisation by the moving statistics, ReLU."""

    def conv(y, part):
        return convolve(y, weights[f"{name}/{part}/kernel"], weights[f"{name}/{part}/bias"])

    x = conv(relu(up + conv(skip, "skip_conv")), "merge_conv")
    statistics = ("gamma", "beta", "moving_mean", "moving_variance")
    return relu(batch_norm(x, *(weights[f"{name}/norm/{part}"] for part in statistics)))


def reference_memory(image, mask, inputs, weights):
    """Mask features plus what is read from those of the annotated slices."""
    rows, columns, channels = mask.shape[2:]
    memory_image, memory_mask = inputs["memory_image"], inputs["memory_mask"]

    def directions(features):
        x = features @ weights["reference_memory/project/kernel"]
        return x / np.sqrt((x**2).sum(axis=-1, keepdims=True) + 1e-6)

    place = np.stack(np.indices((rows, columns)), axis=-1).reshape(-1, 2)
    squared = ((place[:, None] - place) ** 2).sum(axis=-1)
    sharpness, reach = (np.exp(weights[f"reference_memory/log_{name}"]) for name in ("sharpness", "reach"))
    result = np.array(mask, np.float64)
    for example, number in np.ndindex(mask.shape[:2]):
        slots = np.flatnonzero(inputs["memory_weight"][example] > 0)
        if not len(slots):
            continue
        query = directions(image[example, number]).reshape(rows * columns, -1)
        key = directions(memory_image[example, slots]).reshape(len(slots) * rows * columns, -1)
        logits = sharpness * query @ key.T - np.tile(squared, (1, len(slots))) / (2 * reach**2)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        read = shares @ memory_mask[example, slots].reshape(-1, channels)
        read = read @ weights["reference_memory/read/kernel"] + weights["reference_memory/read/bias"]
        result[example, number] += read.reshape(rows, columns, channels)
    return result


def cross_correlation(first, second, weights, reach):
    """Both, and the mean product with the second moved by up to `reach`, mixed at each pixel."""
    rows, columns = first.shape[2:4]
    around = np.pad(second, ((0, 0), (0, 0), (reach, reach), (reach, reach), (0, 0)))
    products = [
        (first * around[:, :, row : row + rows, column : column + columns]).mean(axis=-1)
        for row, column in np.ndindex(2 * reach + 1, 2 * reach + 1)
    ]
    joined = np.concatenate([first, second, np.stack(products, axis=-1)], axis=-1)
    return joined @ weights["correlation/mix/kernel"][0, 0, 0] + weights["correlation/mix/bias"]


def recurrence(x, inputs, weights, temporal):
    """(outputs, states after each slice); no states without a recurrence."""
    if temporal == "none":
        return x, None
    cell_weights = [weights[f"recurrence/{name}"] for name in ("kernel", "recurrent_kernel", "bias")]
    run = run_both_ways if temporal == "bidirectional" else run_forward
    remembered, states = run(x, (inputs["hidden"], inputs["cell"]), *cell_weights)
    return x + remembered, states


def ifss_net(inputs, weights, rates, *, per_channel=False, memory_level=0, temporal="bidirectional", reach=None):
    """{name: output} of the network without dropout; `rates` has a tuple for each level.

    With a `reach` the streams stay apart and are correlated; without, they are added and matched globally.
    """
    image, mask = inputs["image"], inputs["mask"]
    skips = [np.concatenate([image, mask], axis=-1)]
    for level, level_rates in enumerate(rates, start=1):
        image = encoder_level(image, weights, f"encoder_{level}", level_rates, per_channel)
        mask = encoder_level(mask, weights, f"encoder_{level}", level_rates, per_channel)
        mask = mask + image if reach is None else mask
        if level == memory_level:
            mask = reference_memory(image, mask, inputs, weights)
        skips.append(mask if reach is None else np.concatenate([image, mask], axis=-1))
    if reach is None:
        x = global_matching(np.concatenate([image, mask], axis=-1), weights)
    else:
        x = cross_correlation(image, mask, weights, reach)
    x, states = recurrence(x, inputs, weights, temporal)
    for index, skip in enumerate(reversed(skips[:-1]), start=1):
        kernel, bias = weights[f"up_{index}/kernel"], weights[f"up_{index}/bias"]
        x = refinement(transposed_convolve(x, kernel, bias, strides=(1, 2, 2)), skip, weights, f"refine_{index}")
    logits = convolve(x, weights["head/kernel"], weights["head/bias"])
    exponents = np.exp(logits - logits.max(axis=-1, keepdims=True))
    outputs = {"probabilities": exponents / exponents.sum(axis=-1, keepdims=True)}
    return outputs if states is None else outputs | dict(zip(("hidden", "cell"), states[0], strict=True))
