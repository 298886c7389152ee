"""Small MONAI bundles with random networks, and what MONAI makes of a real CT with them.

    v/bin/python make_bundles.py nnunet/answers.npz

Writes `bundles/NAME/…` (configs/inference.json, configs/metadata.json, models/model.pt) and `bundles/answers.npz`: the labels,
as arrays whose axes are those of the CT (slices, rows, columns), which MONAI sees as x, y, z in RAS.
"""

import json
import pathlib
import shutil
import sys

import numpy as np
import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor

from made_numbers import weight

OUT = pathlib.Path(__file__).parent / "bundles"
SPACING = [3.0, 3.0, 3.0]

NETWORKS = {
    "unet": {
        "_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 3, "channels": [6, 8, 12],
        "strides": [2, 2], "num_res_units": 2, "norm": "batch",
    },
    "dynunet": {
        "_target_": "monai.networks.nets.DynUNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2,
        "kernel_size": [3, 3, 3], "strides": [1, 2, [2, 2, 1]], "upsample_kernel_size": [2, [2, 2, 1]],
        "filters": [6, 8, 12], "norm_name": ["INSTANCE", {"affine": True}],
    },
    "segresnet": {
        "_target_": "SegResNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 1, "init_filters": 8,
        "blocks_down": [1, 1], "blocks_up": [1], "norm": ["GROUP", {"num_groups": 4}],
    },
}
RANGE = {
    "_target_": "ScaleIntensityRanged", "keys": "image", "a_min": -200, "a_max": 300, "b_min": 0.0, "b_max": 1.0, "clip": True,
}
# Transforms before, the inferer, transforms after.
STEPS = {
    "unet": (
        [
            {"_target_": "Orientationd", "keys": "image", "axcodes": "RAS"},
            {"_target_": "Spacingd", "keys": "image", "pixdim": "@spacing", "mode": "bilinear"},
            RANGE,
        ],
        {"_target_": "SlidingWindowInferer", "roi_size": "@roi", "sw_batch_size": 2, "overlap": 0.5, "mode": "gaussian"},
        [
            {"_target_": "Activationsd", "keys": "pred", "softmax": True},
            {
                "_target_": "Invertd", "keys": "pred", "transform": "@preprocessing", "orig_keys": "image",
                "nearest_interp": False, "to_tensor": True,
            },
            {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
        ],
    ),
    "dynunet": (
        [
            {"_target_": "Orientationd", "keys": "image", "axcodes": "RAS"},
            {"_target_": "Spacingd", "keys": "image", "pixdim": [4.1, 3.3, 1.9], "mode": ["bilinear"]},
            {"_target_": "CropForegroundd", "keys": "image", "source_key": "image", "margin": 2},
            {"_target_": "NormalizeIntensityd", "keys": "image", "nonzero": True, "channel_wise": True},
        ],
        {"_target_": "SlidingWindowInferer", "roi_size": [32, 32, 24], "sw_batch_size": 1},
        [
            {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
            {
                "_target_": "Invertd", "keys": "pred", "transform": "@preprocessing", "orig_keys": "image",
                "to_tensor": True,
            },
        ],
    ),
    "segresnet": (
        [
            {"_target_": "Orientationd", "keys": "image", "axcodes": "RAS"},
            {"_target_": "ScaleIntensityd", "keys": "image"},
        ],
        {"_target_": "SlidingWindowInferer", "roi_size": [64, 64, 40], "sw_batch_size": 1, "overlap": 0.25},
        [
            {"_target_": "Activationsd", "keys": "pred", "sigmoid": True},
            {
                "_target_": "Invertd", "keys": "pred", "transform": "@preprocessing", "orig_keys": "image",
                "nearest_interp": False, "to_tensor": True,
            },
            {"_target_": "AsDiscreted", "keys": "pred", "threshold": 0.5},
        ],
    ),
}


def main(path):
    torch.set_num_threads(2)
    shutil.rmtree(OUT, ignore_errors=True)
    ct = np.load(path)["ct"]
    answers = {}
    for name, (before, inferer, after) in STEPS.items():
        outputs = NETWORKS[name]["out_channels"]
        config = {
            "imports": ["$import glob"],
            "bundle_root": ".",
            "device": "$torch.device('cpu')",
            "spacing": [2.5, 3.5, 4.0],
            "roi": [40, 32, 24],
            "network_def": NETWORKS[name],
            "network": "$@network_def.to(@device)",
            "preprocessing": {
                "_target_": "Compose",
                "transforms": [
                    {"_target_": "LoadImaged", "keys": "image"},
                    {"_target_": "EnsureChannelFirstd", "keys": "image"},
                    *before,
                    {"_target_": "EnsureTyped", "keys": "image"},
                ],
            },
            "inferer": inferer,
            "postprocessing": {
                "_target_": "Compose",
                "transforms": [*after, {"_target_": "SaveImaged", "keys": "pred", "output_dir": "out"}],
            },
            "dataloader": {"_target_": "DataLoader", "dataset": "@dataset"},
        }
        folder = OUT / name
        (folder / "configs").mkdir(parents=True)
        (folder / "models").mkdir()
        (folder / "configs/inference.json").write_text(json.dumps(config, indent=1) + "\n")
        classes = {"0": "background", **{str(i): f"part {i}" for i in range(1, max(outputs, 2))}}
        metadata = {
            "version": "0.1.0", "task": "example", "network_data_format": {
                "inputs": {"image": {"type": "image", "modality": "CT", "num_channels": 1}},
                "outputs": {"pred": {"type": "image", "format": "segmentation", "channel_def": classes}},
            },
        }
        (folder / "configs/metadata.json").write_text(json.dumps(metadata, indent=1) + "\n")
        parser = ConfigParser(json.loads(json.dumps(config)))
        network = parser.get_parsed_content("network_def").eval()
        for key, value in network.state_dict().items():
            if value.is_floating_point() and not key.startswith("skip_layers"):
                value.copy_(torch.from_numpy(weight(f"{name}/{key}", value.shape)))
        torch.save(network.state_dict(), folder / "models/model.pt")
        # The image as MONAI's reader gives it: x slowest, an affine of RAS. Reading and writing files is left out.
        image = MetaTensor(torch.from_numpy(ct.transpose(2, 1, 0)[None].astype(np.float32)), affine=np.diag([*SPACING, 1.0]))
        config["preprocessing"]["transforms"] = before
        config["postprocessing"]["transforms"] = after
        parser = ConfigParser(config)
        preprocessing = parser.get_parsed_content("preprocessing")
        data = preprocessing({"image": image})
        with torch.no_grad():
            pred = parser.get_parsed_content("inferer")(data["image"][None], network)
        data["pred"] = pred[0]
        data = parser.get_parsed_content("postprocessing")(data)
        labels = data["pred"].numpy()[0].astype(np.uint8).transpose(2, 1, 0)
        answers[name] = np.ascontiguousarray(labels)
        print(name, tuple(data["image"].shape), labels.shape, np.bincount(labels.ravel()))
    np.savez_compressed(OUT / "answers.npz", **answers)


main(sys.argv[1])
