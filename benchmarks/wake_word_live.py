"""The wake word through a microphone: a part of the recordings played into the virtual one, heard by a stream.

In real time, three minutes. Each recording must be judged as it is when it is read from its file.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any

import numpy as np
import numpy.typing as npt
from pulse import APT, RATE, VirtualMicrophone, missing, virtual_microphone

import edgemm
from benchmarks.shared import Sound, find, sounds
from benchmarks.wake_word import CUTOFF, MIN_RECALL, MODEL, WORD, peak
from edgemm.card.presets import preset
from edgemm.results import Keyword
from edgemm.stream.stream import Stream

OTHER = "data/wakeword/jarvis"
EVERY = 4, 5
"""Of the recordings of the word, and of the other one."""
QUIET_S = 2.0
"""Listened to after each recording. The model remembers for over a second: words that follow each other more closely
are scored lower, from a file just as from a microphone (0.44 in place of 0.98 for one of these after 0.8 s)."""


def run() -> list[dict[str, Any]]:
    """One result: recall, false accepts, and how often microphone and file were judged alike."""
    shared = find(MODEL, WORD, OTHER)
    if shared is None:
        return []
    if lacking := missing():
        print(json.dumps({"skipped": f"{lacking} is missing: {APT}"}))
        return []
    said = list(sounds(shared / WORD, "*"))[:: EVERY[0]]
    other = list(sounds(shared / OTHER, "*"))[:: EVERY[1]]
    card = preset("microwakeword").with_(labels=("alexa",))
    with edgemm.load(shared / MODEL, card=card) as model:
        session = model.session()
        from_file = np.array([peak(session, each) for each in said + other])
        session.close()
        heard, summary = _listen(model, said + other)
    return [_judge(from_file, heard, len(said), summary)]


def _listen(model: edgemm.Model, recordings: list[Sound]) -> tuple[npt.NDArray[np.float64], dict[str, Any]]:
    """The highest score while each was played, and the account."""
    with (
        virtual_microphone() as microphone,
        model.stream(edgemm.open_source(f"microphone:?rate={RATE}")) as stream,
    ):
        peaks = [_hear(stream, microphone, each) for each in recordings]
        return np.array(peaks), stream.ledger.summary()


def _hear(stream: Stream, microphone: VirtualMicrophone, recording: Sound) -> float:
    samples, rate = recording
    assert rate == RATE
    quiet = np.zeros(round(QUIET_S * RATE), np.float32)
    player = microphone.play((np.concatenate([samples, quiet]) * 32767).astype(np.int16))
    scores = []
    for item in stream:
        assert isinstance(item.value, Keyword)
        scores.append(item.value.score)
        if _done(player):
            return max(scores)
    return 0.0


def _done(player: subprocess.Popen[bytes]) -> bool:
    return player.poll() is not None


def _judge(
    from_file: npt.NDArray[np.float64], heard: npt.NDArray[np.float64], said: int, summary: dict[str, Any]
) -> dict[str, Any]:
    recall = float((heard[:said] >= CUTOFF).mean())
    false_accepts = int((heard[said:] >= CUTOFF).sum())
    alike = int(((heard >= CUTOFF) == (from_file >= CUTOFF)).sum())
    samples = summary["samples"]
    return {
        "name": "wake word through the virtual microphone: recall",
        "ratio": recall,
        "limit": MIN_RECALL,
        "ok": bool(recall >= MIN_RECALL and not false_accepts and alike == len(heard)),
        "details": {
            "recordings": said,
            "others": len(heard) - said,
            "false_accepts": false_accepts,
            "judged_as_from_the_file": alike,
            "judged_otherwise": [
                {"recording": int(at), "file": float(from_file[at]), "microphone": float(heard[at])}
                for at in np.flatnonzero((heard >= CUTOFF) != (from_file >= CUTOFF))
            ],
            "largest_difference_of_a_peak": round(float(np.abs(heard - from_file).max()), 3),
            "samples": samples,
            "p99_ms": summary["p99_ms"],
        },
    }


if __name__ == "__main__":
    for each in run():
        print(json.dumps(each))
