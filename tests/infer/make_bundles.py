"""Small MONAI bundles with random networks, and what MONAI makes of a real CT with them.

    v/bin/python make_bundles.py nnunet/answers.npz [NAME…]

Writes `bundles/NAME/…` (configs/inference.json, configs/metadata.json, models/model.pt) and `bundles/answers.npz`: the labels,
as arrays whose axes are those of the CT (slices, rows, columns), which MONAI sees as x, y, z in RAS. `two_images` takes two
images that are made of the CT; its configuration is YAML, and a second file that changes it is merged over it.
"""

import json
import pathlib
import shutil
import sys

import numpy as np
import torch
import yaml
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


def tensor(image):
    """As MONAI's reader gives it: x slowest, an affine of RAS."""
    x = torch.from_numpy(np.ascontiguousarray(image.transpose(0, 3, 2, 1)).astype(np.float32))
    return MetaTensor(x, affine=np.diag([*SPACING, 1.0]))


def run(config, network, data):
    """The channels of the answer, each slices, rows, columns. Reading and writing files is left out."""
    for steps in ("preprocessing", "postprocessing"):
        all_steps = config[steps]["transforms"]
        config[steps]["transforms"] = [s for s in all_steps if s["_target_"] not in ("LoadImaged", "EnsureChannelFirstd", "SaveImaged")]
    parser = ConfigParser(config)
    data = parser.get_parsed_content("preprocessing")(data)
    with torch.no_grad():
        data["pred"] = parser.get_parsed_content("inferer")(data["image"][None], network)[0]
    data = parser.get_parsed_content("postprocessing")(data)
    return np.ascontiguousarray(data["pred"].numpy().astype(np.uint8).transpose(0, 3, 2, 1))


def made(parser, name):
    network = parser.get_parsed_content("network_def").eval()
    for key, value in network.state_dict().items():
        if value.is_floating_point() and not key.startswith("skip_layers"):
            value.copy_(torch.from_numpy(weight(f"{name}/{key}", value.shape)))
    return network


TWO = """# Two images of one patient, each prepared for itself.
imports:
- $import torch
bundle_root: .
spacing: [3.5, 3.2, 2.9]
device: $torch.device('cpu')
keys: [t1, t2]
network_def:
  _target_: UNet
  spatial_dims: 3
  in_channels: 2
  out_channels: 3
  channels: [4, 6, 8]
  strides: [2, 2]
  num_res_units: 1
  norm: batch
network: $@network_def.to(@device)
preprocessing:
  _target_: Compose
  transforms:
  - {_target_: LoadImaged, keys: '@keys'}
  - {_target_: EnsureChannelFirstd, keys: '@keys'}
  - {_target_: Orientationd, keys: '@keys', axcodes: RAS}
  - _target_: NormalizeIntensityd
    keys: '@keys'
    nonzero: yes
  - {_target_: ScaleIntensityd, keys: '@keys', _disabled_: true}
  - {_target_: ConcatItemsd, keys: '@keys', name: image}
  - {_target_: Spacingd, keys: image, pixdim: '@spacing', mode: bilinear}
  - {_target_: EnsureTyped, keys: image}
inferer:
  _target_: SlidingWindowInferer
  roi_size: [32, 32, 24]
  sw_batch_size: 1
  overlap: 0.25
postprocessing:
  _target_: Compose
  transforms:
  - {_target_: Activationsd, keys: pred, softmax: true}
  - {_target_: Invertd, keys: pred, transform: '@preprocessing', orig_keys: image, nearest_interp: false, to_tensor: true}
  - {_target_: AsDiscreted, keys: pred, argmax: true}
  - {_target_: SaveImaged, keys: pred, output_dir: out}
"""
# Both images in one array, prepared together.
JOINED = {
    "spacing": [3.0, 3.4, 3.1],
    "preprocessing::transforms": [
        {"_target_": "LoadImaged", "keys": "image"},
        {"_target_": "EnsureChannelFirstd", "keys": "image"},
        {"_target_": "Orientationd", "keys": "image", "axcodes": "RAS"},
        {"_target_": "CropForegroundd", "keys": "image", "source_key": "image", "margin": 1},
        {"_target_": "Spacingd", "keys": "image", "pixdim": "@spacing", "mode": ["bilinear"]},
        {"_target_": "ScaleIntensityd", "keys": "image", "minv": -1.0, "maxv": 1.0},
        {"_target_": "NormalizeIntensityd", "keys": "image", "channel_wise": True},
    ],
    "+inferer": {"overlap": 0.5, "mode": "gaussian"},
}
# Three regions that may lie in one another, each written as its number plus 1, in this order.
REGIONS = {
    "postprocessing::transforms::0": {"_target_": "Activationsd", "keys": "pred", "sigmoid": True},
    "postprocessing::transforms::2": {"_target_": "AsDiscreted", "keys": "pred", "threshold": 0.5},
}
ORDER = [2, 3, 1]


