"""V-Net in PyTorch, from section 2 and Fig. 2 of Milletari et al., 3DV 2016.

MONAI's VNet is another network: batch normalisation after every convolution, 1, 2, 3, 2 convolutions in a stage, an
activation before the sum as well as after it, and one more 5x5x5 convolution at the end.
"""

from itertools import pairwise

import torch
from torch import nn

from tests.parity.torch_copying import copy_convolution, copy_prelu


class Stage(nn.Module):
    """Convolutions at one width, activated; what comes in is added before the last activation."""

    def __init__(self, channels, width, count, kernel, prelu):
        super().__init__()
        incoming = [channels, *[width] * (count - 1)]
        self.convolutions = nn.ModuleList(nn.Conv3d(n, width, kernel, padding=kernel // 2) for n in incoming)
        self.activations = nn.ModuleList(activation(width, prelu) for _ in incoming)

    def forward(self, x):
        shortcut, steps = x, list(zip(self.convolutions, self.activations, strict=True))
        for convolution, activate in steps[:-1]:
            x = activate(convolution(x))
        convolution, activate = steps[-1]
        x = convolution(x)
        return activate(x + shortcut.repeat(1, x.shape[1] // shortcut.shape[1], 1, 1, 1))


class VNet(nn.Module):
    """Logits; the upsampled channels stand before the skip. The image is repeated to be added in the first stage."""

    def __init__(
        self,
        channels=1,
        classes=2,
        widths=(16, 32, 64, 128, 256),
        convolutions=(1, 2, 3, 3, 3),
        kernel=5,
        stride=(2, 2, 2),
        prelu=True,
    ):
        super().__init__()
        stages = [(width, width, count) for width, count in zip(widths, convolutions, strict=True)]
        stages[0] = (channels, *stages[0][1:])
        self.left = nn.ModuleList(Stage(*stage, kernel, prelu) for stage in stages)
        pairs = pairwise(widths)
        self.down = nn.ModuleList(resampled(nn.Conv3d, fine, coarse, stride, prelu) for fine, coarse in pairs)
        # what comes up from the deepest stage has its width, from the others twice theirs
        incoming = [*(2 * width for width in widths[1:-1]), widths[-1]]
        ups = list(zip(incoming, widths, convolutions, strict=False))[::-1]
        self.up = nn.ModuleList(resampled(nn.ConvTranspose3d, n, width, stride, prelu) for n, width, _ in ups)
        self.right = nn.ModuleList(Stage(2 * width, 2 * width, count, kernel, prelu) for _, width, count in ups)
        self.head = nn.Conv3d(2 * widths[0], classes, 1)

    def forward(self, x):
        skips = [self.left[0](x)]
        for down, stage in zip(self.down, self.left[1:], strict=True):
            skips.append(stage(down(skips[-1])))
        x = skips.pop()
        for up, stage in zip(self.up, self.right, strict=True):
            x = stage(torch.cat([up(x), skips.pop()], dim=1))
        return self.head(x)


def activation(width, prelu):
    return nn.PReLU(width) if prelu else nn.ReLU()


def resampled(convolution, channels, width, stride, prelu):
    """A strided convolution, or a transposed one, whose kernel is as large as its stride."""
    return nn.Sequential(convolution(channels, width, stride, stride=stride), activation(width, prelu))


def copy_weights(ours, theirs):
    for level, stage in enumerate(theirs.left):
        copy_stage(ours, f"down_{level}", stage)
    for level, down in enumerate(theirs.down, start=1):
        copy_resampled(ours, f"down_{level}", down)
    levels = reversed(range(len(theirs.up)))
    for level, up, stage in zip(levels, theirs.up, theirs.right, strict=True):
        copy_resampled(ours, f"up_{level}", up)
        copy_stage(ours, f"up_{level}", stage)
    copy_convolution(ours.get_layer("head"), theirs.head)


def copy_stage(ours, name, stage):
    for number, (convolution, activate) in enumerate(zip(stage.convolutions, stage.activations, strict=True), start=1):
        copy_convolution(ours.get_layer(f"{name}_conv_{number}"), convolution)
        copy_slopes(ours, f"{name}_{number}_prelu", activate)


def copy_resampled(ours, name, resampling):
    copy_convolution(ours.get_layer(name), resampling[0])
    copy_slopes(ours, f"{name}_prelu", resampling[1])


def copy_slopes(ours, name, activate):
    if isinstance(activate, nn.PReLU):
        copy_prelu(ours.get_layer(name), activate)
