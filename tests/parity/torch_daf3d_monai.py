"""DAF3D out of MONAI's parts (feature pyramid, attention, atrous pooling, convolutions) on our backbone in PyTorch.

MONAI 1.6.1's own DAF3D is another network than the authors': its backbone has batch normalisation and ReLU (its
bottlenecks hold PReLUs that are never called); one attention module serves all levels, one head all levels and one all
refined features; the levels are fused in the opposite order.
"""

import torch
from monai.networks.blocks import Convolution
from monai.networks.nets.daf3d import AttentionModule, Daf3dASPP, Daf3dFPN
from torch import nn

from tests.parity.torch_copying import copy_convolution, copy_norm, copy_prelu
from tests.parity.torch_daf3d import Backbone, copy_backbone, resized

NORM = ("GROUP", {"num_groups": 32, "num_channels": 64})
ACTIVATION = ("PRELU", {"num_parameters": 1})
RATES = (1, 6, 12, 18)


class MonaiDAF3D(nn.Module):
    """Logits of all nine heads at the size of the image: levels, refined levels, final."""

    def __init__(self):
        super().__init__()
        self.backbone = Backbone()
        self.pyramid = Daf3dFPN(3, [256, 512, 1024, 2048], 128)
        del self.pyramid.layer_blocks  # of the class it is derived from; not called
        sizes = [(512, 1), (64, 3), (64, 3)]
        self.fuse = nn.Sequential(*(Convolution(3, n, 64, kernel_size=k, norm=NORM, act=ACTIVATION) for n, k in sizes))
        self.attention = nn.ModuleList(AttentionModule(3, 192, 64, NORM, ACTIVATION) for _ in range(4))
        self.merge = Convolution(3, 256, 64, kernel_size=1, norm=NORM, act=ACTIVATION)
        dilations = [(1, rate, rate) for rate in RATES]
        self.pooling = Daf3dASPP(3, 64, 64, 64, (3, 3, 3, 3), dilations, norm_type=NORM, acti_type=None, bias=True)
        self.heads = nn.ModuleList(nn.Conv3d(width, 1, 1) for width in [*[128] * 4, *[64] * 5])

    def forward(self, image):
        levels = {f"feat{number}": x for number, x in enumerate(self.backbone(image), start=1)}
        levels = list(self.pyramid(levels).values())
        fused = self.fuse(torch.cat(levels[::-1], dim=1))
        refined = [module(level, fused)[0] for module, level in zip(self.attention, levels, strict=True)]
        final = self.pooling(self.merge(torch.cat(refined, dim=1)))
        features = [*levels, *refined, final]
        return [resized(head(x), image) for head, x in zip(self.heads, features, strict=True)]


def copy_weights(ours, theirs):
    copy_backbone(ours, theirs.backbone)
    for number, lateral in enumerate(theirs.pyramid.inner_blocks, start=1):
        copy_step(ours, [f"down_{number}", f"down_{number}_norm", f"down_{number}_prelu"], lateral)
    copy_stack(ours, "fuse", theirs.fuse)
    for number, module in enumerate(theirs.attention, start=1):
        copy_stack(ours, f"attention_{number}", module.attentive_map)
        copy_stack(ours, f"refine_{number}", module.refine)
    copy_stack(ours, "refine", [theirs.merge])
    for rate, branch in zip(RATES, theirs.pooling.convs, strict=True):
        copy_step(ours, [f"pyramid_{rate}", f"pyramid_{rate}_norm"], branch)
    copy_step(ours, ["pyramid", "pyramid_norm"], theirs.pooling.conv_k1)
    names = [f"{kind}_head_{number}" for kind in ("level", "refined") for number in range(1, 5)]
    for name, head in zip([*names, "head"], theirs.heads, strict=True):
        copy_convolution(ours.get_layer(name), head)


def copy_stack(ours, name, steps):
    for number, step in enumerate(steps, start=1):
        copy_step(ours, [f"{name}_conv_{number}", f"{name}_{number}_norm", f"{name}_prelu_{number}"], step)


def copy_step(ours, names, step):
    """A `Convolution` of MONAI: a convolution, then normalisation and PReLU where it has them."""
    copy_convolution(ours.get_layer(names[0]), step.conv)
    if hasattr(step.adn, "N"):
        copy_norm(ours.get_layer(names[1]), step.adn.N)
    if isinstance(getattr(step.adn, "A", None), nn.PReLU):
        copy_prelu(ours.get_layer(names[2]), step.adn.A)