def two_images(ct, answers):
    folder = OUT / "two_images"
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    files = [folder / "configs/inference.yaml", folder / "configs/joined.json", folder / "configs/regions.json"]
    files[0].write_text(TWO)
    files[1].write_text(json.dumps(JOINED, indent=1) + "\n")
    files[2].write_text(json.dumps(REGIONS, indent=1) + "\n")
    metadata = {
        "version": "0.1.0", "task": "example", "network_data_format": {
            "inputs": {"image": {"type": "image", "modality": "MR", "num_channels": 2, "channel_def": {"0": "T1", "1": "T2"}}},
            "outputs": {"pred": {"channel_def": {"0": "background", "1": "part 1", "2": "part 2"}}},
        },
    }
    (folder / "configs/metadata.json").write_text(json.dumps(metadata, indent=1) + "\n")
    network = made(ConfigParser(yaml.safe_load(TWO)), "two_images")
    torch.save(network.state_dict(), folder / "models/model.pt")
    air = ct < -500
    t1, t2 = np.where(air, 0, ct + 1024)[None], np.where(air, 0, 1500 - ct // 2)[None]
    apart = ConfigParser.load_config_files([str(files[0])])
    answers["two_images_apart"] = run(apart, network, {"t1": tensor(t1), "t2": tensor(t2)})[0]
    joined = ConfigParser.load_config_files([str(path) for path in files[:2]])
    answers["two_images_joined"] = run(joined, network, {"image": tensor(np.concatenate([t1, t2]))})[0]
    regions = ConfigParser.load_config_files([str(files[0]), str(files[2])])
    found = run(regions, network, {"t1": tensor(t1), "t2": tensor(t2)})
    answers["two_images_regions"] = np.zeros_like(found[0])
    for label in ORDER:
        answers["two_images_regions"][found[label - 1] > 0] = label
    for name in ("two_images_apart", "two_images_joined", "two_images_regions"):
        print(name, answers[name].shape, np.bincount(answers[name].ravel()))


def main(path, wanted):
    torch.set_num_threads(2)
    ct = np.load(path)["ct"]
    answers = {**np.load(OUT / "answers.npz")} if wanted else {}
    for name in wanted or [*STEPS, "two_images"]:
        shutil.rmtree(OUT / name, ignore_errors=True)
    if not wanted or "two_images" in wanted:
        two_images(ct, answers)
    for name, (before, inferer, after) in STEPS.items():
        if wanted and name not in wanted:
            continue
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
        network = made(ConfigParser(json.loads(json.dumps(config))), name)
        torch.save(network.state_dict(), folder / "models/model.pt")
        answers[name] = run(config, network, {"image": tensor(ct[None])})[0]
        print(name, answers[name].shape, np.bincount(answers[name].ravel()))
    np.savez_compressed(OUT / "answers.npz", **answers)


main(sys.argv[1], sys.argv[2:])
