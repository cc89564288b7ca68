"""The live half of the demo: pictures and speech, from files played in real time and from devices."""

from __future__ import annotations

import io
import threading
import wave
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import edgemm
from edgemm import atomic
from edgemm.media import Frame
from edgemm.results import Classification, Keyword
from edgemm.stream.stream import Stream

Progress = Callable[[str, int, int], None]
STAGES = ("wait", "preprocess", "infer", "decode")
RATE = 8000
"""Hertz of the bundled recordings."""
PAUSE_S = 0.6
"""Silence between two spoken words."""
STARTING_S = 2.0
"""A microphone may take so long until its first sound."""
TIMEOUT_S = 5.0
"""A device that gives nothing for so long is left out of the demo."""


@dataclass(frozen=True, slots=True, eq=False)
class LiveRun:
    """One stream against its budget."""

    name: str
    budget_ms: float
    ages_ms: tuple[float, ...]
    """Of each result, from capture to delivery."""
    stages_ms: dict[str, float]
    """Median of each stage."""
    summary: dict[str, Any]
    """Of the ledger."""
    shown: tuple[tuple[npt.NDArray[np.uint8], str, bool], ...] = ()
    """Pictures: pixels, answer, whether it is right."""
    spoken: tuple[tuple[float, float, str], ...] = ()
    """Speech: start, end, word."""
    heard: tuple[tuple[float, str], ...] = ()
    """Speech: when a word was found, seconds, and which."""
    envelope: npt.NDArray[np.float32] | None = None
    """Speech: loudness 0..1."""
    seconds: float = 0.0
    film: Path | None = None
    """A film with the results drawn in."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        said = [word for _, _, word in self.spoken]
        return {
            "name": self.name,
            "budget_ms": self.budget_ms,
            "stages_ms": {stage: round(ms, 4) for stage, ms in self.stages_ms.items()},
            "summary": self.summary,
            **({"spoken": said, "heard": [word for _, word in self.heard]} if said else {}),
        }


def run_pictures(model_path: Path, budget: edgemm.Budget, progress: Progress) -> LiveRun:
    """The bundled pictures at 30 per second."""
    from edgemm import data

    uri = f"{data.path('digits')}?fps=30"
    return watch("pictures", model_path, uri, budget, progress, truth=lambda origin: Path(origin).parent.name)


def run_speech(model_path: Path, budget: edgemm.Budget, folder: Path, progress: Progress) -> LiveRun:
    """The bundled words one after another, in real time, one inference per hop."""
    from edgemm import data

    path = folder / "speech.wav"
    spoken, samples, rate = write_speech(
        path, [Said(word, each, PAUSE_S) for word, each, _ in data.spoken_digits()]
    )
    run = listen("speech", model_path, f"{path}?block_ms=5", budget, progress, seconds=len(samples) / rate)
    return replace(run, spoken=spoken, envelope=envelope_of(samples))


def envelope_of(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """float32[300], loudness 0..1 over the whole length."""
    loudness = np.abs(samples[: len(samples) // 300 * 300]).reshape(300, -1).max(axis=1)
    return np.asarray(loudness / max(float(loudness.max()), 1e-6), np.float32)


def watch(
    name: str,
    model_path: Path,
    uri: str,
    budget: edgemm.Budget,
    progress: Progress,
    *,
    seconds: float | None = None,
    truth: Callable[[str], str] | None = None,
) -> LiveRun:
    """A source of pictures through the digits network, for at most so many seconds.

    Args:
        truth: origin of a picture -> what it shows; None where nobody knows.
    """
    ages, stages = [], []
    shown: list[tuple[npt.NDArray[np.uint8], str, bool]] = []
    with (
        edgemm.load(model_path) as model,
        edgemm.open_source(uri, pace="live") as source,
        model.stream(source, budget=budget, timeout_s=TIMEOUT_S) as stream,
        _for_at_most(seconds, stream),
    ):
        for item in stream:
            ages.append(item.age_ms)
            stages.append(item.stages_ms)
            if isinstance(item.value, Classification) and isinstance(item.frame, Frame) and len(shown) < 40:
                right = truth is None or truth(item.frame.origin) == item.value.label
                shown.append((item.frame.pixels.copy(), f"{item.value.label} {item.value.score:.0%}", right))
            progress(f"{name}, live", item.sequence + 1, 0)
        summary = stream.ledger.summary()
    return LiveRun(name, float(budget.max_age_ms or 0), tuple(ages), medians(stages), summary, tuple(shown))


def listen(
    name: str, model_path: Path, uri: str, budget: edgemm.Budget, progress: Progress, *, seconds: float
) -> LiveRun:
    """A source of sound through the keyword network, for at most so many seconds of it."""
    ages, stages, heard = [], [], []
    with (
        edgemm.load(model_path) as model,
        edgemm.open_source(uri, pace="live") as source,
        model.stream(source, budget=budget, timeout_s=TIMEOUT_S) as stream,
        _for_at_most(seconds + STARTING_S, stream),
    ):
        for item in stream:
            ages.append(item.age_ms)
            stages.append(item.stages_ms)
            if isinstance(item.value, Keyword):
                if item.value.detected:
                    heard.append((item.value.end_s, item.value.label))
                progress(f"{name}, live", int(item.value.end_s), int(seconds))
                if item.value.end_s >= seconds:
                    break
        summary = stream.ledger.summary()
    return LiveRun(
        name,
        float(budget.max_age_ms or 0),
        tuple(ages),
        medians(stages),
        summary,
        heard=tuple(heard),
        seconds=seconds,
    )


@contextmanager
def _for_at_most(seconds: float | None, stream: Stream) -> Iterator[None]:
    """Stops the stream after so many seconds, whatever its source does."""
    timer = threading.Timer(seconds or 0.0, stream.stop)
    timer.daemon = True
    if seconds is not None:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


class Said(NamedTuple):
    """A recorded word."""

    word: str
    samples: npt.NDArray[np.float32]
    """float32[n], at `RATE`."""
    pause_s: float
    """Silence behind it."""


def write_speech(
    path: Path, words: Sequence[Said]
) -> tuple[tuple[tuple[float, float, str], ...], npt.NDArray[np.float32], int]:
    """Words with pauses behind them as one 16-bit WAV.

    Returns:
        (start s, end s, word) of each, the samples float32[n], and their rate in hertz.
    """
    rate = RATE
    silence = np.zeros(int(PAUSE_S * rate), np.float32)
    pieces, spoken, position = [silence], [], len(silence)
    for word, samples, pause_s in words:
        spoken.append((position / rate, (position + len(samples)) / rate, word))
        pause = np.zeros(int(pause_s * rate), np.float32)
        pieces += [samples, pause]
        position += len(samples) + len(pause)
    joined = np.concatenate([*pieces, silence])
    stored = io.BytesIO()
    with wave.open(stored, "wb") as file:
        file.setparams((1, 2, rate, len(joined), "NONE", ""))
        file.writeframes((np.clip(joined, -1, 1) * 32767).astype("<i2").tobytes())
    atomic.write(path, [stored.getvalue()])
    return tuple(spoken), joined, rate


def medians(stages: list[Any]) -> dict[str, float]:
    """Milliseconds of each stage."""
    return {
        name: float(np.median([each.get(name, 0.0) for each in stages])) if stages else 0.0 for name in STAGES
    }
