"""A 3D U-Net patch by PyTorch or onnxruntime: a line in, one forward pass, its milliseconds out.

Arguments: the runtime, and where the weights are written that both sides use.
"""

import sys
import time

import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet
from safetensors.torch import save_file
from torch import nn

runtime, weights = sys.argv[1:3]
threads = len(__import__("os").sched_getaffinity(0))
torch.set_num_threads(threads)
torch.manual_seed(1)
network = PlainConvUNet(
    input_channels=1, n_stages=4, features_per_stage=[32, 64, 128, 256], conv_op=nn.Conv3d, kernel_sizes=[[3] * 3] * 4,
    strides=[[1] * 3] + [[2] * 3] * 3, n_conv_per_stage=[2] * 4, num_classes=3, n_conv_per_stage_decoder=[2] * 3,
    conv_bias=True, norm_op=nn.InstanceNorm3d, norm_op_kwargs={"eps": 1e-5, "affine": True}, nonlin=nn.LeakyReLU,
    nonlin_kwargs={"inplace": True}, deep_supervision=False,
).eval()
save_file({key: value.clone().contiguous() for key, value in network.state_dict().items()}, weights)
x = torch.randn(1, 1, 96, 96, 96)
if runtime == "onnxruntime":
    import onnxruntime

    path = weights + ".onnx"
    torch.onnx.export(network, x, path, dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    run = lambda: session.run(None, {name: x.numpy()})
    print(f"onnxruntime-{onnxruntime.__version__}", flush=True)
else:
    run = lambda: network(x)
    print(f"PyTorch-{torch.__version__}", flush=True)
with torch.no_grad():
    run()
    for _ in sys.stdin:
        begun = time.perf_counter()
        run()
        print((time.perf_counter() - begun) * 1000, flush=True)
