"""DAF3D in PyTorch, from Wang et al., IEEE TMI 2019, and the sizes of the authors' network."""

import torch
from torch import nn
from torch.nn import functional

from tests.parity.torch_copying import copy_convolution, copy_norm, copy_prelu

GROUPS = 32


class Bottleneck(nn.Module):
    """A ResNeXt bottleneck of cardinality 32; one slope serves all three activations."""

    def __init__(self, channels, width, stride, dilation):
        super().__init__()
        grouped = {"stride": stride, "padding": dilation, "dilation": dilation, "groups": GROUPS, "bias": False}
        self.reduce = nn.Conv3d(channels, width, 1, bias=False)
        self.transform = nn.Conv3d(width, width, 3, **grouped)
        self.expand = nn.Conv3d(width, 2 * width, 1, bias=False)
        self.norms = nn.ModuleList(nn.GroupNorm(GROUPS, size) for size in (width, width, 2 * width))
        self.shortcut = nn.Identity()
        if stride != 1 or channels != 2 * width:
            projection = nn.Conv3d(channels, 2 * width, 1, stride=stride, bias=False)
            self.shortcut = nn.Sequential(projection, nn.GroupNorm(GROUPS, 2 * width))
        self.activate = nn.PReLU()

    def forward(self, x):
        y = self.activate(self.norms[0](self.reduce(x)))
        y = self.activate(self.norms[1](self.transform(y)))
        return self.activate(self.norms[2](self.expand(y)) + self.shortcut(x))


class Backbone(nn.Module):
    """The outputs of the four stages of the ResNeXt of 50 layers."""

    def __init__(self):
        super().__init__()
        stem = nn.Conv3d(1, 64, 7, stride=(1, 2, 2), padding=3, bias=False)
        self.stem = nn.Sequential(stem, nn.GroupNorm(GROUPS, 64), nn.PReLU())
        self.pool = nn.MaxPool3d(3, stride=2, padding=1)
        self.stages, channels = nn.ModuleList(), 64
        sizes = [(3, 128, 1, 1), (4, 256, (1, 2, 2), 1), (6, 512, 1, 2), (3, 1024, 1, 2)]
        for count, width, stride, dilation in sizes:
            blocks = [Bottleneck(channels, width, stride, dilation)]
            blocks += [Bottleneck(2 * width, width, 1, dilation) for _ in range(1, count)]
            self.stages.append(nn.Sequential(*blocks))
            channels = 2 * width

    def forward(self, x):
        x, levels = self.pool(self.stem(x)), []
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        return levels


class DAF3D(nn.Module):
    """Logits of all nine heads at the size of the image: levels, refined levels, final."""

    def __init__(self, classes=1):
        super().__init__()
        self.backbone = Backbone()
        self.lateral = nn.ModuleList(normalised(channels, 128, 1) for channels in (256, 512, 1024, 2048))
        self.fuse = three(512)
        self.attention = nn.ModuleList(attention(192) for _ in range(4))
        self.refine = nn.ModuleList(three(192) for _ in range(4))
        self.merge = normalised(256, 64, 1)
        self.pyramid = nn.ModuleList(
            nn.Sequential(
                nn.Conv3d(64, 64, 3, padding=(1, rate, rate), dilation=(1, rate, rate)), nn.GroupNorm(GROUPS, 64)
            )
            for rate in (1, 6, 12, 18)
        )
        self.project = nn.Sequential(nn.Conv3d(256, 64, 1), nn.GroupNorm(GROUPS, 64))
        self.level_heads = nn.ModuleList(nn.Conv3d(128, classes, 1) for _ in range(4))
        self.refined_heads = nn.ModuleList(nn.Conv3d(64, classes, 1) for _ in range(4))
        self.head = nn.Conv3d(64, classes, 1)

    def forward(self, image):
        levels = self.top_down(self.backbone(image))
        fused, refined = self.fuse(torch.cat(levels[::-1], dim=1)), []
        for level, attention, refine in zip(levels, self.attention, self.refine, strict=True):
            weights = attention(torch.cat([level, fused], dim=1))
            refined.append(refine(torch.cat([level, weights * fused], dim=1)))
        x = self.merge(torch.cat(refined, dim=1))
        x = self.project(torch.cat([branch(x) for branch in self.pyramid], dim=1))
        heads = [*self.level_heads, *self.refined_heads, self.head]
        return [resized(head(x), image) for head, x in zip(heads, [*levels, *refined, x], strict=True)]

    def top_down(self, levels):
        joined = None
        found = []
        for level, lateral in reversed(list(zip(levels, self.lateral, strict=True))):
            x = lateral(level)
            joined = x if joined is None else resized(joined, x) + x
            found.insert(0, joined)
        return [resized(x, found[0]) for x in found]


