"""What a model answers: one frozen type per task, numpy fields, `to_json()` on each."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt


def _jsonable(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {key: _jsonable(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_jsonable(item) for item in value]
    return value


class Result:
    """Base of every result: gives `to_json()`."""

    __slots__ = ()

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values, one key per field."""
        return {f.name: _jsonable(getattr(self, f.name)) for f in fields(self)}  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, eq=False)
class Classification(Result):
    """The classes of one input, best first."""

    labels: tuple[str, ...]
    """Names of the best classes."""
    scores: npt.NDArray[np.float32]
    """float32[k], 0..1, the probability of each entry of `labels`."""
    class_ids: npt.NDArray[np.int64]
    """int64[k], the row of the model's output that each entry came from."""

    @property
    def label(self) -> str:
        """Name of the best class."""
        return self.labels[0]

    @property
    def score(self) -> float:
        """Probability of the best class, 0..1."""
        return float(self.scores[0])


@dataclass(frozen=True, slots=True, eq=False)
class Keyword(Result):
    """A word found in running audio."""

    label: str
    """The word."""
    score: float
    """0..1, smoothed over the windows that the card asks for."""
    start_s: float
    """Start of the window that it was found in, seconds since the stream began."""
    end_s: float
    """End of that window, seconds."""
    detected: bool = True
    """False where the score stays under the card's threshold, or within its refractory time."""


@dataclass(frozen=True, slots=True, eq=False)
class Detections(Result):
    """Objects in a picture."""

    boxes_xyxy: npt.NDArray[np.float32]
    """float32[n, 4]: left, top, right, bottom in pixels of the source frame."""
    scores: npt.NDArray[np.float32]
    """float32[n], 0..1."""
    class_ids: npt.NDArray[np.int64]
    """int64[n]."""
    labels: tuple[str, ...] = ()
    """Name of each box's class."""


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation(Result):
    """A class for each pixel."""

    classes: npt.NDArray[np.int64]
    """int64[height, width] in the size of the source frame."""
    labels: tuple[str, ...] = ()
    """Name of each class number."""


@dataclass(frozen=True, slots=True, eq=False)
class Transcript(Result):
    """Words heard."""

    text: str
    start_s: float = 0.0
    """Seconds since the stream began."""
    end_s: float = 0.0
    """Seconds since the stream began."""


@dataclass(frozen=True, slots=True, eq=False)
class Audio(Result):
    """Sound made by a model."""

    samples: npt.NDArray[np.float32]
    """float32[n] in -1..1."""
    sample_rate: int
    """Hertz."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture(Result):
    """A picture made by a model."""

    pixels: npt.NDArray[np.uint8]
    """uint8[height, width, 3] RGB, or uint8[height, width]."""


@dataclass(frozen=True, slots=True, eq=False)
class Embedding(Result):
    """A vector that stands for the input."""

    vector: npt.NDArray[np.float32]
    """float32[n]."""


@dataclass(frozen=True, slots=True, eq=False)
class Tensors(Result):
    """The model's raw outputs by name, when its card names no task."""

    values: dict[str, npt.NDArray[Any]]
    """Name of the output -> array, dequantized to float32 where the output is quantized."""
