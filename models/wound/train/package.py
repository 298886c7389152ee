"""Writes the package of a trained wound segmenter: `python3 package.py OUT --version 1.0.0`, after `train.py` with its stages folds,
final, export and measure. Every figure in the manifest and the card comes from what these wrote."""

import argparse
import hashlib
import json
import pathlib
import shutil

CARD = """# Wound segmenter {version}

Outlines the wound in a photograph of a foot ulcer: which pixels are wound, nothing else. No scale, no stage, no tissue.

**Licence: CC BY-NC 4.0, not for commercial use.** It was trained on the photographs of the Foot Ulcer Segmentation Challenge
(Wang et al., AZH Wound and Vascular Center, Milwaukee), which are CC BY-NC. The photographs are not in this package. The network
began from EfficientNet-Lite2 weights that had seen ImageNet (Google; PyTorch form by ML Illustrated, Apache-2.0).

## Network

A U-Net of {parameters} weights (16 bits); EfficientNet-Lite2 on the way down (Tan and Le 2019), four levels up, the answer at half the
resolution of the input and enlarged. Input: the whole photograph in a square of 512 x 512 pixels, red, green, blue in -1 to 1. Output:
a probability for each pixel, the mean over the photograph and its three mirror images; from {threshold} on a pixel is wound.

## Training

775 official training images; {epochs} epochs of 320 x 320 cuts, turned, enlarged, warped and with changed light; AdamW, cross entropy and
soft Dice, the mean of the weights of the last steps; seed 20261123; two processor cores, bf16. `models/wound/train` holds the program.
The threshold was chosen by cross-validation within the training images (blocks of names, of which {folds} of 5 were run).

## Measured

| images | Dice, all pixels together | Dice, mean of images | small, middle, large wounds (thirds) |
|---|---|---|---|
| {held} training images held out of the training | {fold_dice} | | |
| {images} official validation images, looked at once, at the end | **{dice}** | {mean} | {thirds} |

Published beside it, on the challenge's own test images (whose masks were never published): 88.8 to 89.2 for the winning entries. The
figures are of different images: they are no ranking. An image without wound counts 1 in the mean where nothing is marked.

## Not for

- Pressure injuries, burns, surgical wounds, other places than the foot: not measured. Nothing here stages a wound.
- Photographs with a ruler across the wound, strong shadow, or skin that the training hardly has: all come from one centre in the USA, and
  nobody recorded skin tone. It may do worse on dark skin, and nobody has measured by how much.
- Any use without a person who looks at the outline and corrects it.
"""


def manifest(version, weights, card, chosen, measured):
    def hash_of(path):
        return hashlib.sha256(path.read_bytes()).hexdigest()

    return f"""format = 1
name = "wound"
version = "{version}"
licence = "CC-BY-NC-4.0"
intended_use = "Outlines foot ulcers on photographs, for a person who looks at the outline and corrects it. Not for commercial use."
limits = [
    "Not measured on pressure injuries, burns, surgical wounds or other places than the foot.",
    "All training photographs come from one centre; skin tones were not recorded.",
    "Says nothing of scale, stage or tissue.",
]
card = "CARD.md"

[form]
kind = "wound"
weights = "weights.safetensors"
network = "lite2"
edge_px = 512
threshold = {chosen["threshold"]}

[input]
modalities = ["XC"]

[[labels]]
value = 1
name = "wound"
code = {{ scheme = "SCT", value = "416462003", meaning = "Wound" }}

[[measured]]
measure = "Dice, all pixels together"
value = {round(measured["dice_all_pixels"], 4)}
on = "{measured["images"]} official validation images of the Foot Ulcer Segmentation Challenge"
source = "models/wound/train"

[[measured]]
measure = "Dice, mean of images"
value = {round(measured["dice_mean"], 4)}
on = "the same images"
source = "models/wound/train"

[[files]]
path = "CARD.md"
sha256 = "{hash_of(card)}"

[[files]]
path = "weights.safetensors"
sha256 = "{hash_of(weights)}"
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--version", default="1.0.0")
    arguments = parser.parse_args()
    chosen = json.loads((arguments.out / "folds.json").read_text())
    measured = json.loads((arguments.out / "measured.json").read_text())
    package = pathlib.Path(__file__).parent.parent / arguments.version
    package.mkdir(exist_ok=True)
    weights, card = package / "weights.safetensors", package / "CARD.md"
    shutil.copyfile(arguments.out / "weights.safetensors", weights)
    header = json.loads(weights.read_bytes()[8:].split(b"}}", 1)[0] + b"}}")
    count = sum((entry["data_offsets"][1] - entry["data_offsets"][0]) // 2 for name, entry in header.items() if name != "__metadata__")
    card.write_text(
        CARD.format(
            version=arguments.version,
            parameters=f"{count:,}",
            threshold=chosen["threshold"],
            epochs=chosen["epochs"],
            folds=len(chosen["folds"]),
            held=155 * len(chosen["folds"]),
            fold_dice=f"{chosen['dice']:.4f}",
            images=measured["images"],
            dice=f"{measured['dice_all_pixels']:.4f}",
            mean=f"{measured['dice_mean']:.4f}",
            thirds=", ".join(f"{part:.3f}" for part in measured["dice_by_size_thirds"]),
        )
    )
    (package / "model.toml").write_text(manifest(arguments.version, weights, card, chosen, measured))
    print(package)


main()
