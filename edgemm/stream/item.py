"""What a stream yields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgemm.media import Captured
from edgemm.results import Result


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One result, what it was made from, and how old it was when it was delivered."""

    value: Result
    frame: Captured
    """The frame, or the audio block whose samples completed the window."""
    sequence: int
    """0, 1, 2 ... of the results of this stream; a dropped frame leaves no number here."""
    captured_ns: int
    """CLOCK_MONOTONIC, nanoseconds: of the frame, or of the newest sample in the window."""
    age_ms: float
    """Milliseconds from capture to delivery, frozen at delivery."""
    late: bool
    """True when `age_ms` is above the budget."""
    stages_ms: Mapping[str, float]
    """Milliseconds in "wait", "preprocess", "infer" and "decode"."""
    final: bool = True
    """False where a later result replaces this one, such as the words of half a sentence."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, with the keys that scripts rely on: sequence, captured_ns, age_ms, late, origin,
        stages_ms, result; and final, false, where it is not."""
        return {
            "sequence": self.sequence,
            "captured_ns": self.captured_ns,
            "age_ms": round(self.age_ms, 3),
            "late": self.late,
            "origin": self.frame.origin,
            "stages_ms": {name: round(ms, 4) for name, ms in self.stages_ms.items()},
            "result": self.value.to_json(),
            **({} if self.final else {"final": False}),
        }
