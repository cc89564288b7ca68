"""Networks that listen: keywords, tags, speech without noise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import denoise
from benchmarks.shared import Sound, sound, sounds
from benchmarks.zoo.trained import measures
from benchmarks.zoo.trained.network import Array, Data, Feeds, Network, Run
from benchmarks.zoo.trained.runtimes import source_run
from edgemm.card.presets import preset
from edgemm.preprocess import compile_audio
from edgemm.tensors import TensorSpec

RATE = 16000
SPEECH, WORDS, COMMANDS, FOUR = (
    "data/librispeech_test_other", "data/wakeword", "data/speech_commands_examples", "data/micro_speech"
)  # fmt: skip
KEYWORDS = ("down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes", "silence", "unknown")
YAMNET_SAMPLES = 15600
UTTERANCES, SECONDS = 4, 3


def cut(recording: Sound, length: int) -> Array:
    """float32[length] from its middle, at 16 kHz; what is shorter lies between zeros."""
    samples, rate = recording
    if rate != RATE:
        import soxr

        samples = soxr.resample(samples, rate, RATE)
    missing = max(0, length - len(samples))
    samples = np.pad(samples, (missing // 2, missing - missing // 2))
    first = (len(samples) - length) // 2
    return np.ascontiguousarray(samples[first : first + length], np.float32)


def _speech(root: Path, length: int) -> Iterator[Array]:
    """The middle of each utterance."""
    return (cut(each, length) for each in sounds(root / SPEECH, "*/*.flac"))


def _short(root: Path, length: int) -> list[tuple[str, Array]]:
    """Single words, a noise and a silence, with what is said."""
    paths = [*sorted((root / COMMANDS).glob("*.wav")), *sorted((root / FOUR).glob("*.wav"))]
    return [(path.stem.removesuffix("_1000ms"), cut(sound(path), length)) for path in paths]


def _keywords(root: Path) -> Data:
    """Speech and other people's words calibrate. A word that is no command is right as silence or unknown."""

    spec = TensorSpec("input_1", (1, 49, 10, 1), "float32")
    card = replace(preset("mlperf-kws").inputs[0], layout="NTFC")

    def mfcc(samples: Array) -> dict[str, Array]:
        window = compile_audio(card, spec)
        for _ in window.push(samples, RATE):
            out = np.empty(spec.shape, np.float32)
            window.write(out)
            return {"input_1": out}
        raise ValueError(f"{len(samples)} samples are less than a window")

    words = [cut(each, RATE) for each in sounds(root / WORDS, "*/*")][::4]
    calibrate = [mfcc(each) for each in [*_speech(root, RATE), *words]]
    held = [(word, mfcc(samples)) for word, samples in _short(root, RATE) if samples.any()]

    def judge(runs: Sequence[Run], sources: Sequence[Run]) -> float:
        return float(np.mean([_right(word, KEYWORDS[runs[0](each)[0].argmax()]) for word, each in held]))

    return Data((calibrate,), ([each for _, each in held],), judge)


def _right(word: str, found: str) -> bool:
    return found == word if word in KEYWORDS[:10] else found in ("silence", "unknown")


def _tags(root: Path) -> Data:
    """Speech and wake words calibrate; single words, other speech, tones and noises are held out."""
    utterances = list(_speech(root, YAMNET_SAMPLES))
    words = [cut(each, YAMNET_SAMPLES) for each in sounds(root / WORDS, "*/*")][::4]
    random, seconds = np.random.default_rng(0), np.arange(YAMNET_SAMPLES) / RATE
    made = [0.5 * np.sin(2 * np.pi * hertz * seconds) for hertz in (220, 440, 1000, 3000)]
    made += [level * random.standard_normal(YAMNET_SAMPLES) for level in (0.01, 0.05, 0.1, 0.2)]
    # a tone and a noise besides those that are held out: a network that hears tones is not calibrated on speech alone
    other = [0.3 * np.sin(2 * np.pi * 600 * seconds), 0.15 * random.standard_normal(YAMNET_SAMPLES)]
    calibrate = [*utterances[:50], *words, *other]
    held = [*utterances[50:80], *(each for _, each in _short(root, YAMNET_SAMPLES)), *made]
    fed = [[{"waveform_binary": each.astype(np.float32)} for each in part] for part in (calibrate, held)]
    return Data((fed[0],), (fed[1],), measures.same_class(fed[1]))


