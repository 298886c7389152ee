"""Numbers that PyTorch's side and ours make alike, so that no weights need to be kept: only names, shapes and answers.

Each number comes from the name of its tensor and its place (FNV-1a, then SplitMix64); all steps are exact in float32.
"""

import numpy as np


def uniform(name, count):
    """`count` numbers in [0, 1), multiples of 2**-24."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    with np.errstate(over="ignore"):
        x = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x = x ^ (x >> np.uint64(31))
    return (x >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)


def weight(name, shape):
    """A weight of about the size a trained one has: by the number of inputs for kernels, near 1 for scales."""
    shape = tuple(shape)
    u = uniform(name, int(np.prod(shape)))
    if len(shape) >= 2:
        fan_in = int(np.prod(shape[1:]))
        values = (u * np.float32(2) - np.float32(1)) * np.float32(np.sqrt(3.0 / fan_in))
    elif name.endswith(("running_var", "weight")):
        values = u * np.float32(0.5) + np.float32(0.75)
    else:
        values = u * np.float32(0.25) - np.float32(0.125)
    return values.reshape(shape)


def image(shape):
    """An input in [-1, 1)."""
    u = uniform("input", int(np.prod(shape)))
    return (u * np.float32(2) - np.float32(1)).reshape(shape)
