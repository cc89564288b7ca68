"""Strings of spoken digits, written down while they are said."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import edgemm
from edgemm.cli.demo.live import TIMEOUT_S, LiveRun, Progress, Said, envelope_of, medians, write_speech
from edgemm.media import AudioBlock
from edgemm.results import Transcript

STRINGS = (("four", "two", "seven"), ("three", "one", "eight", "nine"))
"""What is said, with a longer silence after each."""
BETWEEN_S = 0.15
"""Silence between two words of a string."""
BEHIND_S = 1.2
"""Silence after a string: longer than what ends an utterance."""
MODEL = "models/digits_ctc.int8.tflite"


@dataclass(frozen=True, slots=True, eq=False)
class WrittenDown:
    """What was understood, and when it was told."""

    run: LiveRun
    said: tuple[str, ...]
    """The strings."""
    told: tuple[tuple[float, str, bool], ...]
    """Seconds, text, whether final."""
    envelope: npt.NDArray[np.float32]

    @property
    def written(self) -> tuple[str, ...]:
        """The final texts."""
        return tuple(text for _, text, final in self.told if final)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        plain = self.run.to_json()
        return {
            **{key: plain[key] for key in plain if key not in ("spoken", "heard")},
            "said": list(self.said),
            "written": list(self.written),
            "told": [{"at_s": round(at, 2), "text": text, "final": final} for at, text, final in self.told],
        }


def write_down(budget: edgemm.Budget, folder: Path, progress: Progress) -> WrittenDown:
    """Bundled recordings of digits one after another, in real time, through the bundled int8 recogniser."""
    from edgemm import data

    recordings = {word: samples for word, samples, _ in data.spoken_digits()}
    words = [
        Said(word, recordings[word], BETWEEN_S if at < len(string) else BEHIND_S)
        for string in STRINGS
        for at, word in enumerate(string, 1)
    ]
    path = folder / "strings.wav"
    spoken, samples, rate = write_speech(path, words)
    seconds = len(samples) / rate
    ages, stages, told = [], [], []
    with (
        edgemm.load(data.path(MODEL)) as model,
        edgemm.open_source(f"{path}?block_ms=20", pace="live") as source,
        model.stream(source, budget=budget, timeout_s=TIMEOUT_S) as stream,
    ):
        for item in stream:
            assert isinstance(item.value, Transcript)
            assert isinstance(item.frame, AudioBlock)
            ages.append(item.age_ms)
            stages.append(item.stages_ms)
            heard = item.frame.position + len(item.frame.samples)
            told.append((heard / item.frame.sample_rate, item.value.text, item.value.final))
            progress("digit strings, live", int(told[-1][0]), int(seconds))
        summary = stream.ledger.summary()
    run = LiveRun(
        "digit strings", float(budget.max_age_ms or 0), tuple(ages), medians(stages), summary,
        spoken=spoken, seconds=seconds,
    )  # fmt: skip
    return WrittenDown(run, tuple(map(" ".join, STRINGS)), tuple(told), envelope_of(samples))
