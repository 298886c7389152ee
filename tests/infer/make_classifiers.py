"""What torchvision and MONAI give for a made picture, with their own preparation and classifiers whose weights are made from
their names: the probabilities. Writes `references/classifiers.json`; the layers are in the references of the networks.

    v/bin/python make_classifiers.py
"""

import json
import pathlib

import numpy as np
import torch
from monai import transforms as monai_transforms
from monai.networks.nets import DenseNet121
from PIL import Image
from torchvision import models
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F
from torchvision.transforms._presets import ImageClassification

from made_numbers import uniform, weight

HERE = pathlib.Path(__file__).parent
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def colour(name, rows, columns):
    """Bytes: noise over squares of 8 by 8 pixels, with noise of its own in each pixel."""
    coarse = uniform(name, rows * columns * 3).reshape(rows, columns, 3)
    fine = uniform(name + "/fine", rows * columns * 3).reshape(rows, columns, 3)
    place = np.ix_(np.arange(rows) // 8, np.arange(columns) // 8)
    return np.floor(coarse[place] * np.float32(192) + fine * np.float32(64)).astype(np.uint8)


def grey(name, rows, columns):
    """Whole numbers from -1000 to 1000 in the same way."""
    coarse, fine = (uniform(part, rows * columns).reshape(rows, columns) for part in (name, name + "/fine"))
    place = np.ix_(np.arange(rows) // 8, np.arange(columns) // 8)
    return np.floor(coarse[place] * np.float32(1500) + fine * np.float32(500)) - np.float32(1000)


def preset(size, crop, interpolation):
    steps = ImageClassification(resize_size=size, crop_size=crop, interpolation=interpolation)
    return lambda picture: steps(Image.fromarray(picture))


def repeated(picture):
    """A grey picture from its least to its greatest value, for a network of colours."""
    x = torch.from_numpy(picture)[None]
    x = (x - x.min()) / (x.max() - x.min())
    x = F.center_crop(F.resize(x, [72], InterpolationMode.BICUBIC, antialias=True), [64])
    return F.normalize(x.repeat(3, 1, 1), MEAN, STD)


def monai_steps(picture):
    steps = monai_transforms.Compose([
        monai_transforms.ScaleIntensityRange(-200, 300, 0.0, 1.0, clip=True),
        monai_transforms.Resize((64, 96), mode="bilinear"),
        monai_transforms.NormalizeIntensity(0.3, 0.4),
    ])
    return torch.as_tensor(np.asarray(steps(picture[None])))


CASES = {
    # Reference of the network: network, picture, preparation, what makes probabilities of the answers.
    "torchvision_resnet18": (
        lambda: models.resnet18(num_classes=7), colour("picture", 90, 117), preset(72, 64, InterpolationMode.BILINEAR), "softmax",
    ),
    "torchvision_efficientnet_b2": (
        lambda: models.efficientnet_b2(num_classes=7), colour("small", 61, 50), preset(80, 96, InterpolationMode.BICUBIC),
        "sigmoid",
    ),
    "torchvision_convnext_tiny": (
        lambda: models.convnext_tiny(num_classes=7), colour("wide", 40, 133), preset(64, 64, InterpolationMode.BICUBIC), "softmax",
    ),
    "torchvision_densenet121": (lambda: models.densenet121(num_classes=7), grey("chest", 101, 130), repeated, "softmax"),
    "densenet121_2d": (
        lambda: DenseNet121(spatial_dims=2, in_channels=1, out_channels=5), grey("slice", 75, 80), monai_steps, "sigmoid",
    ),
}

torch.set_num_threads(2)
told = {}
for name, (make, picture, prepare, activation) in CASES.items():
    network = make().eval()
    for key, value in network.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.from_numpy(weight(key, value.shape)))
    with torch.no_grad():
        logits = network(prepare(picture)[None])[0]
    p = torch.softmax(logits, 0) if activation == "softmax" else torch.sigmoid(logits)
    told[name] = [round(float(x), 7) for x in p]
    print(name, told[name])
(HERE / "references/classifiers.json").write_text(json.dumps(told, indent=1) + "\n")
