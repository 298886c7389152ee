"""A whole CT by nnU-Net v2's own predictor on the processor: a line in, one prediction, its milliseconds out.

Argument: a folder. The model (`model`, as nnU-Net leaves one), the image (`image.f32`) and the last answer (`theirs.u8`) are written there.
"""

import json
import os
import pathlib
import resource
import sys
import time

import numpy as np
import torch
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

SHAPE, SPACING_MM, NETWORK_MM = (96, 256, 256), [2.5, 1.2, 1.2], [1.5, 1.5, 1.5]
HEADS = {"background": 0, "a": 1, "b": 2, "c": 3}

folder = pathlib.Path(sys.argv[1])
threads = len(os.sched_getaffinity(0))
torch.set_num_threads(threads)
torch.manual_seed(1)


def resampling(order, is_seg):
    return {"is_seg": is_seg, "order": order, "order_z": 0, "force_separate_z": None}


architecture = {
    "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
    "arch_kwargs": {
        "n_stages": 4, "features_per_stage": [32, 64, 128, 256], "conv_op": "torch.nn.modules.conv.Conv3d",
        "kernel_sizes": [[3] * 3] * 4, "strides": [[1] * 3] + [[2] * 3] * 3, "n_conv_per_stage": [2] * 4,
        "n_conv_per_stage_decoder": [2] * 3, "conv_bias": True, "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
        "norm_op_kwargs": {"eps": 1e-05, "affine": True}, "dropout_op": None, "dropout_op_kwargs": None,
        "nonlin": "torch.nn.LeakyReLU", "nonlin_kwargs": {"inplace": True},
    },
    "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
}
configuration = {
    "data_identifier": "x", "preprocessor_name": "DefaultPreprocessor", "batch_size": 2, "patch_size": [96, 96, 96],
    "median_image_size_in_voxels": [160.0, 205.0, 205.0], "spacing": NETWORK_MM, "normalization_schemes": ["CTNormalization"],
    "use_mask_for_norm": [False], "resampling_fn_data": "resample_data_or_seg_to_shape",
    "resampling_fn_seg": "resample_data_or_seg_to_shape", "resampling_fn_data_kwargs": resampling(3, False),
    "resampling_fn_seg_kwargs": resampling(1, True), "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
    "resampling_fn_probabilities_kwargs": resampling(1, False), "batch_dice": False, "architecture": architecture,
}
of_ct = {"mean": 40.0, "std": 180.0, "percentile_00_5": -900.0, "percentile_99_5": 800.0, "median": 45.0, "min": -1024.0, "max": 2000.0}
plans = {
    "dataset_name": "Dataset901_bench", "plans_name": "nnUNetPlans", "image_reader_writer": "SimpleITKIO",
    "original_median_spacing_after_transp": SPACING_MM, "original_median_shape_after_transp": list(SHAPE),
    "transpose_forward": [0, 1, 2], "transpose_backward": [0, 1, 2], "configurations": {"3d_fullres": configuration},
    "experiment_planner_used": "ExperimentPlanner", "label_manager": "LabelManager",
    "foreground_intensity_properties_per_channel": {"0": of_ct},
}
dataset = {"channel_names": {"0": "CT"}, "labels": HEADS, "numTraining": 2, "file_ending": ".nii.gz"}
model = folder / "model"
(model / "fold_0").mkdir(parents=True, exist_ok=True)
network = get_network_from_plans(
    architecture["network_class_name"], architecture["arch_kwargs"], architecture["_kw_requires_import"], 1, len(HEADS),
    allow_init=True, deep_supervision=False,
)
torch.save(
    {
        "network_weights": network.state_dict(), "trainer_name": "nnUNetTrainer", "inference_allowed_mirroring_axes": None,
        "init_args": {"plans": plans, "configuration": "3d_fullres", "fold": 0, "dataset_json": dataset, "device": torch.device("cpu")},
    },
    model / "fold_0/checkpoint_final.pth",
)
(model / "plans.json").write_text(json.dumps(plans))
(model / "dataset.json").write_text(json.dumps(dataset))

# A body with organs and noise: the crop to what is not zero, and the normalisation, have something to do.
place = np.meshgrid(*[np.linspace(-1, 1, n, dtype=np.float32) for n in SHAPE], indexing="ij")
image = np.where((place[1] / 0.6) ** 2 + (place[2] / 0.85) ** 2 < 1, 40, -1000).astype(np.float32)
for at, radius, value in [((0, 0, -0.4), 0.25, -800), ((0, 0, 0.4), 0.25, -800), ((0.2, 0.3, 0), 0.15, 700), ((-0.4, -0.2, 0.1), 0.2, 180)]:
    image[sum((p - a) ** 2 for p, a in zip(place, at)) < radius**2] = value
image += np.random.default_rng(1).normal(0, 15, SHAPE).astype(np.float32)
image.tofile(folder / "image.f32")

predictor = nnUNetPredictor(
    tile_step_size=0.5, use_gaussian=True, use_mirroring=False, perform_everything_on_device=False, device=torch.device("cpu"),
    verbose=False, allow_tqdm=False,
)
predictor.initialize_from_trained_model_folder(str(model), [0], "checkpoint_final.pth")
print(f"nnunetv2 on PyTorch-{torch.__version__}", flush=True)
for _ in sys.stdin:
    begun = time.perf_counter()
    # nnU-Net tells on stdout what it does; the answer is the one line that is read there.
    sys.stdout = sys.stderr
    labels = predictor.predict_single_npy_array(image[None], {"spacing": SPACING_MM}, None, None, False)
    sys.stdout = sys.__stdout__
    print((time.perf_counter() - begun) * 1000, flush=True)
    labels.astype(np.uint8).tofile(folder / "theirs.u8")
    (folder / "theirs.json").write_text(json.dumps({"peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))
