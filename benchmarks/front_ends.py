"""Audio front ends against the libraries that models are trained with: largest error, and what one hop costs.

Each is computed as on a device, hop by hop, and held against its library over the same seconds of noise. The
library may be native code that works on one hop (pymicro-features, kaldi-native-fbank) or on a whole second (librosa,
float64 numpy for tf.signal's MFCC).
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.shared import find, sound
from benchmarks.timing import interleaved
from edgemm.card import InputCard
from edgemm.card.presets import preset
from edgemm.preprocess import AudioWindow, compile_audio
from edgemm.tensors import TensorSpec

Samples = npt.NDArray[np.float32]
RATE = 16000
MAX_US = 2500.0
"""Processor time of one hop, on a machine that is busy with other things: a quarter of the 10 ms that it may take."""
KWS = ("models/mlperf_tiny/kws_dscnn_f32.tflite", "models/mlperf_tiny/kws_dscnn_int8.tflite")
WORDS, MORE = "data/speech_commands_examples", "data/micro_speech"
COMMANDS = ("down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes", "silence", "unknown")
MIN_RIGHT = {"float32": 12, "int8": 11}
"""Of 13 commands, which is what the network's publishers' own front end gives; of the others all are turned away."""


def run() -> list[dict[str, Any]]:
    """One result per front end, and the keyword network's accuracy where it is there."""
    noise = np.cumsum(np.random.default_rng(0).standard_normal(3 * RATE))
    samples = (np.diff(noise, append=0.0) * np.hanning(3 * RATE) * 0.2).astype(np.float32)
    made = [
        _micro_frontend(samples),
        _kaldi(samples),
        _librosa(samples),
    ]
    return [each for each in made if each is not None] + commands()


def stream_of(name: str, shape: tuple[int, ...]) -> tuple[AudioWindow, Samples]:
    """A running window with that preset, and a tensor for it."""
    card = replace(preset(name).inputs[0], layout="NTF")
    return compile_audio(card, TensorSpec("input", shape, "float32")), np.empty(shape, np.float32)


def tensors(name: str, shape: tuple[int, ...], samples: Samples) -> list[tuple[int, Samples]]:
    """(end, tensor) of every window of a stream in blocks of 10 ms."""
    window, out = stream_of(name, shape)
    found = []
    for at in range(0, len(samples), 160):
        for end in window.push(samples[at : at + 160], RATE):
            window.write(out)
            found.append((end, out[0].copy()))
    return found


def _result(
    name: str, shape: tuple[int, ...], error: float, tolerance: float, other: Callable[[], Any], unit: str
) -> dict[str, Any]:
    window, out = stream_of(name, shape)
    hop = (np.random.default_rng(1).standard_normal(160) * 0.1).astype(np.float32)

    def ours() -> None:
        for _ in window.push(hop, RATE):
            window.write(out)

    cost = interleaved({"edgemm": ours, "library": other}, 40, repeats=20)
    return {
        "name": f"{name}: largest error against its library",
        "ratio": error,
        "limit": tolerance,
        "ok": error <= tolerance and cost["edgemm"] * 1e6 <= MAX_US,
        "details": {
            "edgemm_us_per_hop": round(cost["edgemm"] * 1e6, 1),
            f"library_us_per_{unit}": round(cost["library"] * 1e6, 1),
        },
    }


def _micro_frontend(samples: Samples) -> dict[str, Any] | None:
    try:
        from pymicro_features import MicroFrontend
    except ImportError:
        _skipped("pymicro-features")
        return None
    stored = np.rint(samples * 32768.0).astype("<i2").tobytes()
    reference, expected, at = MicroFrontend(), [], 0
    while at + 320 <= len(stored):
        found = reference.process_samples(stored[at : at + 320])
        at += 2 * found.samples_read
        expected += [found.features] if found.features else []
    whole = (np.rint(samples * 32768.0) / 32768.0).astype(np.float32)
    ours = np.concatenate([each for _, each in tensors("microwakeword", (1, 3, 40), whole)])
    error = float(np.abs(ours - np.array(expected, np.float32)[: len(ours)]).max())
    return _result(
        "microwakeword", (1, 3, 40), error, 0.0, lambda: reference.process_samples(stored[:320]), "hop"
    )


def _kaldi(samples: Samples) -> dict[str, Any] | None:
    try:
        import kaldi_native_fbank as library
    except ImportError:
        _skipped("kaldi-native-fbank")
        return None
    options = library.FbankOptions()
    options.frame_opts.dither = 0.0
    options.mel_opts.num_bins = 80
    reference = library.OnlineFbank(options)
    reference.accept_waveform(RATE, (samples * 32768.0).tolist())
    expected = np.array([reference.get_frame(at) for at in range(reference.num_frames_ready)])
    error = max(
        float(np.abs(each - expected[(end - 15920) // 160 :][:98]).max())
        for end, each in tensors("kaldi-fbank80", (1, 98, 80), samples)
    )
    hop = (samples[:160] * 32768.0).tolist()
    timed = library.OnlineFbank(options)
    return _result("kaldi-fbank80", (1, 98, 80), error, 5e-3, lambda: timed.accept_waveform(RATE, hop), "hop")


def _librosa(samples: Samples) -> dict[str, Any] | None:
    try:
        import librosa
    except ImportError:
        _skipped("librosa")
        return None

    def second(end: int) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            power = librosa.feature.melspectrogram(
                y=samples[end - RATE : end], sr=RATE, n_fft=512, hop_length=160, n_mels=64
            )
            return librosa.power_to_db(power, ref=np.max).T

    found = tensors("librosa-mel64", (1, 101, 64), samples)
    error = max(float(np.abs(each - second(end)).max()) for end, each in found)
    return _result("librosa-mel64", (1, 101, 64), error, 1e-3, lambda: second(RATE), "second")


def _skipped(package: str) -> None:
    print(json.dumps({"skipped": f"{package} is not installed: pip install 'edgemm[dev]'"}))


def commands() -> list[dict[str, Any]]:
    """The keyword network of MLPerf Tiny behind our MFCC: commands right, and other words turned away."""
    shared = find(*KWS, WORDS, MORE)
    if shared is None:
        return []
    files = [*sorted((shared / WORDS).glob("*.wav")), *sorted((shared / MORE).glob("*.wav"))]
    card = preset("mlperf-kws").with_(labels=COMMANDS)
    return [_commands(shared / name, card.inputs[0], files) for name in KWS]


def _commands(model: Path, card: InputCard, files: list[Path]) -> dict[str, Any]:
    import edgemm

    right = words = away = others = 0
    with edgemm.load(model, card=preset("mlperf-kws").with_(labels=COMMANDS)) as network:
        for path in files:
            samples, rate = sound(path)
            heard = network(np.pad(samples, (0, max(0, rate - len(samples)))), sample_rate=rate)
            assert isinstance(heard, edgemm.Keyword)
            said = path.stem.split("_")[0]
            if said in COMMANDS:
                words, right = words + 1, right + (heard.label == said)
            else:
                others, away = others + 1, away + (heard.label in COMMANDS[-2:])
        kind = network.inputs[0].dtype
    return {
        "name": f"MLPerf Tiny keywords, {kind}: commands right",
        "ratio": right,
        "limit": MIN_RIGHT[kind],
        "ok": right >= MIN_RIGHT[kind] and away == others,
        "details": {"commands": words, "others": others, "turned_away": away},
    }


if __name__ == "__main__":
    for each in run():
        print(json.dumps(each))
