"""What a model answers: one frozen type per task, numpy fields, `to_json()` on each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError


def _jsonable(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {key: _jsonable(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_jsonable(item) for item in value]
    if is_dataclass(value):
        return {each.name: _jsonable(getattr(value, each.name)) for each in fields(value)}
    return value


class Result:
    """Base of every result: gives `to_json()`."""

    __slots__ = ()

    @property
    def final(self) -> bool:
        """False for a result that a later one replaces."""
        return True

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


def _no_points() -> npt.NDArray[np.float32]:
    return np.zeros((0, 0, 2), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Detections(Result):
    """Objects in a picture, best first."""

    boxes_xyxy: npt.NDArray[np.float32]
    """float32[n, 4]: left, top, right, bottom in pixels of the source frame."""
    scores: npt.NDArray[np.float32]
    """float32[n], 0..1."""
    class_ids: npt.NDArray[np.int64]
    """int64[n]."""
    labels: tuple[str, ...] = ()
    """Name of each box's class."""
    points_xy: npt.NDArray[np.float32] = field(default_factory=_no_points)
    """float32[n, k, 2]: the key points of each box in pixels of the source frame, where the model gives any."""


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation(Result):
    """A class for each pixel."""

    classes: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
    """uint8[height, width] in the size of the source frame; uint16 where there are more than 256 classes."""
    labels: tuple[str, ...] = ()
    """Name of each class number."""


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks(Result):
    """Points of one thing: a face, a body, a hand."""

    points_xy: npt.NDArray[np.float32]
    """float32[k, 2] in pixels of the source frame."""
    scores: npt.NDArray[np.float32]
    """float32[k], 0..1: how sure each point is, as the model tells; all 1 where it does not."""
    score: float = 1.0
    """0..1: that the thing is there at all; 1 where the model does not tell."""
    names: tuple[str, ...] = ()
    """Name of each point."""
    skeleton: tuple[tuple[int, int], ...] = ()
    """Pairs of points that belong together, for drawing."""
    depths: npt.NDArray[np.float32] | None = None
    """float32[k], in the scale of the source's x, smaller is nearer; None where the model gives none."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word in running sound."""

    text: str
    """As the model writes it."""
    begin_s: float
    """Seconds since the stream began."""
    end_s: float
    """Seconds since the stream began."""
    confidence: float = 1.0
    """0..1: how probable its labels are where they are heard best, on average (geometric mean)."""


@dataclass(frozen=True, slots=True, eq=False)
class Transcript(Result):
    """Words heard."""

    text: str
    start_s: float = 0.0
    """Seconds since the stream began."""
    end_s: float = 0.0
    """Seconds since the stream began."""
    words: tuple[Word, ...] = ()
    """Each with its times; empty where the model tells none."""
    final: bool = True
    """False for what was understood so far, which the next result replaces."""
    confidence: float = 1.0
    """0..1: how probable what was written is, on average over its tokens or words (geometric mean)."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another text that was nearly written."""

    text: str
    score: float
    """0..1, as `Written.score`."""


@dataclass(frozen=True, slots=True, eq=False)
class Written(Result):
    """A text made by a model."""

    text: str
    score: float = 1.0
    """0..1: how probable its tokens are, on average (geometric mean)."""
    alternatives: tuple[Alternative, ...] = ()
    """The next best texts, where they are asked for."""
    ended: bool = True
    """False where the model had more to write than it may."""
    cut: bool = False
    """Whether the source had more tokens than the model takes, so that a part of it was left out."""
    final: bool = True
    """False for what is written so far, which the next result replaces."""


