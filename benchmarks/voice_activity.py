"""Silero's voice activity detector on a stream, against the whole recording stepped by hand with ONNX Runtime."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import edgemm
from benchmarks.shared import blocks, find, sounds
from edgemm.results import Keyword
from edgemm.session import NO_CLOCK

MODEL = "models/silero_vad_16k_op15.onnx"
SPEECH = "data/librispeech_test_other"
RECORDINGS = 5
TOLERANCE = 1e-5
"""Of a probability: the same runtime computes the same windows."""
NEW, BEFORE = 512, 64
"""Samples of a window: those that are new, and those that it looks back on."""


def run() -> list[dict[str, Any]]:
    """The largest difference over all windows of some recordings."""
    shared = find(MODEL, SPEECH)
    if shared is None:
        return []
    worst, windows, speech = 0.0, 0, 0
    with edgemm.load(shared / MODEL, card="silero-vad") as model:
        session = model.session()
        for samples, rate in list(sounds(shared / SPEECH, "*/*0000.flac"))[:RECORDINGS]:
            session.reset()
            streamed = [
                found.value.score
                for at, part in blocks(samples, 320)
                for found in session.feed(edgemm.AudioBlock(part, rate, 0, at), NO_CLOCK)
                if isinstance(found.value, Keyword)
            ]
            expected = by_hand(shared / MODEL, samples)
            worst = max(worst, float(np.abs(np.array(streamed) - expected).max()))
            windows, speech = windows + len(expected), speech + int((expected > 0.5).sum())
    return [
        {
            "name": "voice activity: stream against whole recording",
            "ratio": worst,
            "limit": TOLERANCE,
            "ok": worst <= TOLERANCE,
            "details": {"windows": windows, "speech": round(speech / windows, 3)},
        }
    ]


def by_hand(model: Path, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Probability of speech in each window."""
    import onnxruntime

    runtime = onnxruntime.InferenceSession(model)
    state, rate = np.zeros((2, 1, 128), np.float32), np.array(16000, np.int64)
    heard = np.concatenate([np.zeros(BEFORE, np.float32), samples])
    found = []
    for at in range(0, len(samples) - NEW + 1, NEW):
        window = heard[None, at : at + BEFORE + NEW]
        score, state = runtime.run(None, {"input": window, "state": state, "sr": rate})
        found.append(score[0, 0])
    return np.array(found, np.float32)


if __name__ == "__main__":
    for each in run():
        print(json.dumps(each))
