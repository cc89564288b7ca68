"""Moonshine over read speech: words wrong, speed, when a result is final in noise, and memory over long sound.

`python -m benchmarks recognition [--hours 1] [--partial] [--beam 4] [--voice-activity]`
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import edgemm
from benchmarks.moonshine import NEEDED, write_moonshine
from benchmarks.shared import find, sound, sounds
from edgemm.judge import metric
from edgemm.media import AudioBlock
from edgemm.results import Transcript
from edgemm.session import NO_CLOCK

RATE, BLOCK = 16000, 1600
READ = "data/read_speech/librivox"
CLIPS = "data/librispeech_test_other"
MOST_WRONG = 3
"""Of the 71 words."""
NOISY = 50
SILENCE_S, TOLERANCE_S, SHARE = 0.8, 0.1, 0.25
"""A result is final so long after the end of speech: the configured silence, and a share of the utterance."""
GROWN_MB = 20
"""Least that counts as memory that grows, from the first round of all clips to the last: a runtime keeps what the
longest of them took."""
Samples = npt.NDArray[np.float32]


def run(arguments: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The measures; those of long sound only where `--hours` asks for it."""
    parser = argparse.ArgumentParser(prog="recognition")
    parser.add_argument("--hours", type=float, default=0.0, help="of sound, for memory")
    parser.add_argument("--partial", action="store_true", help="long sound with partial results")
    parser.add_argument("--beam", type=int, default=1)
    parser.add_argument(
        "--voice-activity", action="store_true", help="Silero's network says where somebody speaks"
    )
    chosen = parser.parse_args(arguments)
    shared = find(*NEEDED, READ, CLIPS)
    if shared is None:
        return []
    options = {"search": "beam", "beam": chosen.beam} if chosen.beam > 1 else {}
    with tempfile.TemporaryDirectory() as folder:
        path = write_moonshine(shared, Path(folder) / "moonshine.zip", voice_activity=chosen.voice_activity)
        with edgemm.load_bundle(path, **options) as bundle:
            found = [words(bundle, shared), finality(bundle, shared)]
            if chosen.hours:
                found.append(memory(bundle, shared, chosen.hours, chosen.partial))
    return found


def words(bundle: Any, shared: Path) -> dict[str, Any]:
    """How many of the words are wrong, and how much time a second of sound takes."""
    judge, seconds = metric("transcription"), 0.0
    begun = time.perf_counter()
    for text, (samples, rate) in zip(read_texts(shared), sounds(shared / READ, "*.wav"), strict=True):
        judge.add(written_out(bundle(samples, sample_rate=rate).text), text)
        seconds += len(samples) / rate
    taken = time.perf_counter() - begun
    wrong = judge.report()["wrong words"]
    return {
        "name": "recognition words", "ratio": wrong / MOST_WRONG, "limit": 1.0, "ok": wrong <= MOST_WRONG,
        "wrong": wrong, "of": judge.report()["words"], "of_real_time": round(taken / seconds, 3),
    }  # fmt: skip


def read_texts(shared: Path) -> list[str]:
    """What is read in the recordings, in the order of their names."""
    lines = (shared / READ / "transcription").read_text(encoding="utf-8").splitlines()
    return [re.sub(r"</?s>|\([^)]*\)", "", line).strip() for line in lines if line]


def written_out(text: str) -> str:
    """As the truth is written: "Mr." as "mister"."""
    return re.sub(r"\bMr\.?", "mister", text).replace("-", " ")


def finality(bundle: Any, shared: Path) -> dict[str, Any]:
    """Seconds from the end of speech to the final result, the computing counted in, less what is allowed."""
    over, delays = [], []
    for number, samples in enumerate(clips(shared, NOISY)):
        noisy, begin_s, end_s = in_noise(samples, number)
        said, delay_s = final_after(bundle.session(endpoint_s=SILENCE_S), noisy, end_s)
        delays.append(delay_s)
        over.append(delay_s - SILENCE_S - TOLERANCE_S - SHARE * (end_s - begin_s) if said else np.inf)
    within = int(np.sum(np.array(over) <= 0))
    return {
        "name": "recognition final", "ratio": NOISY / max(within, 1), "limit": 1.0, "ok": within == NOISY,
        "within": within, "of": NOISY, "median_s": round(float(np.median(delays)), 3),
        "most_s": round(float(np.max(delays)), 3), "silence_s": SILENCE_S,
    }  # fmt: skip