def _no_quads() -> npt.NDArray[np.float32]:
    return np.zeros((0, 4, 2), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class TextLines(Result):
    """Lines of text in a picture, in the order in which they are read."""

    lines: tuple[str, ...] = ()
    """What each says."""
    scores: npt.NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    """float32[n], 0..1: the mean probability of each line's characters."""
    quads_xy: npt.NDArray[np.float32] = field(default_factory=_no_quads)
    """float32[n, 4, 2] in pixels of the source frame: where each line begins above, ends above, ends below, begins
    below, as it is read. A line may reach beyond the picture."""
    rows: tuple[int, ...] = ()
    """How many of the lines stand side by side, row after row."""

    @property
    def text(self) -> str:
        """All lines: a line break between rows, a space within them."""
        at, found = 0, []
        for count in self.rows or (1,) * len(self.lines):
            found.append(" ".join(self.lines[at : at + count]))
            at += count
        return "\n".join(found)

    def to_json(self) -> dict[str, Any]:
        """As of every result, and `text`."""
        return {
            "text": self.text,
            **{each.name: _jsonable(getattr(self, each.name)) for each in fields(self)},
        }


@dataclass(frozen=True, slots=True)
class Tag:
    """One label over a stretch of running sound: a dog that barks, music."""

    label: str
    """Name of the class."""
    begin_s: float
    """Seconds since the stream began."""
    end_s: float
    """Seconds since the stream began; so far, where it goes on."""
    score: float
    """0..1: the highest in that time, smoothed as the card says."""


@dataclass(frozen=True, slots=True, eq=False)
class Tags(Result):
    """What is heard in a window of sound, any number of labels at once, and which of them began and ended."""

    labels: tuple[str, ...]
    """Names of the best classes, best first."""
    scores: npt.NDArray[np.float32]
    """float32[k], 0..1, of each entry of `labels`; each class stands for itself."""
    begin_s: float = 0.0
    """Start of the window, seconds since the stream began."""
    end_s: float = 0.0
    """End of the window, seconds."""
    begun: tuple[Tag, ...] = ()
    """Labels that this window made sure of, each told once; of a whole recording none."""
    ended: tuple[Tag, ...] = ()
    """Labels that are over; of a whole recording all that were heard, in the order of their beginnings."""

    @property
    def label(self) -> str:
        """Name of the best class; "" where there is none."""
        return self.labels[0] if self.labels else ""

    @property
    def score(self) -> float:
        """Of the best class, 0..1; 0 where there is none."""
        return float(self.scores[0]) if self.labels else 0.0


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech."""

    begin_s: float
    """Seconds since the stream began, padding included."""
    end_s: float
    """Seconds since the stream began, padding included; so far, where it goes on."""
    score: float
    """0..1: mean probability of speech from its beginning to its end."""


@dataclass(frozen=True, slots=True, eq=False)
class Segments(Result):
    """Where somebody speaks."""

    segments: tuple[Segment, ...]
    """In order. On a stream one: it has begun, or it is over; of a whole recording all."""
    final: bool = True
    """False for speech that goes on, whose end a later result tells."""


@dataclass(frozen=True, slots=True, eq=False)
class Audio(Result):
    """Sound made by a model."""

    samples: npt.NDArray[np.float32]
    """float32[n] in -1..1."""
    sample_rate: int
    """Hertz."""
    final: bool = True
    """False where more of the same belongs behind it: the next sentence of a text."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture(Result):
    """A picture made by a model."""

    pixels: npt.NDArray[np.uint8]
    """uint8[height, width, 3] RGB, or uint8[height, width]."""

    def to_json(self) -> dict[str, Any]:
        """`width`, `height` and `channels`: pixels are saved as pictures, not as numbers in text."""
        height, width, *channels = self.pixels.shape
        return {"width": width, "height": height, "channels": channels[0] if channels else 1}


class Near(NamedTuple):
    """One of a list of embeddings, and how near it is."""

    place: int
    """In the list, from 0."""
    similarity: float
    """-1..1; 1 where both point the same way."""


@dataclass(frozen=True, slots=True, eq=False)
class Embedding(Result):
    """A vector that stands for the input."""

    vector: npt.NDArray[np.float32]
    """float32[n]."""

    def similarity(self, other: Embedding) -> float:
        """The cosine of the angle between the two, -1..1; 0 where one of them is zero.

        Raises:
            InputError: the vectors have different lengths, so that they are of two models.
        """
        return self.nearest((other,))[0].similarity

    def nearest(self, others: Sequence[Embedding], count: int = 1) -> list[Near]:
        """The `count` embeddings of a list that are nearest, best first; of equal ones the earlier is first.

        Raises:
            InputError: the list is empty, has something else than embeddings, or vectors of another length; or the
                count is below 1.
        """
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise InputError(f"nearest: expected a count of 1 or more, found {count!r}")
        if not len(others):
            raise InputError("nearest: expected at least one embedding to compare with, found none")
        for at, each in enumerate(others):
            if not isinstance(each, Embedding):
                raise InputError(
                    f"embedding {at}: expected an Embedding, as models give, found {type(each).__name__}"
                )
            if each.vector.shape != self.vector.shape:
                raise InputError(
                    f"embedding {at}: expected a vector of {self.vector.size} numbers as this one, found "
                    f"{each.vector.size}. Compare those of one model"
                )
        rows = np.stack([each.vector for each in others]).astype(np.float64)
        own = self.vector.astype(np.float64)
        lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(own)
        cosines = np.divide(rows @ own, lengths, out=np.zeros(len(rows)), where=lengths > 0).clip(-1.0, 1.0)
        best = np.argsort(-cosines, kind="stable")[:count]
        return [Near(int(at), float(cosines[at])) for at in best]


@dataclass(frozen=True, slots=True, eq=False)
class Identity(Result):
    """Whose voice or face it is, of those that have a name (`edgemm.Enrolled`)."""

    label: str
    """The name that is meant, or the nearest one."""
    score: float
    """-1..1: the similarity to what is enrolled under that name."""
    detected: bool = True
    """False where the similarity stays under the threshold: then it is nobody that is known."""


@dataclass(frozen=True, slots=True, eq=False)
class Thing:
    """One thing in a picture, and what the models of a chain say of it. Places are in pixels of the source frame."""

    quad_xy: npt.NDArray[np.float32]
    """float32[4, 2]: the part of the frame that the models behind were given: its upper left, upper right, lower right
    and lower left corner as they see it."""
    box_xyxy: npt.NDArray[np.float32]
    """float32[4]: left, top, right, bottom: where it was found; of a thing that is tracked, around its points."""
    score: float
    """0..1: of what found it; of a thing that is tracked, that it is still there."""
    label: str = ""
    """Its class, as what found it first told; "" where that tells none."""
    track: int | None = None
    """The same number in each frame in which it is the same thing; None where nothing is tracked."""
    results: dict[str, Result] = field(default_factory=dict)
    """Name of a stage -> its result, in the order of the chain. A stage that had nothing to look at is not there."""
    things: tuple[Thing, ...] = ()
    """What a detector behind this thing found in it, and what is said of that."""

    @property
    def result(self) -> Result | None:
        """Of the last stage that had something to say; None where none had."""
        return next(reversed(self.results.values()), None)

    def __getitem__(self, stage: str) -> Any:
        """The result of one stage.

        Raises:
            InputError: there is none of that name for this thing.
        """
        if stage not in self.results:
            raise InputError(
                f"results: expected a stage that saw this thing ({', '.join(self.results) or 'none did'}), found "
                f"{stage!r}"
            )
        return self.results[stage]


@dataclass(frozen=True, slots=True, eq=False)
class Scene(Result):
    """What a chain of models says of one frame."""

    things: tuple[Thing, ...] = ()
    """Those that are tracked, oldest first, then those found in this frame, best first."""
    detected: bool = True
    """Whether the first model ran on this frame. False: it was skipped, and all things are tracked."""
    lost: tuple[int, ...] = ()
    """Tracks that ended with this frame."""
    left_out: int = 0
    """What was found and given to no model: beyond the number that is wanted, below the score, of other classes,
    nowhere, or tracked already."""


@dataclass(frozen=True, slots=True, eq=False)
class Tensors(Result):
    """The model's raw outputs by name, when its card names no task."""

    values: dict[str, npt.NDArray[Any]]
    """Name of the output -> array, dequantized to float32 where the output is quantized."""