def _denoised(root: Path) -> Data:
    """DTLN's two networks, frame by frame, with the states that they give themselves. Five utterances calibrate."""
    paths = sorted((root / SPEECH).glob("*/*0000.flac"))
    pairs = []
    for path in paths[: 5 + UTTERANCES]:
        clean = cut(sound(path), SECONDS * RATE // denoise.HOP * denoise.HOP)
        pairs.append((clean, denoise.with_noise(clean)))
    calibrate, held = pairs[:5], pairs[5:]

    def judge(runs: Sequence[Run], sources: Sequence[Run]) -> float:
        gains = []
        for clean, noisy in held:
            found = enhanced(runs, noisy)
            gains.append(denoise.si_sdr(clean, found) - denoise.si_sdr(clean, noisy))
        return float(np.mean(gains))

    frames = _frames(root, calibrate, 15), _frames(root, held, 90)
    return Data(frames[0], frames[1], judge)


def _frames(root: Path, pairs: list[tuple[Array, Array]], every: int) -> tuple[list[dict[str, Array]], ...]:
    """What the two networks are fed with, of the sources' own run."""
    seen: tuple[list[dict[str, Array]], ...] = ([], [])

    def noted(run: Run, kept: list[dict[str, Array]]) -> Run:
        def noting(feeds: Feeds) -> list[Array]:
            kept.append({name: value.copy() for name, value in feeds.items()})
            return run(feeds)

        return noting

    runs = [noted(source_run(root / path), kept) for path, kept in zip(denoise.MODELS, seen, strict=True)]
    for _, noisy in pairs:
        enhanced(runs, noisy)
    return tuple(kept[::every] for kept in seen)


def enhanced(runs: Sequence[Run], noisy: Array) -> Array:
    """The whole recording, in time with what was given: two networks, each with its state."""
    steps = [_step(run, *names) for run, names in zip(runs, DTLN_INPUTS, strict=True)]
    heard = np.concatenate([np.zeros(denoise.DELAY, np.float32), noisy, np.zeros(denoise.DELAY, np.float32)])
    out = np.zeros(len(heard), np.float32)
    for at in range(0, len(heard) - denoise.FRAME + 1, denoise.HOP):
        spectrum = np.fft.rfft(heard[at : at + denoise.FRAME])
        mask = steps[0](np.abs(spectrum).astype(np.float32))
        out[at : at + denoise.FRAME] += steps[1](np.fft.irfft(spectrum * mask).astype(np.float32))
    return out[denoise.DELAY : denoise.DELAY + len(noisy)]


DTLN_INPUTS = (("input_2", "input_3"), ("input_4", "input_5"))


def _step(run: Run, frame: str, state: str) -> Callable[[Array], Array]:
    kept = [np.zeros((1, 2, 128, 2), np.float32)]

    def step(values: Array) -> Array:
        found, kept[0] = run({frame: values[None, None], state: kept[0]})
        return np.asarray(found[0, 0])

    return step


SOUNDS = (
    Network(
        "kws", ("models/mlperf_tiny/kws_dscnn_f32.tflite",), (SPEECH, WORDS, COMMANDS, FOUR),
        "keywords and other words right, 43 recordings", _keywords,
        remark="The source stores its weights in int8, and LiteRT rounds what they meet; in float nothing is rounded.",
    ),
    Network(
        "yamnet", ("models/speech/yamnet.tflite",), (SPEECH, WORDS, COMMANDS, FOUR),
        "the source's best tag, 85 recordings", _tags, against_source=True,
        remark="The source is int8 itself: int8 files compute the same, float files leave its rounding out.",
    ),
    Network(
        "dtln", denoise.MODELS, (SPEECH,), "SI-SDR gained in dB, 4 utterances with noise at 5 dB", _denoised, unit="dB"
    ),
)  # fmt: skip
