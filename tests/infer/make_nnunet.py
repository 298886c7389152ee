"""Models as nnU-Net v2 leaves them, with small random networks, and what `nnunetv2.inference` makes of a real CT with them.

    v/bin/python make_nnunet.py example_ct_sm.nii.gz [MODEL…]

The CT is TotalSegmentator's `tests/reference_files/example_ct_sm.nii.gz` (Apache-2.0); `nnunet/answers.npz` holds it too. Writes `nnunet/MODEL/…` (plans.json,
dataset.json, fold_N/checkpoint_final.pth) and `nnunet/answers.npz`: the CT, and the labels of each model.
"""

import json
import pathlib
import shutil
import sys

import numpy as np
import SimpleITK as sitk
import torch
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from nnunetv2.utilities.label_handling.label_handling import LabelManager

from made_numbers import weight

OUT = pathlib.Path(__file__).parent / "nnunet"
CT = {"mean": 40.0, "std": 180.0, "percentile_00_5": -900.0, "percentile_99_5": 800.0, "median": 45.0, "min": -1024.0, "max": 2000.0}


def resampling(order, is_seg):
    return {"is_seg": is_seg, "order": order, "order_z": 0, "force_separate_z": None}


def configuration(
    spatial, patch, spacing, residual=False, norm="CTNormalization", mask=False, strides=None, kernels=None, channels=1, **more
):
    ones = [1] * spatial
    strides = strides or [ones, [2] * spatial, [2] * spatial]
    kernels = kernels or [[3] * spatial] * 3
    blocks = {"n_blocks_per_stage": [1, 2, 2]} if residual else {"n_conv_per_stage": [2, 2, 2]}
    return {
        "data_identifier": "x", "preprocessor_name": "DefaultPreprocessor", "batch_size": 2, "patch_size": patch,
        "median_image_size_in_voxels": [30.0, 90.0, 90.0], "spacing": spacing,
        "normalization_schemes": [norm] * channels, "use_mask_for_norm": [mask] * channels, "resampling_fn_data": "resample_data_or_seg_to_shape",
        "resampling_fn_seg": "resample_data_or_seg_to_shape", "resampling_fn_data_kwargs": resampling(3, False),
        "resampling_fn_seg_kwargs": resampling(1, True), "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
        "resampling_fn_probabilities_kwargs": resampling(1, False), "batch_dice": False,
        "architecture": {
            "network_class_name": "dynamic_network_architectures.architectures.unet."
            + ("ResidualEncoderUNet" if residual else "PlainConvUNet"),
            "arch_kwargs": {
                "n_stages": 3, "features_per_stage": [6, 8, 12], "conv_op": f"torch.nn.modules.conv.Conv{spatial}d",
                "kernel_sizes": kernels, "strides": strides, **blocks,
                "n_conv_per_stage_decoder": [1, 1] if residual else [2, 2], "conv_bias": True,
                "norm_op": f"torch.nn.modules.instancenorm.InstanceNorm{spatial}d",
                "norm_op_kwargs": {"eps": 1e-05, "affine": True}, "dropout_op": None, "dropout_op_kwargs": None,
                "nonlin": "torch.nn.LeakyReLU", "nonlin_kwargs": {"inplace": True},
            },
            "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
        },
        **more,
    }


def old_form(configuration):
    """As plans.json was before nnU-Net 2.3."""
    old = dict(configuration)
    arguments = old.pop("architecture")["arch_kwargs"]
    old.update(
        UNet_class_name="PlainConvUNet", UNet_base_num_features=arguments["features_per_stage"][0],
        unet_max_num_features=12, n_conv_per_stage_encoder=arguments["n_conv_per_stage"],
        n_conv_per_stage_decoder=arguments["n_conv_per_stage_decoder"], num_pool_per_axis=[2, 2, 2],
        pool_op_kernel_sizes=arguments["strides"], conv_kernel_sizes=arguments["kernel_sizes"],
    )
    return old


