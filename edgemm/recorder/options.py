"""What to record, and how."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from math import ceil
from typing import Literal

Dtype = Literal["int16", "float32"]
SAMPLE_BYTES: dict[str, int] = {"int16": 2, "float32": 4}


@dataclass(frozen=True, slots=True)
class RecorderOptions:
    """One recording."""

    device: str = ""
    """Part of the name, or a number in the list of microphones; "" is the default one."""
    sample_rate: int | None = None
    """Hertz; None: the device's own."""
    channels: int = 1
    dtype: Dtype = "int16"
    block_ms: float = 20.0
    ring_s: float = 2.0
    """Seconds of sound that wait for a slow reader before newer sound is dropped."""
    again: bool = False
    """`device` is the whole name of one that was open before."""

    def block_frames(self, sample_rate: int) -> int:
        """Samples per channel in one block."""
        return max(1, round(sample_rate * self.block_ms / 1000))

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample in all channels."""
        return self.channels * SAMPLE_BYTES[self.dtype]

    @property
    def slots(self) -> int:
        """Blocks that the ring holds."""
        return max(2, ceil(self.ring_s * 1000 / self.block_ms))

    def to_json(self) -> str:
        """For the child's command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> RecorderOptions:
        """The child's side of `to_json`."""
        return cls(**json.loads(text))
