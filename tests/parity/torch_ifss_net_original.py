"""The network of IFSS-Net's official code in PyTorch, layer by layer as that code has it, with TensorFlow's padding.

Its transposed convolutions at stride 1 are transposed convolutions here too. As in ours, no ReLU stands before a
sigmoid or the softmax, and one ConvLSTM reads both directions.
"""

import torch
from torch import nn
from torch.nn import functional

from tests.parity.torch_copying import copy_as_transposed, copy_convolution, copy_norm, set_weight

EPSILON = 1e-12  # of TensorFlow 1's layer_norm


class Convolved(nn.Module):
    """(Transposed) convolution, normalisation over slices, rows, columns and channels, ReLU."""

    def __init__(self, kind, channels, width, kernel, bias):
        super().__init__()
        self.convolution = kind(channels, width, kernel, padding=kernel // 2, bias=bias)
        self.norm = nn.GroupNorm(1, width, eps=EPSILON)

    def forward(self, x):
        return functional.relu(self.norm(self.convolution(x)))


class Pyramid(nn.Module):
    """The mean of each slice, a pointwise convolution and one at each rate, each to `width` channels."""

    def __init__(self, channels, width, rates):
        super().__init__()
        self.mean = nn.Conv3d(channels, width, 1, bias=False)
        self.pointwise = nn.Conv3d(channels, width, 1, bias=False)
        self.dilated = nn.ModuleList(
            nn.Conv3d(channels, width, 3, padding=rate, dilation=rate, bias=False) for rate in rates
        )

    def forward(self, x):
        mean = functional.interpolate(self.mean(x.mean(dim=(3, 4), keepdim=True)), size=x.shape[2:], mode="nearest")
        return torch.cat([mean, self.pointwise(x), *(convolution(x) for convolution in self.dilated)], dim=1)


class EncoderLevel(nn.Module):
    """ "SAME" max-pooling of an even number of pixels begins on the first one: it pads at the end alone."""

    def __init__(self, channels, width, rates):
        super().__init__()
        self.convolved = Convolved(nn.Conv3d, channels, width, 3, bias=False)
        self.pool = nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2))
        self.pyramid = Pyramid(width, width // (2 + len(rates)), rates)

    def forward(self, x):
        padded = functional.pad(self.convolved(x), (0, 1, 0, 1), value=-torch.inf)
        return self.pyramid(self.pool(padded))


class Fusion(nn.Module):
    """The feature fusion of BiSeNet: a convolution of both, plus itself under a gate for each channel and slice."""

    def __init__(self, channels, width):
        super().__init__()
        self.convolved = Convolved(nn.Conv3d, channels, width, 3, bias=True)
        self.gate = nn.Sequential(nn.Conv3d(width, width, 1), nn.ReLU(), nn.Conv3d(width, width, 1), nn.Sigmoid())

    def forward(self, first, second):
        x = self.convolved(torch.cat([first, second], dim=1))
        return x + x * self.gate(x.mean(dim=(3, 4), keepdim=True))


class ConvLSTM(nn.Module):
    """One pointwise cell, forwards from the given memory and backwards from none, both summed."""

    def __init__(self, width):
        super().__init__()
        self.incoming = nn.Conv3d(width, 4 * width, 1)
        self.recurrent = nn.Conv3d(width, 4 * width, 1, bias=False)

    def forward(self, x, memory):
        ahead = self.run(x, memory)
        behind = self.run(x.flip(2), [torch.zeros_like(part) for part in memory])
        outputs = torch.cat([hidden for hidden, _ in ahead], dim=2)
        return outputs + torch.cat([hidden for hidden, _ in behind[::-1]], dim=2), ahead[0]

    def run(self, x, memory):
        (hidden, cell), found = memory, []
        for slice_ in self.incoming(x).split(1, dim=2):
            i, f, g, o = (slice_ + self.recurrent(hidden)).chunk(4, dim=1)
            cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
            hidden = o.sigmoid() * cell.tanh()
            found.append((hidden, cell))
        return found


class DecoderStep(nn.Module):
    """A transposed and an ordinary convolution; but for the last step, a skip fused in and pixels doubled."""

    def __init__(self, channels, width, skip):
        super().__init__()
        self.transposed = Convolved(nn.ConvTranspose3d, channels, width, 3, bias=False)
        self.convolved = Convolved(nn.Conv3d, width, width, 3 if skip else 1, bias=True)
        self.fusion = Fusion(width + skip, width) if skip else None

    def forward(self, x, skip=None):
        x = self.convolved(self.transposed(x))
        if self.fusion is None:
            return x
        return functional.interpolate(self.fusion(x, skip), scale_factor=(1, 2, 2), mode="nearest")


class IFSSNetOriginal(nn.Module):
    """Logits, and the memory (hidden, cell) after the first slice."""

    def __init__(
        self,
        widths=(30, 30, 60, 120, 120),
        decoder_widths=(120, 120, 60, 60, 16, 8),
        rates=((6, 12, 18), (6, 12, 18), (4, 6, 8), (2, 4, 6), (2, 4, 6)),
    ):
        super().__init__()
        levels = zip((1, *widths), widths, rates, strict=False)
        self.encoder = nn.ModuleList(EncoderLevel(*level) for level in levels)
        self.fusion = Fusion(2 * widths[-1], widths[-1])
        self.recurrence = ConvLSTM(widths[-1])
        skips = [widths[-1], *reversed(widths[:-1]), 0]
        steps = zip((widths[-1], *decoder_widths), decoder_widths, skips, strict=False)
        self.decoder = nn.ModuleList(DecoderStep(*step) for step in steps)
        self.head = nn.Conv3d(decoder_widths[-1], 2, 1)

    def forward(self, image, mask, memory):
        skips = []
        for level in self.encoder:
            image, mask = level(image), level(mask)
            skips.append(image)
        x, memory = self.recurrence(self.fusion(image, mask), memory)
        skips[-1] = x
        for step in self.decoder[:-1]:
            x = step(x, skips.pop())
        return self.head(self.decoder[-1](x)), memory


def copy_weights(ours, theirs):
    for number, level in enumerate(theirs.encoder, start=1):
        copy_convolution(ours.get_layer(f"encoder_{number}_conv"), level.convolved.convolution)
        copy_norm(ours.get_layer(f"encoder_{number}_norm"), level.convolved.norm)
        copy_pyramid(ours.get_layer(f"encoder_{number}_pyramid"), level.pyramid)
    copy_fusion(ours.get_layer("fusion"), theirs.fusion)
    copy_recurrence(ours.get_layer("recurrence"), theirs.recurrence)
    for number, step in enumerate(theirs.decoder, start=1):
        copy_as_transposed(ours.get_layer(f"decoder_{number}_1_conv"), step.transposed.convolution)
        copy_norm(ours.get_layer(f"decoder_{number}_1_norm"), step.transposed.norm)
        copy_convolution(ours.get_layer(f"decoder_{number}_2_conv"), step.convolved.convolution)
        copy_norm(ours.get_layer(f"decoder_{number}_2_norm"), step.convolved.norm)
        if step.fusion is not None:
            copy_fusion(ours.get_layer(f"decoder_{number}_fusion"), step.fusion)
    copy_convolution(ours.get_layer("head"), theirs.head)


def copy_pyramid(ours, theirs):
    copy_convolution(ours.pooled, theirs.mean)
    for source, target in zip(ours.branches, (theirs.pointwise, *theirs.dilated), strict=True):
        copy_convolution(source, target)


def copy_fusion(ours, theirs):
    copy_convolution(ours.conv, theirs.convolved.convolution)
    copy_norm(ours.norm, theirs.convolved.norm)
    copy_convolution(ours.squeeze, theirs.gate[0])
    copy_convolution(ours.excite, theirs.gate[2])


def copy_recurrence(ours, theirs):
    """Gates i, f, g, o in both; a 1x1 kernel (row, column, in, out)."""
    set_weight(theirs.incoming.weight, ours.kernel[0, 0, :, :, None, None, None].numpy().swapaxes(0, 1))
    set_weight(theirs.recurrent.weight, ours.recurrent_kernel[0, 0, :, :, None, None, None].numpy().swapaxes(0, 1))
    set_weight(theirs.incoming.bias, ours.bias)