LABELS = {"background": 0, "liver": 1, "spleen": 2, "kidney": 3}
REGIONS = {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "enhancing": 3}

# Each: configurations, transpose, dataset, folds, mirroring, spacing the image is said to have (slices, rows, columns).
MODELS = {
    "ensemble": (
        {"3d_fullres": old_form(configuration(3, [24, 56, 56], [3.5, 3.2, 3.2]))},
        [0, 1, 2], {"labels": LABELS}, [0, 1], (0, 2), [3.0, 3.0, 3.0],
    ),
    "plane": (
        {"2d": configuration(2, [48, 64], [2.0, 2.5], residual=True, norm="ZScoreNormalization", mask=True)},
        [1, 0, 2], {"labels": LABELS}, ["all"], (0, 1), [3.0, 3.0, 3.0],
    ),
    "thick_slices": (
        {
            "3d_fullres": configuration(
                3, [12, 40, 40], [7.0, 2.5, 2.5], norm="RescaleTo01Normalization",
                strides=[[1, 1, 1], [1, 2, 2], [2, 2, 2]], kernels=[[1, 3, 3], [3, 3, 3], [3, 3, 3]],
            )
        },
        [0, 1, 2], {"labels": LABELS}, [0], None, [10.0, 3.0, 3.0],
    ),
    "cascade": (
        {
            "3d_lowres": configuration(3, [16, 24, 24], [5.0, 5.0, 5.0], next_stage="3d_cascade_fullres"),
            "3d_fullres": configuration(3, [24, 32, 32], [3.0, 3.0, 3.0]),
            "3d_cascade_fullres": {"inherits_from": "3d_fullres", "previous_stage": "3d_lowres"},
        },
        [0, 1, 2], {"labels": LABELS}, [0], (2,), [3.0, 3.0, 3.0],
    ),
    "regions": (
        {"3d_fullres": configuration(3, [24, 40, 40], [3.0, 3.0, 3.0])},
        [0, 1, 2], {"labels": REGIONS, "regions_class_order": [1, 2, 3]}, [0], None, [3.0, 3.0, 3.0],
    ),
    "two_channels": (
        {
            "3d_fullres": configuration(
                3, [24, 40, 40], [3.5, 2.8, 2.8], norm="ZScoreNormalization", mask=True, channels=2, residual=True,
            )
        },
        [0, 1, 2], {"labels": LABELS, "channel_names": {"0": "T1", "1": "T2"}}, [0], (1,), [3.0, 3.0, 3.0],
    ),
}


