"""3D U-Net in PyTorch, from section 2 and Fig. 2 of Cicek et al., MICCAI 2016, with padded convolutions."""

import torch
from monai.networks.blocks import Convolution
from monai.networks.nets.basic_unet import UpCat
from torch import nn

from tests.parity.torch_copying import copy_convolution, copy_norm

EPSILON = 1e-3  # Keras' default; the paper names none


def convolved(channels, width, normalize):
    """Convolution, batch normalisation, ReLU."""
    norm = [nn.BatchNorm3d(width, eps=EPSILON)] if normalize else []
    return nn.Sequential(nn.Conv3d(channels, width, 3, padding=1), *norm, nn.ReLU())


class UNet3D(nn.Module):
    """Logits; the skip stands before the upsampled channels."""

    def __init__(self, channels=1, classes=2, widths=(32, 64, 128, 256), pool=(2, 2, 2), normalize=True):
        super().__init__()
        self.analysis, self.up, self.synthesis = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for width in widths:
            first, second = convolved(channels, width, normalize), convolved(width, 2 * width, normalize)
            self.analysis.append(nn.Sequential(first, second))
            channels = 2 * width
        self.pool = nn.MaxPool3d(pool)
        for width in reversed(widths[:-1]):
            self.up.append(nn.ConvTranspose3d(channels, channels, pool, stride=pool))
            first = convolved(2 * width + channels, 2 * width, normalize)
            self.synthesis.append(nn.Sequential(first, convolved(2 * width, 2 * width, normalize)))
            channels = 2 * width
        self.head = nn.Conv3d(channels, classes, 1)

    def forward(self, x):
        skips = []
        for level, block in enumerate(self.analysis):
            x = block(self.pool(x) if level else x)
            skips.append(x)
        for up, block, skip in zip(self.up, self.synthesis, reversed(skips[:-1]), strict=True):
            x = block(torch.cat([skip, up(x)], dim=1))
        return self.head(x)


class MonaiUNet3D(nn.Module):
    """The same out of MONAI's blocks; its own U-Nets have other widths, or residual units and strides."""

    def __init__(self, channels=1, classes=2, widths=(32, 64, 128, 256)):
        super().__init__()
        style = {"act": "RELU", "norm": ("BATCH", {"eps": EPSILON}), "bias": True}
        self.analysis, self.synthesis = nn.ModuleList(), nn.ModuleList()
        for width in widths:
            first = Convolution(3, channels, width, **style)
            self.analysis.append(nn.Sequential(first, Convolution(3, width, 2 * width, **style)))
            channels = 2 * width
        for width in reversed(widths[:-1]):
            self.synthesis.append(UpCat(3, channels, 2 * width, 2 * width, halves=False, **style))
            channels = 2 * width
        self.head = nn.Conv3d(channels, classes, 1)

    def forward(self, x):
        skips = []
        for level, block in enumerate(self.analysis):
            x = block(nn.functional.max_pool3d(x, 2) if level else x)
            skips.append(x)
        for block, skip in zip(self.synthesis, reversed(skips[:-1]), strict=True):
            x = block(x, skip)
        return self.head(x)


def copy_weights(ours, theirs):
    for level, block in enumerate(theirs.analysis):
        copy_pair(ours, f"down_{level}", block)
    levels = reversed(range(len(theirs.up)))
    for level, up, block in zip(levels, theirs.up, theirs.synthesis, strict=True):
        copy_convolution(ours.get_layer(f"up_{level}"), up)
        copy_pair(ours, f"up_{level}", block)
    copy_convolution(ours.get_layer("head"), theirs.head)


def copy_weights_to_monai(ours, theirs):
    for level, block in enumerate(theirs.analysis):
        copy_monai_pair(ours, f"down_{level}", block)
    for level, block in zip(reversed(range(len(theirs.synthesis))), theirs.synthesis, strict=True):
        copy_convolution(ours.get_layer(f"up_{level}"), block.upsample.deconv)
        copy_monai_pair(ours, f"up_{level}", block.convs)
    copy_convolution(ours.get_layer("head"), theirs.head)


def copy_pair(ours, name, block):
    for number, theirs in enumerate(block, start=1):
        copy_convolution(ours.get_layer(f"{name}_{number}_conv"), theirs[0])
        if isinstance(theirs[1], nn.BatchNorm3d):
            copy_norm(ours.get_layer(f"{name}_{number}_norm"), theirs[1])


def copy_monai_pair(ours, name, block):
    for number, theirs in enumerate(block, start=1):
        copy_convolution(ours.get_layer(f"{name}_{number}_conv"), theirs.conv)
        copy_norm(ours.get_layer(f"{name}_{number}_norm"), theirs.adn.N)
