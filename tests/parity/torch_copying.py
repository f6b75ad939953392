"""Weights of Keras layers put into those of PyTorch, and arrays there and back.

Keras has channels last, PyTorch first; kernels are (slice, row, column, in, out) and (out, in, slice, row, column).
"""

import numpy as np
import torch


def to_torch(array):
    """(batch, slice, row, column, channel) as a tensor (batch, channel, slice, row, column)."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(np.float32(array), -1, 1)))


def to_numpy(tensor):
    """The inverse of `to_torch`."""
    return np.moveaxis(tensor.detach().numpy(), 1, -1)


def copy_convolution(ours, theirs):
    """`theirs` may be transposed: Keras' (..., out, in) is PyTorch's (in, out, ...). Biases where both have one."""
    set_weight(theirs.weight, np.transpose(ours.kernel, (4, 3, 0, 1, 2)))
    assert (getattr(ours, "bias", None) is None) == (theirs.bias is None)
    if theirs.bias is not None:
        set_weight(theirs.bias, ours.bias)


def copy_as_transposed(ours, theirs):
    """An ordinary convolution at stride 1 into the transposed one that it equals: the kernel turned around."""
    set_weight(theirs.weight, np.transpose(ours.kernel, (3, 4, 0, 1, 2))[..., ::-1, ::-1, ::-1])
    assert ours.bias is None
    assert theirs.bias is None


def copy_norm(ours, theirs):
    """Batch normalisation with its moving statistics, or group normalisation."""
    set_weight(theirs.weight, ours.gamma)
    set_weight(theirs.bias, ours.beta)
    if isinstance(theirs, torch.nn.BatchNorm3d):
        set_weight(theirs.running_mean, ours.moving_mean)
        set_weight(theirs.running_var, ours.moving_variance)


def copy_prelu(ours, theirs):
    set_weight(theirs.weight, np.reshape(ours.alpha, -1))


def parameters(network):
    """How many PyTorch itself counts."""
    return sum(weight.numel() for weight in network.parameters())


def assert_every_weight_matters(network, outputs):
    """A random projection of all outputs has a gradient for every weight: none is copied in vain."""
    generator = torch.Generator().manual_seed(7)
    sum((part * torch.randn(part.shape, generator=generator)).sum() for part in outputs).backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None, f"{name} is not used"
        assert weight.grad.abs().max() > 0, f"{name} does not matter"


def set_weight(target, value):
    value = torch.from_numpy(np.array(value, np.float32))
    assert target.shape == value.shape, f"{tuple(target.shape)} and {tuple(value.shape)}"
    with torch.no_grad():
        target.copy_(value)
