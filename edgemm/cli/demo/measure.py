"""Converts the two bundled models to both formats, float and int8, and measures each file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

import edgemm
from edgemm.media import AudioBlock
from edgemm.results import Classification, Keyword

if TYPE_CHECKING:
    from edgemm.converters.diagnose import Diagnosis

Progress = Callable[[str, int, int], None]
FORMATS = ("tflite", "onnx")
SCHEMES: tuple[Literal["float", "static"], ...] = ("float", "static")


@dataclass(frozen=True, slots=True, eq=False)
class Variant:
    """One file of one model, and how it answered."""

    name: str
    format: str
    scheme: str
    path: Path
    size_bytes: int
    accuracy: float
    """0..1, on the bundled test data."""
    agreement: float
    """0..1, the same answer as the float file of that format."""
    latency_ms: float
    """Median of one call: preprocess, run, decode."""
    answers: npt.NDArray[np.int64]
    """int64[n], class numbers."""
    truth: npt.NDArray[np.int64]
    labels: tuple[str, ...]
    diagnosis: Diagnosis | None = None
    """Which layer loses how much; None for a float file."""

    def confusion(self) -> npt.NDArray[np.int64]:
        """int64[classes, classes], rows the truth."""
        count = len(self.labels)
        return np.bincount(self.truth * count + self.answers, minlength=count * count).reshape(count, count)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "model": self.name,
            "format": self.format,
            "scheme": self.scheme,
            "file": str(self.path),
            "size_bytes": self.size_bytes,
            "accuracy": round(self.accuracy, 4),
            "agreement": round(self.agreement, 4),
            "latency_ms": round(self.latency_ms, 4),
        }


def measure_digits(folder: Path, progress: Progress) -> tuple[Variant, ...]:
    """The digits network on the 1,000 bundled held-out pictures."""
    from edgemm import data

    images, truth = data.digits()
    shown, _ = data.calibration_digits()
    calibration = list(picture_tensors(shown))
    return variants("digits", folder, calibration, list(images), truth, progress)


def measure_keywords(folder: Path, progress: Progress) -> tuple[Variant, ...]:
    """The keyword network on the bundled recordings, each in the middle of one window."""
    from edgemm import data

    words = data.spoken_digits()
    labels = _labels("keywords")
    truth = np.array([labels.index(label) for label, _, _ in words], np.int64)
    blocks = [AudioBlock(samples, rate, 0, 0) for _, samples, rate in words]
    calibration = data.path("calibration_words")
    return variants("keywords", folder, calibration, blocks, truth, progress)


def picture_tensors(images: npt.NDArray[np.uint8]) -> Sequence[npt.NDArray[np.float32]]:
    """uint8[n, 28, 28] pictures through the card's own preprocessing: what calibration wants."""
    from edgemm import data
    from edgemm.artifact import read_artifact
    from edgemm.preprocess import compile_image
    from edgemm.tensors import TensorSpec

    card = read_artifact(data.path("models/digits.onnx")).card
    if card is None:
        raise edgemm.CardError("the bundled digits model has lost its card: install edgemm again")
    spec = TensorSpec(card.inputs[0].name, card.inputs[0].shape, "float32")
    prepare = compile_image(card.inputs[0], spec)
    tensors = np.empty((len(images), *spec.shape), np.float32)
    for pixels, out in zip(images, tensors, strict=True):
        prepare(pixels, "gray", out)
    return list(tensors)


def _labels(name: str) -> tuple[str, ...]:
    from edgemm import data
    from edgemm.artifact import read_artifact

    card = read_artifact(data.path(f"models/{name}.onnx")).card
    return card.labels if card is not None else ()


def variants(
    name: str,
    folder: Path,
    calibration: Any,
    inputs: Sequence[Any],
    truth: npt.NDArray[np.int64],
    progress: Progress,
) -> tuple[Variant, ...]:
    """A bundled model as float and int8 files of both formats, each measured.

    Args:
        calibration: what `convert` calibrates with.
        inputs: what the model is called with.
        truth: int64[n], the right class of each.
    """
    from edgemm import data
    from edgemm.converters import convert

    source = data.path(f"models/{name}.onnx")
    made = []
    for format_ in FORMATS:
        answers_float: npt.NDArray[np.int64] | None = None
        for scheme in SCHEMES:
            path = folder / f"{name}.{'int8' if scheme == 'static' else scheme}.{format_}"
            stage = f"{name} {scheme} {format_}"
            done = convert(
                source,
                output=path,
                calibrate=calibration,
                scheme=scheme,
                explain=scheme != "float",
                progress=lambda _, done, total, stage=stage: progress(stage, done, total),  # type: ignore[misc]
            )
            answers, latency_ms = _answers(path, inputs, progress, f"{stage}: accuracy")
            answers_float = answers if answers_float is None else answers_float
            made.append(
                Variant(
                    name,
                    format_,
                    "int8" if scheme == "static" else scheme,
                    path,
                    path.stat().st_size,
                    float(np.mean(answers == truth)),
                    float(np.mean(answers == answers_float)),
                    latency_ms,
                    answers,
                    truth,
                    _labels(name),
                    done.diagnosis,
                )
            )
    return tuple(made)


def _answers(
    path: Path, inputs: Sequence[Any], progress: Progress, stage: str
) -> tuple[npt.NDArray[np.int64], float]:
    import time

    answers, times = [], []
    with edgemm.load(path) as model:
        labels = model.card.labels
        for index, value in enumerate(inputs):
            began = time.perf_counter_ns()
            answer = model(value)
            times.append(time.perf_counter_ns() - began)
            if isinstance(answer, Classification):
                answers.append(int(answer.class_ids[0]))
            elif isinstance(answer, Keyword):
                answers.append(labels.index(answer.label))
            if index % 50 == 49 or index + 1 == len(inputs):
                progress(stage, index + 1, len(inputs))
    return np.array(answers, np.int64), float(np.median(times)) / 1e6
