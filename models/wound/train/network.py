"""The wound segmenter's network: nnU-Net's ResidualEncoderUNet in the plane, with the names its weights have there, so that the
workstation's loader of nnU-Net networks reads it. Only PyTorch is needed."""

import torch
from torch import nn


class ConvNorm(nn.Module):
    def __init__(self, inputs, outputs, kernel=3, stride=1, bias=True):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, bias=bias)
        self.norm = nn.InstanceNorm2d(outputs, eps=1e-5, affine=True)

    def forward(self, x):
        return self.norm(self.conv(x))


def activate(x):
    return nn.functional.leaky_relu(x, 0.01, inplace=True)


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = ConvNorm(inputs, outputs, stride=stride)
        self.conv2 = ConvNorm(outputs, outputs)
        skip = [nn.AvgPool2d(stride, stride)] if stride > 1 else []
        skip += [ConvNorm(inputs, outputs, kernel=1, bias=False)] if inputs != outputs else []
        self.skip = nn.Sequential(*skip)

    def forward(self, x):
        return activate(self.conv2(activate(self.conv1(x))) + self.skip(x))


class Stage(nn.Module):
    def __init__(self, inputs, outputs, count, stride):
        super().__init__()
        self.blocks = nn.Sequential(*[Block(inputs if i == 0 else outputs, outputs, stride if i == 0 else 1) for i in range(count)])

    def forward(self, x):
        return self.blocks(x)


class Convs(nn.Module):
    def __init__(self, *convs):
        super().__init__()
        self.convs = nn.ModuleList(convs)

    def forward(self, x):
        for conv in self.convs:
            x = activate(conv(x))
        return x


class Encoder(nn.Module):
    def __init__(self, inputs, features, blocks):
        super().__init__()
        self.stem = Convs(ConvNorm(inputs, features[0]))
        before = [features[0], *features]
        self.stages = nn.ModuleList(
            [Stage(before[s], features[s], blocks[s], 1 if s == 0 else 2) for s in range(len(features))]
        )

    def forward(self, x):
        x, out = self.stem(x), []
        for stage in self.stages:
            x = stage(x)
            out.append(x)
        return out


class Decoder(nn.Module):
    def __init__(self, features, outputs):
        super().__init__()
        pairs = [(features[s], features[s - 1]) for s in range(len(features) - 1, 0, -1)]
        self.transpconvs = nn.ModuleList([nn.ConvTranspose2d(below, above, 2, 2) for below, above in pairs])
        self.stages = nn.ModuleList([Convs(ConvNorm(2 * above, above)) for _, above in pairs])
        self.seg_layers = nn.ModuleList([nn.Conv2d(above, outputs, 1) for _, above in pairs])

    def forward(self, levels):
        x, heads = levels[-1], []
        for up, stage, head, skip in zip(self.transpconvs, self.stages, self.seg_layers, reversed(levels[:-1])):
            x = stage(torch.cat((up(x), skip), 1))
            heads.append(head(x))
        return heads


class WoundNet(nn.Module):
    """RGB in [-1, 1] to a logit of wound for each pixel; while it is trained also those of coarser levels."""

    def __init__(self, features, blocks):
        super().__init__()
        self.encoder = Encoder(3, features, blocks)
        self.decoder = Decoder(features, 1)

    def forward(self, x):
        heads = self.decoder(self.encoder(x))
        return heads if self.training else heads[-1]
