"""What a stream is at work on, between capture and delivery."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgemm.media import AudioBlock, Captured
from edgemm.results import Keyword, Result


@dataclass(slots=True, eq=False)
class Work:
    """A captured item that the session is at work on."""

    item: Captured
    results: Iterator[Result]
    answered: bool = False
    """True once it has given a result."""


@dataclass(frozen=True, slots=True, eq=False)
class Pending:
    """A result that is computed and not yet handed over."""

    work: Work
    result: Result
    captured_ns: int
    """Of the frame, or of the newest sample in the window."""
    first: bool
    stages_ms: dict[str, float]


def newest_ns(item: Captured, result: Result) -> int:
    """When the newest part of what made a result was captured.

    Of a frame, the frame. Of sound, the last sample in the window where the result tells where that ends,
    else the last sample of the block.
    """
    if not isinstance(item, AudioBlock):
        return item.captured_ns
    samples = float(len(item.samples))
    if isinstance(result, Keyword):
        samples = min(samples, result.end_s * item.sample_rate - item.position)
    return item.captured_ns + round(samples * 1e9 / item.sample_rate)
