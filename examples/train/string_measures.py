"""How well a recogniser writes down strings of digits: words, times, and whether a stream says what the whole says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from speakers import RATE
from spoken_strings import SpokenString

import edgemm
from edgemm.judge import metric
from edgemm.media import AudioBlock
from edgemm.results import Transcript
from edgemm.session import NO_CLOCK

BLOCK = 400
"""Samples in a block of a stream: 50 ms."""
NEAR_S = 0.1
"""Within which a word's time is right."""


@dataclass(frozen=True, slots=True)
class StringFigures:
    """Of one artifact on some strings."""

    words: int
    word_error: float
    """Share of the words."""
    streams_alike: float
    """Share of the strings of which the stream's final results are the words of the whole."""
    begins_within: float
    """Share of the words of strings without a mistake that begin within 0.1 s of when they do."""
    ends_within: float

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            name: round(value, 4) if isinstance(value, float) else value
            for name, value in asdict(self).items()
        }


def measured(file: Path, strings: Sequence[SpokenString]) -> StringFigures:
    """The artifact as a device runs it."""
    judge, alike = metric("transcription"), 0
    begins: list[float] = []
    ends: list[float] = []
    with edgemm.load(file) as model:
        for each in strings:
            whole = model(each.samples, sample_rate=RATE)
            assert isinstance(whole, Transcript)
            judge.add(whole, each.text)
            alike += streamed(model, each) == whole.text
            if whole.text == each.text:
                begins += [abs(a.begin_s - b.begin_s) for a, b in zip(whole.words, each.words, strict=True)]
                ends += [abs(a.end_s - b.end_s) for a, b in zip(whole.words, each.words, strict=True)]
    return StringFigures(
        judge.report()["words"],
        judge.value(),
        alike / len(strings),
        float(np.mean(np.array(begins) <= NEAR_S)),
        float(np.mean(np.array(ends) <= NEAR_S)),
    )


def streamed(model: edgemm.Model, string: SpokenString) -> str:
    """The final results of a stream of blocks, joined."""
    session = model.session()
    said = []
    for at in range(0, len(string.samples), BLOCK):
        block = AudioBlock(string.samples[at : at + BLOCK], RATE, round(at * 1e9 / RATE), at)
        said += list(session.feed(block, NO_CLOCK))
    said += list(session.finish(NO_CLOCK))
    session.close()
    texts = [each.value.text for each in said if each.final and isinstance(each.value, Transcript)]
    return " ".join(filter(None, texts))
