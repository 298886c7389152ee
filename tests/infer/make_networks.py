"""Answers of the original networks: PyTorch, MONAI, dynamic-network-architectures, torchvision.

    python3 -m venv v && v/bin/pip install -r requirements.txt && v/bin/python make_networks.py

writes `references/NAME.json`: the names, shapes and kinds of the layers, and a sample of the logits for the image of
`made_numbers.py`. The weights are made from their names on both sides.
"""

import base64
import json
import pathlib
import sys

import numpy as np
import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet, ResidualEncoderUNet
from monai.networks.nets import BasicUNet, DenseNet121, DynUNet, SegResNet, SwinUNETR, UNet
from torch import nn
from torchvision import models

from made_numbers import image, weight

OUT = pathlib.Path(__file__).parent / "references"


def nnunet(network, dims, **shape):
    conv = {2: nn.Conv2d, 3: nn.Conv3d}[dims]
    norm = {2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}[dims]
    return network(
        conv_op=conv,
        conv_bias=True,
        norm_op=norm,
        norm_op_kwargs={"eps": 1e-5, "affine": True},
        nonlin=nn.LeakyReLU,
        nonlin_kwargs={"inplace": True},
        deep_supervision=False,
        **shape,
    )


CASES = {
    "nnunet_plain_3d": (
        lambda: nnunet(
            PlainConvUNet, 3, input_channels=1, n_stages=4, features_per_stage=[8, 16, 32, 64],
            kernel_sizes=[[3, 3, 3]] * 4, strides=[[1, 1, 1]] + [[2, 2, 2]] * 3, n_conv_per_stage=[2] * 4,
            num_classes=3, n_conv_per_stage_decoder=[2] * 3,
        ),
        (1, 1, 16, 24, 32),
    ),
    "nnunet_plain_2d": (
        lambda: nnunet(
            PlainConvUNet, 2, input_channels=3, n_stages=4, features_per_stage=[8, 16, 32, 64],
            kernel_sizes=[[3, 3]] * 4, strides=[[1, 1]] + [[2, 2]] * 3, n_conv_per_stage=[2] * 4,
            num_classes=2, n_conv_per_stage_decoder=[2] * 3,
        ),
        (2, 3, 48, 64),
    ),
    "nnunet_residual_3d": (
        lambda: nnunet(
            ResidualEncoderUNet, 3, input_channels=2, n_stages=4, features_per_stage=[8, 16, 32, 64],
            kernel_sizes=[[1, 3, 3], [3, 3, 3], [3, 3, 3], [3, 3, 3]],
            strides=[[1, 1, 1], [1, 2, 2], [2, 2, 2], [2, 2, 2]], n_blocks_per_stage=[1, 2, 2, 2],
            num_classes=3, n_conv_per_stage_decoder=[1] * 3,
        ),
        (1, 2, 12, 32, 40),
    ),
    "nnunet_residual_2d": (
        lambda: nnunet(
            ResidualEncoderUNet, 2, input_channels=1, n_stages=4, features_per_stage=[8, 16, 32, 64],
            kernel_sizes=[[3, 3]] * 4, strides=[[1, 1]] + [[2, 2]] * 3, n_blocks_per_stage=[1, 2, 2, 2],
            num_classes=2, n_conv_per_stage_decoder=[1] * 3,
        ),
        (1, 1, 48, 64),
    ),
    "monai_unet_2d": (
        lambda: UNet(
            spatial_dims=2, in_channels=3, out_channels=2, channels=(16, 32, 64, 128), strides=(2, 2, 2),
            num_res_units=2, norm="batch",
        ),
        (2, 3, 48, 64),
    ),
    "monai_unet_3d": (
        lambda: UNet(
            spatial_dims=3, in_channels=1, out_channels=3, channels=(8, 16, 32), strides=(2, 2), num_res_units=0,
        ),
        (1, 1, 16, 24, 32),
    ),
    "basic_unet_3d": (
        lambda: BasicUNet(spatial_dims=3, in_channels=1, out_channels=2, features=(8, 8, 16, 32, 64, 8)),
        (1, 1, 33, 34, 35),
    ),
    "dyn_unet_3d": (
        lambda: DynUNet(
            spatial_dims=3, in_channels=1, out_channels=3, kernel_size=[[3, 3, 1], [3, 3, 3], [3, 3, 3], [3, 3, 3]],
            strides=[[1, 1, 1], [2, 2, 1], [2, 2, 2], [2, 2, 2]], filters=[8, 16, 32, 64],
            upsample_kernel_size=[[2, 2, 1], [2, 2, 2], [2, 2, 2]], deep_supervision=True, deep_supr_num=1,
        ),
        (1, 1, 32, 32, 12),
    ),
    "dyn_unet_2d_residual": (
        lambda: DynUNet(
            spatial_dims=2, in_channels=1, out_channels=2, kernel_size=[3, 3, 3], strides=[1, 2, 2],
            filters=[8, 16, 32], upsample_kernel_size=[2, 2], res_block=True, trans_bias=True,
        ),
        (1, 1, 32, 48),
    ),
    "seg_resnet_3d": (
        lambda: SegResNet(spatial_dims=3, init_filters=8, in_channels=1, out_channels=2),
        (1, 1, 16, 24, 32),
    ),
    "seg_resnet_2d": (
        lambda: SegResNet(
            spatial_dims=2, init_filters=16, in_channels=1, out_channels=2, blocks_down=(1, 1, 2), blocks_up=(1, 1),
        ),
        (1, 1, 32, 48),
    ),
    "swin_unetr_3d": (
        lambda: SwinUNETR(in_channels=1, out_channels=2, feature_size=12),
        (1, 1, 64, 64, 96),
    ),
    "swin_unetr_2d_v2": (
        lambda: SwinUNETR(
            in_channels=1, out_channels=2, feature_size=12, spatial_dims=2, use_v2=True, downsample="mergingv2",
        ),
        (1, 1, 64, 96),
    ),
    "swin_unetr_3d_merging_v2": (
        lambda: SwinUNETR(in_channels=1, out_channels=2, feature_size=12, downsample="mergingv2"),
        (1, 1, 32, 32, 64),
    ),
    "densenet121_3d": (
        lambda: DenseNet121(spatial_dims=3, in_channels=1, out_channels=4),
        (1, 1, 32, 48, 64),
    ),
    "densenet121_2d": (
        lambda: DenseNet121(spatial_dims=2, in_channels=1, out_channels=5),
        (2, 1, 64, 96),
    ),
    "torchvision_densenet121": (lambda: models.densenet121(num_classes=7), (1, 3, 64, 96)),
    "torchvision_resnet18": (lambda: models.resnet18(num_classes=7), (2, 3, 64, 96)),
    "torchvision_resnet50": (lambda: models.resnet50(num_classes=7), (1, 3, 64, 96)),
    "torchvision_efficientnet_b2": (lambda: models.efficientnet_b2(num_classes=7), (1, 3, 64, 96)),
    "torchvision_convnext_tiny": (lambda: models.convnext_tiny(num_classes=7), (1, 3, 64, 96)),
}