def channels_of(ct, count):
    """The CT, or two images made of it that are 0 where there is air."""
    if count == 1:
        return ct[None]
    air = ct < -500
    return np.stack([np.where(air, 0, ct + 1024), np.where(air, 0, 1500 - ct // 2)]).astype(np.int16)


def write(folder, plans, dataset, name, fold, mirroring, seed):
    plan = plans["configurations"][name]
    while "inherits_from" in plan:
        parent = {k: v for k, v in plans["configurations"][plan["inherits_from"]].items()}
        plan = {**parent, **{k: v for k, v in plan.items() if k != "inherits_from"}}
    manager = LabelManager(dataset["labels"], dataset.get("regions_class_order"))
    channels = len(dataset["channel_names"]) + (len(manager.foreground_labels) if plan.get("previous_stage") else 0)
    architecture = plan.get("architecture") or configuration(3, plan["patch_size"], plan["spacing"])["architecture"]
    if "architecture" not in plan:
        architecture["arch_kwargs"]["features_per_stage"] = [6, 12, 12]
    network = get_network_from_plans(
        architecture["network_class_name"], architecture["arch_kwargs"], architecture["_kw_requires_import"], channels,
        manager.num_segmentation_heads, allow_init=True, deep_supervision=False,
    )
    filled = set()
    for key, value in network.state_dict().items():
        if value.data_ptr() not in filled:
            filled.add(value.data_ptr())
            value.copy_(torch.from_numpy(weight(f"{seed}/{key}", value.shape)))
    optimizer = torch.optim.SGD(network.parameters(), 1e-2, momentum=0.99, nesterov=True)
    checkpoint = {
        "network_weights": network.state_dict(),
        "optimizer_state": optimizer.state_dict(),
        "grad_scaler_state": {"scale": 65536.0, "growth_factor": 2.0, "_growth_tracker": 12},
        "logging": {"mean_fg_dice": [np.float64(0.5), np.float64(0.61)], "train_losses": [np.float32(0.3)]},
        "_best_ema": np.float64(0.77),
        "current_epoch": 1000,
        "init_args": {"plans": plans, "configuration": name, "fold": fold, "dataset_json": dataset, "device": torch.device("cpu")},
        "trainer_name": "nnUNetTrainer",
        "inference_allowed_mirroring_axes": mirroring,
    }
    place = folder / f"fold_{fold}"
    place.mkdir(parents=True, exist_ok=True)
    torch.save(checkpoint, place / "checkpoint_final.pth")
    (folder / "plans.json").write_text(json.dumps(plans, indent=1) + "\n")
    (folder / "dataset.json").write_text(json.dumps(dataset, indent=1) + "\n")


def predict(folder, folds, image, spacing, lower=None):
    predictor = nnUNetPredictor(
        tile_step_size=0.5, use_gaussian=True, use_mirroring=True, perform_everything_on_device=False,
        device=torch.device("cpu"), verbose=False, allow_tqdm=False,
    )
    predictor.initialize_from_trained_model_folder(str(folder), folds, "checkpoint_final.pth")
    return predictor.predict_single_npy_array(image.astype(np.float32), {"spacing": spacing}, lower, None, False)


def main(path, wanted):
    torch.set_num_threads(2)
    from_npz = path.endswith(".npz")
    image = np.load(path)["ct"] if from_npz else sitk.GetArrayFromImage(sitk.ReadImage(path)).astype(np.int16)
    answers = {**np.load(OUT / "answers.npz")} if wanted else {"ct": image}
    for model in wanted or MODELS:
        shutil.rmtree(OUT / model, ignore_errors=True)
    for model, (configurations, transpose, dataset, folds, mirroring, spacing) in MODELS.items():
        if wanted and model not in wanted:
            continue
        plans = {
            "dataset_name": f"Dataset900_{model}", "plans_name": "nnUNetPlans", "image_reader_writer": "SimpleITKIO",
            "original_median_spacing_after_transp": spacing, "original_median_shape_after_transp": [30, 90, 90],
            "transpose_forward": transpose, "transpose_backward": [transpose.index(axis) for axis in range(3)],
            "configurations": configurations, "experiment_planner_used": "ExperimentPlanner", "label_manager": "LabelManager",
            "foreground_intensity_properties_per_channel": {channel: CT for channel in dataset.get("channel_names", "0")},
        }
        dataset = {"channel_names": {"0": "CT"}, "numTraining": 2, "file_ending": ".nii.gz", **dataset}
        stages = ["3d_lowres", "3d_cascade_fullres"] if model == "cascade" else [next(iter(configurations))]
        lower = None
        for name in stages:
            folder = OUT / model / f"nnUNetTrainer__nnUNetPlans__{name}"
            for fold in folds:
                write(folder, plans, dataset, name, fold, mirroring, f"{model}/{name}/{fold}")
            channels = channels_of(image, len(dataset["channel_names"]))
            labels = predict(folder, folds, channels, spacing, None if lower is None else lower[None].astype(np.int8))
            lower = labels
        answers[model] = labels.astype(np.uint8)
        print(model, labels.shape, np.bincount(labels.ravel()))
    np.savez_compressed(OUT / "answers.npz", **answers)


main(sys.argv[1], sys.argv[2:])