def clips(shared: Path, count: int) -> Iterator[Samples]:
    """The first phrase of each of so many recordings, of all speakers."""
    paths = sorted((shared / CLIPS).glob("*/*.flac"))
    for path in paths[:: len(paths) // count][:count]:
        samples, _ = sound(path)
        yield first_phrase(samples)


def first_phrase(samples: Samples) -> Samples:
    """From the first loud piece on to the last one before a pause of 0.5 s, or 12 s."""
    loud = _loud(samples)
    at = int(loud.argmax())
    while at < len(loud) and loud[at : at + 25].any() and at < 600:
        at += 1
    last = int(np.flatnonzero(loud[: at + 1])[-1]) + 1
    return samples[int(loud.argmax()) * 320 : last * 320]


def _loud(samples: Samples) -> npt.NDArray[np.bool_]:
    """bool for each 20 ms: within 25 dB of the loudest, which noise does not cover."""
    pieces = samples[: len(samples) // 320 * 320].reshape(-1, 320)
    db = 10 * np.log10(np.mean(np.square(pieces), axis=1) + 1e-12)
    return np.asarray(db > db.max() - 25)


def in_noise(samples: Samples, seed: int) -> tuple[Samples, float, float]:
    """The phrase in 20 dB of steady noise, with 1 s before and 3 s behind it; and when it begins and ends, seconds."""
    level = np.sqrt(np.mean(np.square(samples))) * 10 ** (-20 / 20)
    padded = np.pad(samples, (RATE, 3 * RATE))
    noise = np.random.default_rng(seed).standard_normal(len(padded)) * level
    return (padded + noise).astype(np.float32), 1.0, 1.0 + len(samples) / RATE


def final_after(session: Any, samples: Samples, end_s: float) -> tuple[bool, float]:
    """Whether a final result with words came behind the end of speech, and how long behind: until then sound comes in
    real time, and what is computed for it takes its time."""
    last = None
    for block in _blocks(samples):
        begun = time.perf_counter()
        for each in session.feed(block, NO_CLOCK):
            if each.final and isinstance(each.value, Transcript) and each.value.text:
                last = each.newest_ns / 1e9 + time.perf_counter() - begun
    session.close()
    return last is not None and last > end_s, (last or np.inf) - end_s


def memory(bundle: Any, shared: Path, hours: float, partial: bool) -> dict[str, Any]:
    """What the process holds while it hears the clips one behind the other, 0.6 s apart, for so long."""
    session, begun, heard_s, results = bundle.session(partial=partial), time.perf_counter(), 0.0, 0
    held: list[list[float]] = []
    """Megabytes after each clip, by rounds."""
    pause = np.random.default_rng(0).standard_normal(RATE * 6 // 10).astype(np.float32) * 1e-3
    recordings = [
        np.concatenate([sound(each)[0], pause]) for each in sorted((shared / CLIPS).glob("*/*.flac"))
    ]
    position = 0
    while heard_s < hours * 3600:
        held.append([])
        for samples in recordings:
            for block in _blocks(samples, position):
                results += sum(each.final for each in session.feed(block, NO_CLOCK))
            position += len(samples)
            heard_s = position / RATE
            held[-1].append(_resident_mb())
            if heard_s >= hours * 3600:
                break
    session.close()
    rounds = [max(each) for each in held]
    early, late = rounds[0], rounds[-1]
    taken = time.perf_counter() - begun
    return {
        "name": "recognition memory", "ratio": (late - early) / GROWN_MB, "limit": 1.0, "ok": late - early <= GROWN_MB,
        "early_mb": round(early, 1), "late_mb": round(late, 1), "rounds_mb": [round(each, 1) for each in rounds],
        "heard_s": round(heard_s), "taken_s": round(taken), "of_real_time": round(taken / heard_s, 3),
        "finals": results, "partial": partial,
    }  # fmt: skip


def _blocks(samples: Samples, position: int = 0) -> Iterator[AudioBlock]:
    for at in range(0, len(samples), BLOCK):
        began = position + at
        yield AudioBlock(samples[at : at + BLOCK], RATE, round(began * 1e9 / RATE), began)


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1e6
