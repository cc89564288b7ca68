"""Trains the bundled network that makes pictures twice as large: models/super_resolution_x2.onnx.

    python examples/train/larger_pictures.py --photographs FOLDER --output super_resolution_x2.onnx

The folder has the files that photographs.py names. It computes on the brightness alone: Cb and Cr are
resized. Some 20 minutes on one core; a training that was stopped goes on from `--checkpoint`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from network_file import save_network, write_int8
from photographs import HELD_OUT, TRAIN, VALIDATION, Luma, bicubic, half, lumas, psnr
from torch import nn

from edgemm.card import ImageRecipe, InputCard, ModelCard, OutputCard
from edgemm.preprocess.tiles import cut
from edgemm.quantize.training import Batch, Samples, Settings
from edgemm.quantize.training import train as fit
from edgemm.tasks.picture import PictureRecipe

SIDE = 32
"""Pixels of a training patch before it is enlarged."""
STEP = 12
DETAIL = 3.0
"""Least mean difference of neighbouring pixels, in grey levels: flat patches teach nothing."""
CHANNELS, HIDDEN, BATCH = 24, 4, 16
REACH = HIDDEN + 2
"""Pixels that the network looks far: one for each of its convolutions."""
TILE = 140
"""Pixels of the file's input, each way: 128 and the margins."""


