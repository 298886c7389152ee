"""What the wound segmenter of `models/wound/train` gives for a made photograph, with a small network whose weights are made from
their names. Writes `references/wound.json`: the layers, and the part of wound of each pixel, the mean over mirror images."""

import base64
import json
import pathlib
import sys

import numpy as np
import torch

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE / "../../models/wound/train"))

from made_numbers import uniform, weight  # noqa: E402
from network import WoundNet  # noqa: E402

EDGE = 64
network = WoundNet("lite0").eval()
weights = {key: torch.from_numpy(weight(key, value.shape)) for key, value in network.folded().items()}
layers = [[key, list(value.shape), "f32"] for key, value in weights.items()]
network.take_folded(weights)
# A smooth picture: noise at an eighth of the size, enlarged.
coarse = torch.from_numpy(uniform("photograph", 3 * 8 * 8).reshape(1, 3, 8, 8))
picture = (torch.nn.functional.interpolate(coarse, (EDGE, EDGE), mode="nearest") * 255).floor()
x = picture / 255 * 2 - 1
with torch.no_grad():
    p = sum(torch.sigmoid(torch.flip(network(torch.flip(x, axes)), axes)) / 4 for axes in ([], [2], [3], [2, 3]))
told = {
    "input": [1, 3, EDGE, EDGE], "output": [1, 1, EDGE, EDGE], "step": 1, "layers": layers,
    "logits": base64.b64encode(np.ascontiguousarray(p.numpy(), dtype="<f4").tobytes()).decode(),
}
(HERE / "references/wound.json").write_text(json.dumps(told, separators=(",", ":")) + "\n")
print(float(p.min()), float(p.mean()), float(p.max()))
