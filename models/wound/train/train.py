"""Trains the wound segmenter: one command, a fixed seed.

    python3 train.py FUSEG_FOLDER --out OUT [--profile gpu|cpu] [--minutes M]

FUSEG_FOLDER holds `train/images`, `train/labels`, `validation/…` of the Foot Ulcer Segmentation Challenge (CC BY-NC). The stages:

    --stage folds    cross-validation within `train` (5 folds): the length of the training and the threshold are chosen by it
    --stage final    one network on all of `train`, with what the folds chose
    --stage measure  once, on `validation`: Dice over all pixels together, per image, and by size of the wound

A stage that was interrupted goes on where it was (`OUT/*.pt`). PyTorch, numpy and Pillow are all it needs.
"""

import argparse
import json
import math
import pathlib
import random
import time

import numpy as np
import torch
from PIL import Image
from torch import nn

from network import WoundNet

SEED = 20261123
PROFILES = {
    # Whole resolution, for a graphics card.
    "gpu": {"features": [24, 48, 96, 192, 256, 256], "blocks": [1, 2, 2, 3, 3, 3], "size": 512, "batch": 16, "epochs": 240},
    # Half of it, for two processor cores.
    "cpu": {"features": [16, 32, 64, 96, 128, 128], "blocks": [1, 1, 2, 2, 2, 2], "size": 256, "batch": 8, "epochs": 60},
}
FOLDS = 5
THRESHOLDS = [0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6]


def load(folder, size):
    """Pictures and masks of one part as uint8 tensors, in the order of their names."""
    images, masks, names = [], [], []
    for path in sorted((folder / "images").iterdir()):
        picture = Image.open(path).convert("RGB")
        mask = Image.open(folder / "labels" / (path.stem + ".png")).convert("L")
        if picture.size != (size, size):
            picture = picture.resize((size, size), Image.Resampling.BILINEAR)
        images.append(np.asarray(picture))
        masks.append((np.asarray(mask) > 0).astype(np.uint8) * 255)
        names.append(path.stem)
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(np.stack(masks))[:, None], names


def shrunk(masks, size):
    if masks.shape[-1] == size:
        return masks
    return nn.functional.interpolate(masks.float(), (size, size), mode="area").round().to(torch.uint8)


def varied(x, y, generator):
    """One batch, changed as photographs differ: place, turn, size, light, colour, sharpness, noise."""
    n, device = x.shape[0], x.device

    def uniform(low, high, *shape):
        return torch.rand(*shape, generator=generator).to(device) * (high - low) + low

    angle = uniform(-math.pi, math.pi, n)
    scale = torch.exp(uniform(math.log(0.6), math.log(1.5), n))
    stretch = torch.exp(uniform(-0.15, 0.15, n))
    flip = torch.where(uniform(0, 1, n) < 0.5, -1.0, 1.0)
    cos, sin = torch.cos(angle), torch.sin(angle)
    theta = torch.stack(
        [
            torch.stack([cos * flip * stretch / scale, -sin / scale, uniform(-0.25, 0.25, n)], 1),
            torch.stack([sin * flip * stretch / scale, cos / scale, uniform(-0.25, 0.25, n)], 1),
        ],
        1,
    )
    grid = nn.functional.affine_grid(theta, x.shape, align_corners=False)
    # A gentle warp: a coarse field of shifts, made smooth.
    field = uniform(-0.06, 0.06, n, 2, 5, 5)
    warp = nn.functional.interpolate(field, x.shape[2:], mode="bicubic", align_corners=False).permute(0, 2, 3, 1)
    grid = grid + warp * (uniform(0, 1, n, 1, 1, 1) < 0.5)
    x = nn.functional.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    y = (nn.functional.grid_sample(y, grid, mode="bilinear", padding_mode="zeros", align_corners=False) > 0.5).float()
    inside = (x.sum(1, keepdim=True) > 0).float()
    gamma = torch.exp(uniform(-0.4, 0.4, n, 1, 1, 1))
    x = x.clamp(0, 1) ** gamma
    gains = torch.exp(uniform(-0.15, 0.15, n, 3, 1, 1))
    contrast = torch.exp(uniform(-0.3, 0.3, n, 1, 1, 1))
    mean = x.mean((1, 2, 3), keepdim=True)
    grey = x.mean(1, keepdim=True)
    saturation = uniform(0.6, 1.4, n, 1, 1, 1)
    x = ((grey + (x - grey) * saturation - mean) * contrast + mean) * gains
    blurred = nn.functional.avg_pool2d(x, 3, 1, 1)
    x = torch.where(uniform(0, 1, n, 1, 1, 1) < 0.2, blurred, x)
    noise = torch.randn(x.shape, generator=generator).to(device) * uniform(0, 0.03, n, 1, 1, 1)
    return (x + noise).clamp(0, 1) * inside, y