def normalised(channels, width, kernel):
    """Convolution, group normalisation, PReLU with one slope."""
    convolution = nn.Conv3d(channels, width, kernel, padding=kernel // 2)
    return nn.Sequential(convolution, nn.GroupNorm(GROUPS, width), nn.PReLU())


def three(channels):
    return nn.Sequential(normalised(channels, 64, 1), normalised(64, 64, 3), normalised(64, 64, 3))


def attention(channels):
    last = nn.Sequential(nn.Conv3d(64, 64, 3, padding=1), nn.Sigmoid())
    return nn.Sequential(normalised(channels, 64, 1), normalised(64, 64, 3), last)


def resized(x, like):
    return functional.interpolate(x, size=like.shape[2:], mode="trilinear", align_corners=False)


def copy_weights(ours, theirs):
    copy_backbone(ours, theirs.backbone)
    for number, lateral in enumerate(theirs.lateral, start=1):
        copy_convolution(ours.get_layer(f"down_{number}"), lateral[0])
        copy_norm(ours.get_layer(f"down_{number}_norm"), lateral[1])
        copy_prelu(ours.get_layer(f"down_{number}_prelu"), lateral[2])
    copy_stack(ours, "fuse", theirs.fuse)
    for number in range(1, 5):
        copy_stack(ours, f"attention_{number}", theirs.attention[number - 1])
        copy_stack(ours, f"refine_{number}", theirs.refine[number - 1])
        copy_convolution(ours.get_layer(f"level_head_{number}"), theirs.level_heads[number - 1])
        copy_convolution(ours.get_layer(f"refined_head_{number}"), theirs.refined_heads[number - 1])
    copy_stack(ours, "refine", [theirs.merge])
    for rate, branch in zip((1, 6, 12, 18), theirs.pyramid, strict=True):
        copy_convolution(ours.get_layer(f"pyramid_{rate}"), branch[0])
        copy_norm(ours.get_layer(f"pyramid_{rate}_norm"), branch[1])
    copy_convolution(ours.get_layer("pyramid"), theirs.project[0])
    copy_norm(ours.get_layer("pyramid_norm"), theirs.project[1])
    copy_convolution(ours.get_layer("head"), theirs.head)


def copy_stack(ours, name, steps):
    """Convolutions, each with normalisation and activation but for a last one under a sigmoid."""
    for number, step in enumerate(steps, start=1):
        copy_convolution(ours.get_layer(f"{name}_conv_{number}"), step[0])
        if isinstance(step[1], nn.GroupNorm):
            copy_norm(ours.get_layer(f"{name}_{number}_norm"), step[1])
            copy_prelu(ours.get_layer(f"{name}_prelu_{number}"), step[2])


def copy_backbone(ours, theirs):
    convolution, norm, activate = theirs.stem
    copy_convolution(ours.get_layer("stem_conv"), convolution)
    copy_norm(ours.get_layer("stem_norm"), norm)
    copy_prelu(ours.get_layer("stem_prelu"), activate)
    for stage, blocks in enumerate(theirs.stages, start=1):
        for number, block in enumerate(blocks, start=1):
            copy_bottleneck(ours, f"stage_{stage}_{number}", block)


def copy_bottleneck(ours, name, block):
    for number, convolution in enumerate((block.reduce, block.transform, block.expand), start=1):
        copy_convolution(ours.get_layer(f"{name}_conv_{number}"), convolution)
        copy_norm(ours.get_layer(f"{name}_{number}_norm"), block.norms[number - 1])
    copy_prelu(ours.get_layer(f"{name}_prelu"), block.activate)
    if isinstance(block.shortcut, nn.Sequential):
        copy_convolution(ours.get_layer(f"{name}_shortcut"), block.shortcut[0])
        copy_norm(ours.get_layer(f"{name}_shortcut_norm"), block.shortcut[1])