class Twice(nn.Module):
    """float32[n, 1, h, w] in 0..1 -> float32[n, 1, 2 h, 2 w]: a learned interpolation, and what it lacks."""

    def __init__(self) -> None:
        super().__init__()
        self.skip = nn.Conv2d(1, 4, 5, padding=2)
        layers: list[nn.Module] = [nn.Conv2d(1, CHANNELS, 3, padding=1), nn.ReLU()]
        for _ in range(HIDDEN):
            layers += [nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1), nn.ReLU()]
        self.detail = nn.Sequential(*layers, nn.Conv2d(CHANNELS, 4, 3, padding=1))
        self.shuffle = nn.PixelShuffle(2)
        with torch.no_grad():
            self.skip.weight.copy_(bicubic_kernels())
            self.skip.bias.zero_()
            self.detail[-1].weight.mul_(0.1)
            self.detail[-1].bias.zero_()

    def forward(self, luma: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return self.shuffle(self.skip(luma) + self.detail(luma))


class Clipped(nn.Module):
    """What is written: brightness in 0..1, so that int8 has one step for each grey level."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, luma: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return self.network(luma).clamp(0, 1)


def bicubic_kernels() -> torch.Tensor:
    """float32[4, 1, 5, 5]: what bicubic interpolation by 2 weighs, for each of the four pixels made of one."""
    point = torch.zeros(1, 1, 11, 11)
    point[..., 5, 5] = 1
    spread = nn.functional.interpolate(point, scale_factor=2, mode="bicubic", antialias=True)
    return nn.functional.pixel_unshuffle(spread, 2)[0, :, None, 3:8, 3:8].flip(2, 3)


def patches(photographs: list[Luma]) -> tuple[torch.Tensor, torch.Tensor]:
    """uint8[n, 1, SIDE, SIDE] and uint8[n, 1, 2 SIDE, 2 SIDE], those with some detail."""
    small, large = [], []
    for photograph in photographs:
        reduced = half(photograph)
        for top in range(0, reduced.shape[0] - SIDE + 1, STEP):
            for left in range(0, reduced.shape[1] - SIDE + 1, STEP):
                patch = reduced[top : top + SIDE, left : left + SIDE]
                if np.abs(np.diff(patch.astype(np.int16), axis=1)).mean() >= DETAIL:
                    small.append(patch)
                    large.append(photograph[2 * top : 2 * (top + SIDE), 2 * left : 2 * (left + SIDE)])
    return torch.from_numpy(np.stack(small)[:, None]), torch.from_numpy(np.stack(large)[:, None])


def known_tiles(photographs: list[Luma]) -> list[npt.NDArray[np.float32]]:
    """Tiles of the training photographs, reduced by 2: what int8 is calibrated on."""
    tiles = [each.pixels for luma in photographs for each in cut(half(luma), (TILE, TILE), REACH, 0)]
    return [(each.astype(np.float32) / np.float32(255))[None, None] for each in tiles]


def turned(batch: Batch) -> Batch:
    """The whole batch as numbers in 0..1, mirrored or turned by chance."""
    pictures = [each.float() / 255 for each in (*batch.inputs, batch.targets)]
    across, down, swap = (bool(n) for n in torch.randint(0, 2, (3,)))
    axes = [axis for axis, chosen in ((3, across), (2, down)) if chosen]
    pictures = [each.flip(axes) for each in pictures]
    small, large = (each.transpose(2, 3) if swap else each for each in pictures)
    return Batch((small,), large)


def enlarged(network: nn.Module, luma: Luma) -> Any:
    """uint8[2 h, 2 w]; the edge is repeated around the picture as on a device."""
    with torch.no_grad():
        pixels = torch.from_numpy(luma.astype(np.float32) / 255)[None, None]
        found = network(nn.functional.pad(pixels, (8, 8, 8, 8), mode="reflect"))[0, 0, 16:-16, 16:-16]
    return (found * 255).round().clamp(0, 255).numpy().astype(np.uint8)


def gain(network: nn.Module, photographs: list[Luma]) -> float:
    """Decibels of luma gained over bicubic, on average."""
    gained = []
    for truth in photographs:
        small = half(truth)
        gained.append(psnr(enlarged(network, small), truth) - psnr(bicubic(small, truth.shape), truth))
    return float(np.mean(gained))


def card(training: dict[str, object]) -> ModelCard:
    """What the file says about itself."""
    recipe = ImageRecipe(color="gray", resize="none")
    return ModelCard(
        name="super_resolution_x2",
        licence="Apache-2.0",
        task="picture",
        family="CNN",
        inputs=(InputCard("luma", "image", (1, 1, TILE, TILE), "NCHW", image=recipe),),
        outputs=(OutputCard("larger", (1, 1, 2 * TILE, 2 * TILE)),),
        recipe=PictureRecipe(color="luma", tiles=True, margin=REACH),
        extra={"x-training": training},
    )


def main() -> None:
    """Reads, trains, measures, writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photographs", type=Path, required=True, help="folder of the files")
    parser.add_argument("--output", type=Path, default=Path("super_resolution_x2.onnx"), help="file to write")
    parser.add_argument("--checkpoint", type=Path, help="where the training is kept, and goes on from")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=45)
    options = parser.parse_args()
    torch.set_num_threads(1)
    train, validation, held_out = (lumas(options.photographs, each) for each in (TRAIN, VALIDATION, HELD_OUT))
    small, large = patches(train)
    torch.manual_seed(options.seed)
    network = Twice()
    print(f"{len(small)} patches; {sum(each.numel() for each in network.parameters())} weights", flush=True)
    settings = Settings(
        options.epochs, BATCH, learning_rate=2e-3, schedule="one_cycle", warm_up=0.1, seed=options.seed
    )

    def validate(module: nn.Module) -> float:
        found = gain(module, validation)
        print(f"validation: {found:+.3f} dB", flush=True)
        return found

    report = fit(
        network, Samples(small, large, turned), loss=nn.functional.l1_loss, settings=settings,
        validate=validate, checkpoint=options.checkpoint,
    )  # fmt: skip
    training = {
        "data": "photographs of scikit-image 0.26.0 and scikit-learn (see the licence file)",
        "seed": options.seed,
        "epoch": report.best_epoch,
        "validation_gain_db": gain(network, validation),
        "held_out_gain_db": gain(network, held_out),
    }
    print(training, flush=True)
    size = save_network(Clipped(network), torch.zeros(1, 1, TILE, TILE), options.output, card(training))
    write_int8(options.output, known_tiles(train))
    print(
        f"{options.output}: {size:,} bytes; {training['held_out_gain_db']:+.2f} dB over bicubic on held-out photographs"
    )


if __name__ == "__main__":
    main()
