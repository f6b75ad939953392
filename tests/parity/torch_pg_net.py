"""Parts of PGNet in PyTorch: the encoder with the symmetric padding of a residual network, and the matching.

Oh et al., CVPR 2018, for the streams and the global convolution; TMI 2021, section III-C, for the matching's form.
"""

from torch import nn
from torch.nn.functional import relu

from tests.parity.torch_copying import copy_convolution


class Residual(nn.Module):
    """Two convolutions in the plane, ReLU before each, and what comes in, projected where its size changes."""

    def __init__(self, channels, width, stride):
        super().__init__()
        self.first = nn.Conv3d(channels, width, (1, 3, 3), stride=(1, stride, stride), padding=(0, 1, 1))
        self.second = nn.Conv3d(width, width, (1, 3, 3), padding=(0, 1, 1))
        self.shortcut = nn.Identity()
        if stride > 1 or channels != width:
            self.shortcut = nn.Conv3d(channels, width, 1, stride=(1, stride, stride))

    def forward(self, x):
        return self.second(relu(self.first(relu(x)))) + self.shortcut(x)


class Encoder(nn.Module):
    """Features of all stages; the mask is added to the image in the stem."""

    def __init__(self, widths, blocks):
        super().__init__()
        stem = {"stride": (1, 2, 2), "padding": (0, 3, 3)}
        self.image = nn.Conv3d(1, widths[0], (1, 7, 7), **stem)
        self.mask = nn.Conv3d(1, widths[0], (1, 7, 7), bias=False, **stem)
        self.pool = nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))
        self.stages, channels = nn.ModuleList(), widths[0]
        for stage, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            first = Residual(channels, width, 2 if stage else 1)
            self.stages.append(nn.Sequential(first, *(Residual(width, width, 1) for _ in range(1, count))))
            channels = width

    def forward(self, image, mask):
        x, features = self.pool(relu(self.image(image) + self.mask(mask))), []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features


class Matching(nn.Module):
    """Two chains of one-dimensional kernels, in both orders of the plane's axes, summed; then a residual block."""

    def __init__(self, channels, width, kernel, depth_kernel):
        super().__init__()
        depth, row, column = (depth_kernel, 1, 1), (1, kernel, 1), (1, 1, kernel)
        self.rows_first = chain(channels, width, [depth, row, column])
        self.columns_first = chain(channels, width, [depth, column, row])
        size = (1, 3, 3) if depth_kernel == 1 else (3, 3, 3)
        three = [nn.Conv3d(width, width, size, padding=[side // 2 for side in size]) for _ in range(2)]
        self.residual = nn.Sequential(nn.ReLU(), three[0], nn.ReLU(), three[1])

    def forward(self, x):
        x = self.rows_first(x) + self.columns_first(x)
        return x + self.residual(x)


def chain(channels, width, kernels):
    incoming = [channels, *[width] * (len(kernels) - 1)]
    pairs = zip(incoming, kernels, strict=True)
    return nn.Sequential(*(nn.Conv3d(n, width, kernel, padding=[k // 2 for k in kernel]) for n, kernel in pairs))


def copy_encoder(layers, theirs):
    """From {name: layer} of a network that has our encoder."""
    copy_convolution(layers["stem_image"], theirs.image)
    copy_convolution(layers["stem_mask"], theirs.mask)
    for stage, blocks in enumerate(theirs.stages, start=1):
        for number, block in enumerate(blocks, start=1):
            copy_residual(layers, f"stage_{stage}_{number}", block)


def copy_residual(layers, name, theirs):
    copy_convolution(layers[f"{name}_conv_1"], theirs.first)
    copy_convolution(layers[f"{name}_conv_2"], theirs.second)
    if isinstance(theirs.shortcut, nn.Conv3d):
        copy_convolution(layers[f"{name}_shortcut"], theirs.shortcut)


def copy_matching(ours, theirs):
    residual = [layer for layer in theirs.residual if isinstance(layer, nn.Conv3d)]
    chains = [(ours.rows_first, theirs.rows_first), (ours.columns_first, theirs.columns_first)]
    for sources, targets in [*chains, (ours.residual, residual)]:
        for source, target in zip(sources, targets, strict=True):
            copy_convolution(source, target)