def loss_of(heads, y):
    """Cross entropy and soft Dice over the batch, on every level of the decoder; finer levels count more."""
    total, weights = 0.0, 0.0
    for level, logits in enumerate(reversed(heads[-4:])):
        target = y if level == 0 else nn.functional.adaptive_avg_pool2d(y, logits.shape[2:])
        logits = logits.float()
        p = torch.sigmoid(logits)
        dice = 1 - (2 * (p * target).sum() + 1) / (p.sum() + target.sum() + 1)
        total = total + 0.5**level * (nn.functional.binary_cross_entropy_with_logits(logits, target) * 4 + dice)
        weights += 0.5**level
    return total / weights


def as_input(x):
    return x * 2 - 1


class Averaged:
    """The mean of the weights over the last steps, which is what is kept."""

    def __init__(self, network):
        self.state = {key: value.detach().clone() for key, value in network.state_dict().items()}

    def update(self, network, step):
        decay = min(0.999, (1 + step) / (10 + step))
        for key, value in network.state_dict().items():
            self.state[key].lerp_(value.detach(), 1 - decay)


def train(profile, x, y, place, device, until, tell):
    """Trains on x, y; goes on from `place` where it is there. True when it is done."""
    epochs, batch = profile["epochs"], profile["batch"]
    torch.manual_seed(SEED)
    network = WoundNet(profile["features"], profile["blocks"]).to(device)
    if device.type == "cpu":
        network = network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3, weight_decay=1e-2)
    steps = len(x) // batch
    average, first = Averaged(network), 0
    if place.exists():
        kept = torch.load(place, map_location=device, weights_only=True)
        network.load_state_dict(kept["network"])
        optimizer.load_state_dict(kept["optimizer"])
        average.state, first = kept["average"], kept["epoch"]
    for epoch in range(first, epochs):
        # Each epoch has its own numbers, so that one that is taken up again is the same.
        generator = torch.Generator().manual_seed(SEED + epoch)
        order = torch.randperm(len(x), generator=generator)
        network.train()
        begun, sum_of_losses = time.time(), 0.0
        for step in range(steps):
            done = (epoch + step / steps) / epochs
            rate = 1e-3 * min(1.0, (epoch * steps + step + 1) / 200) * 0.5 * (1 + math.cos(math.pi * done))
            for group in optimizer.param_groups:
                group["lr"] = rate
            chosen = order[step * batch : (step + 1) * batch]
            a, b = varied(x[chosen].to(device).float() / 255, y[chosen].to(device).float() / 255, generator)
            a = as_input(a).contiguous(memory_format=torch.channels_last)
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                heads = network(a)
            loss = loss_of(heads, b)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimizer.step()
            average.update(network, epoch * steps + step)
            sum_of_losses += loss.item()
        tell(epoch + 1, sum_of_losses / steps, time.time() - begun)
        if (epoch + 1) % 5 == 0 or epoch + 1 == epochs or time.time() > until:
            kept = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "average": average.state, "epoch": epoch + 1}
            torch.save(kept, place.with_suffix(".part"))
            place.with_suffix(".part").replace(place)
        if time.time() > until and epoch + 1 < epochs:
            return False
    return True


