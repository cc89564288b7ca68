"""What a map is: how much each place of an input does for one answer of a model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Kind = Literal["image", "audio", "text"]


def _none() -> npt.NDArray[np.float32]:
    return np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Map:
    """How much each place of an input does for one answer: positive where the answer rests on it, negative where it
    speaks against it."""

    values: npt.NDArray[np.float32]
    """float32[height, width] over a picture, in its pixels; float32[frames, bins] over sound; float32[words] over a
    text. In units of the score: what it loses where the place is hidden."""
    target: str
    """The answer that is explained: a label; of a detector the label of one box."""
    score: float
    """0..1: of that answer for the whole input."""
    method: str
    """"occlusion" or "masks"."""
    runs: int
    """How often the model was asked."""
    kind: Kind
    """What the input is."""
    times_s: npt.NDArray[np.float32] = field(default_factory=_none)
    """Sound: float32[frames], seconds since the recording began, of the middle of each frame."""
    hertz: npt.NDArray[np.float32] = field(default_factory=_none)
    """Sound: float32[bins]."""
    words: tuple[str, ...] = ()
    """Text: the words that `values` are of."""

    def peak(self) -> tuple[int, ...]:
        """The index of the place that does most; of equal ones the first."""
        return tuple(int(each) for each in np.unravel_index(int(self.values.argmax()), self.values.shape))

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values, one key per field."""
        return {
            "values": self.values.tolist(),
            "target": self.target,
            "score": self.score,
            "method": self.method,
            "runs": self.runs,
            "kind": self.kind,
            "times_s": self.times_s.tolist(),
            "hertz": self.hertz.tolist(),
            "words": list(self.words),
        }
