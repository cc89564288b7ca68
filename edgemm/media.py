"""What models are fed with: frames, sound, texts and seeds of sources, points of other models, each with its time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

Color = Literal["rgb", "bgr", "gray"]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture and when it was taken."""

    pixels: npt.NDArray[np.uint8]
    """uint8[height, width, 3], or uint8[height, width] when `color` is "gray"."""
    captured_ns: int
    """CLOCK_MONOTONIC, nanoseconds: the moment of exposure as well as the source knows it."""
    sequence: int
    """0, 1, 2 ... as captured. A hole in the numbers is a dropped frame."""
    color: Color = "rgb"
    """Order of the channels. Never guessed: a bare array handed to a model is RGB."""
    origin: str = ""
    """Where it came from: a file name, a URI without credentials."""
    film_ns: int | None = None
    """When it is shown in its film, nanoseconds since the first frame, however fast the film is read; None where it is
    of no film."""

    @property
    def moment_ns(self) -> int:
        """What tells how much time lies between two frames: `film_ns`, or else `captured_ns`."""
        return self.captured_ns if self.film_ns is None else self.film_ns


@dataclass(frozen=True, slots=True, eq=False)
class AudioBlock:
    """A run of consecutive samples of one channel."""

    samples: npt.NDArray[np.float32]
    """float32[n] in -1..1."""
    sample_rate: int
    """Hertz."""
    captured_ns: int
    """CLOCK_MONOTONIC, nanoseconds, of the first sample."""
    position: int
    """Index of the first sample since the source was opened, gaps counted in."""
    gap_samples: int = 0
    """Samples lost just before this block. Above 0, every consumer resets its state."""
    origin: str = ""
    """Where it came from: a file name, a device name."""
    gap_reason: str = "gap"
    """Why those samples were lost, as the ledger counts them: "gap", "overflow", "stalled", "silence" ..."""


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """A text, or two that belong together. Its `repr` does not show it: what was typed stands in no log."""

    text: str = field(repr=False)
    captured_ns: int
    """CLOCK_MONOTONIC, nanoseconds: when it was read."""
    sequence: int
    """0, 1, 2 ... as captured."""
    pair: str | None = field(default=None, repr=False)
    """The second text, for models that compare two."""
    origin: str = ""
    """Where it came from: the name of a file and a line."""


@dataclass(frozen=True, slots=True, eq=False)
class PointSet:
    """Points that a model found in a picture, for a model behind it."""

    points_xy: npt.NDArray[np.float32]
    """float32[k, 2] in pixels of the picture; float32[0, 2] where nothing was found."""
    captured_ns: int
    """CLOCK_MONOTONIC, nanoseconds, of the picture."""
    sequence: int
    """0, 1, 2 ... of the picture."""
    source_wh: tuple[int, int] = (0, 0)
    """Pixels of the picture; (0, 0) where they are not known."""
    origin: str = ""
    """Where the picture came from."""


@dataclass(frozen=True, slots=True)
class Seed:
    """What a generator makes one result of."""

    seed: int
    """0 or more: the same one gives the same noise."""
    captured_ns: int
    """CLOCK_MONOTONIC, nanoseconds: when it was read."""
    sequence: int
    """0, 1, 2 ... as captured."""
    label: str | int | None = None
    """The class that is to be made, by its name or number; None: any."""
    origin: str = ""
    """Which seed it is."""


Captured = Frame | AudioBlock | Text | PointSet | Seed
Modality = Literal["image", "audio", "text", "points", "seed"]
"""What a source gives, and what a session takes."""
