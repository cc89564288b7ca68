"""What to play on, and how."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

SAMPLE_BYTES = 2
"""Of one sample in one channel, int16 in the machine's byte order."""
AHEAD_S = 0.5
"""Seconds of sound that the child has before they are needed: so long may the application be busy."""


@dataclass(frozen=True, slots=True)
class PlayerOptions:
    """One stream to a speaker."""

    device: str = ""
    """Part of the name, or a number in the list of speakers; "" is the default one."""
    sample_rate: int | None = None
    """Hertz; None: the device's own."""
    channels: int | None = None
    """All of them play the same sound; None: one, or two where the device has no stream of one."""
    block_ms: float = 20.0
    again: bool = False
    """`device` is the whole name of one that was open before."""

    def block_frames(self, sample_rate: int) -> int:
        """Samples per channel in one block."""
        return max(1, round(sample_rate * self.block_ms / 1000))

    def to_json(self) -> str:
        """For the child's command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> PlayerOptions:
        """The child's side of `to_json`."""
        return cls(**json.loads(text))