def main(names):
    torch.set_num_threads(2)
    OUT.mkdir(exist_ok=True)
    for name in names or CASES:
        make, shape = CASES[name]
        network = make().eval()
        layers, filled = [], set()
        for key, value in network.state_dict().items():
            layers.append([key, list(value.shape), "f32" if value.is_floating_point() else "i64"])
            # Some tensors stand in the table under several names: the first one counts.
            if value.is_floating_point() and value.data_ptr() not in filled:
                filled.add(value.data_ptr())
                value.copy_(torch.from_numpy(weight(key, value.shape)))
        with torch.no_grad():
            logits = network(torch.from_numpy(image(shape)))
        # Every other voxel of a volume, or every fourth, is enough to tell, and keeps the files small.
        step = (4 if logits.numel() > 200_000 else 2) if logits.ndim == 5 else 1
        sample = logits.numpy()[:, :, ::step, ::step, ::step] if logits.ndim == 5 else logits.numpy()
        told = {
            "input": shape,
            "output": list(logits.shape),
            "step": step,
            "layers": layers,
            "logits": base64.b64encode(np.ascontiguousarray(sample, dtype="<f4").tobytes()).decode(),
        }
        (OUT / f"{name}.json").write_text(json.dumps(told, separators=(",", ":")) + "\n")
        print(name, tuple(logits.shape), "rms", float(logits.square().mean().sqrt()), len(layers))


main(sys.argv[1:])
