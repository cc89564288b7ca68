"""When what was said in noise is final: strings of digits of a speaker whom the recogniser was not trained on.

`python -m benchmarks digit_strings`: 50 strings in steady white noise, at each of three levels. The end of speech is
the known end of the last word: where it is 30 dB below the word's loudest part, which the noise may cover.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import edgemm
from benchmarks.shared import blocks, find
from edgemm import data
from edgemm.judge import metric
from edgemm.media import AudioBlock
from edgemm.results import Transcript
from edgemm.session import NO_CLOCK

DIGITS = "data/fsdd"
SPEAKER = "yweweler"
MODELS = ("digits_ctc.int8.tflite", "digits_ctc.int8.onnx")
RATE = 8000
NOISY, SEED = 50, 11
LEVELS_DB = (20, 15, 10)
"""Of the words' mean power over the noise's."""
SILENCE_S, TOLERANCE_S = 0.8, 0.1
BEFORE_S, BEHIND_S, BLOCK_S = 1.0, 2.0, 0.02
Samples = npt.NDArray[np.float32]


def run() -> list[dict[str, Any]]:
    """A row for each file and level."""
    shared = find(DIGITS)
    if shared is None:
        return []
    return [finals(shared, name, level_db) for name in MODELS for level_db in LEVELS_DB]


def finals(shared: Path, name: str, level_db: float) -> dict[str, Any]:
    """Of one file at one level."""
    sys.path.append(str(Path(__file__).parents[1] / "examples" / "train"))
    from speakers import recordings_in
    from spoken_strings import spoken_strings

    spoken = [each for each in recordings_in(shared / DIGITS) if each.speaker == SPEAKER]
    strings = spoken_strings(spoken, NOISY, SEED, noise_db=(-200.0, -200.0))
    judge, delays, several = metric("transcription"), [], 0
    with edgemm.load(data.path(f"models/{name}"), endpoint_s=SILENCE_S) as model:
        for seed, each in enumerate(strings):
            sound, end_s = _in_noise(each, level_db, seed)
            texts, told_s = _told(model.session(), sound)
            judge.add(" ".join(texts), each.text)
            delays.append(told_s - end_s)
            several += len(texts) > 1
    within = int(np.sum(np.array(delays) <= SILENCE_S + TOLERANCE_S))
    return {
        "name": f"digit strings {name} {level_db} dB", "ratio": NOISY / max(within, 1), "limit": 1.0,
        "ok": within == NOISY, "within": within, "of": NOISY, "least_s": round(float(np.min(delays)), 3),
        "median_s": round(float(np.median(delays)), 3), "most_s": round(float(np.max(delays)), 3),
        "silence_s": SILENCE_S, "divided": several, "word_error": round(judge.value(), 4),
    }  # fmt: skip


def _told(session: Any, sound: Samples) -> tuple[list[str], float]:
    """Texts of the final results, and when the last one was there, the computing for its block counted in."""
    texts, told_s = [], np.inf
    for at, part in blocks(sound, round(BLOCK_S * RATE)):
        begun = time.perf_counter()
        for each in session.feed(AudioBlock(part, RATE, round(at * 1e9 / RATE), at), NO_CLOCK):
            if each.final and isinstance(each.value, Transcript) and each.value.text:
                texts.append(each.value.text)
                told_s = (at + len(part)) / RATE + time.perf_counter() - begun
    session.close()
    return texts, told_s


def _in_noise(string: Any, level_db: float, seed: int) -> tuple[Samples, float]:
    """The string in noise, and where its last word ends, seconds."""
    spans = [(round(each.begin_s * RATE), round(each.end_s * RATE)) for each in string.words]
    words = np.concatenate([string.samples[begin:end] for begin, end in spans])
    level = np.sqrt(np.mean(np.square(words))) * 10 ** (-level_db / 20)
    padded = np.pad(string.samples[: spans[-1][1]], (round(BEFORE_S * RATE), round(BEHIND_S * RATE)))
    noise = np.random.default_rng(seed).standard_normal(len(padded)) * level
    return (padded + noise).astype(np.float32), BEFORE_S + spans[-1][1] / RATE