def predict(profile, place, x, device):
    """Probabilities, the mean over the picture and its three mirror images."""
    network = WoundNet(profile["features"], profile["blocks"]).to(device).eval()
    network.load_state_dict(torch.load(place, map_location=device, weights_only=True)["average"])
    out = []
    with torch.no_grad():
        for start in range(0, len(x), 8):
            a = as_input(x[start : start + 8].to(device).float() / 255)
            p = 0
            for axes in ([], [2], [3], [2, 3]):
                p = p + torch.sigmoid(torch.flip(network(torch.flip(a, axes)).float(), axes)) / 4
            out.append(p.cpu())
    return torch.cat(out)


def dice(p, y, threshold):
    """Over all pixels together, and of each image; an empty mask that stays empty counts 1."""
    if p.shape[-1] != y.shape[-1]:
        p = nn.functional.interpolate(p, y.shape[2:], mode="bilinear", align_corners=False)
    a, b = p > threshold, y > 127
    both, sizes = (a & b).sum((1, 2, 3)).double(), (a.sum((1, 2, 3)) + b.sum((1, 2, 3))).double()
    each = torch.where(sizes > 0, 2 * both / sizes.clamp(min=1), torch.ones_like(both))
    return float(2 * both.sum() / sizes.sum().clamp(min=1)), each


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fuseg", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--profile", choices=PROFILES, default="gpu" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--stage", choices=["folds", "final", "measure"], default="final")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop and keep the state after this long")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--folds", type=int, default=FOLDS, help="how many of the five folds are run")
    arguments = parser.parse_args()
    until = time.time() + arguments.minutes * 60
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    profile = dict(PROFILES[arguments.profile])
    profile["epochs"] = arguments.epochs or profile["epochs"]
    random.seed(SEED)
    arguments.out.mkdir(parents=True, exist_ok=True)
    size = profile["size"]

    def tell(name):
        return lambda epoch, loss, seconds: print(f"{name} epoch {epoch}: loss {loss:.4f}, {seconds:.0f} s", flush=True)

    if arguments.stage == "measure":
        x, y, names = load(arguments.fuseg / "validation", size)
        chosen = json.loads((arguments.out / "folds.json").read_text()) if (arguments.out / "folds.json").exists() else {}
        threshold = chosen.get("threshold", 0.5)
        whole, each = dice(predict(profile, arguments.out / "final.pt", x, device), y, threshold)
        areas = (y > 127).sum((1, 2, 3))
        order = torch.argsort(areas)
        thirds = [float(each[part].mean()) for part in order.chunk(3)]
        print(json.dumps({"dice_all_pixels": whole, "dice_mean": float(each.mean()), "dice_by_size_thirds": thirds, "threshold": threshold, "images": len(names)}))
        return
    x, y, _ = load(arguments.fuseg / "train", size)
    small = shrunk(y, size)
    if arguments.stage == "final":
        done = train(profile, x, small, arguments.out / "final.pt", device, until, tell("final"))
        print("done" if done else "kept, not done")
        return
    # The folds are blocks in the order of the names: pictures of one patient stand side by side.
    blocks = torch.arange(len(x)).chunk(FOLDS)
    results = {threshold: [] for threshold in THRESHOLDS}
    for fold in range(arguments.folds):
        held = blocks[fold]
        kept = torch.cat([block for other, block in enumerate(blocks) if other != fold])
        place = arguments.out / f"fold_{fold}.pt"
        if not train(profile, x[kept], small[kept], place, device, until, tell(f"fold {fold}")):
            print("kept, not done")
            return
        p = predict(profile, place, x[held], device)
        for threshold in THRESHOLDS:
            results[threshold].append(dice(p, y[held], threshold)[0])
        print(f"fold {fold}:", {threshold: round(scores[-1], 4) for threshold, scores in results.items()}, flush=True)
    means = {threshold: float(np.mean(scores)) for threshold, scores in results.items()}
    best = max(means, key=means.get)
    (arguments.out / "folds.json").write_text(json.dumps({"threshold": best, "dice": means[best], "folds": results[best], "epochs": profile["epochs"]}) + "\n")
    print("threshold", best, "dice", means[best])


main()
