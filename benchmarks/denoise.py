"""Noise taken out of speech by `examples/denoise.py`: the improvement in dB, and the stream compared with the whole.

DTLN's two models on LibriSpeech utterances with coloured noise at 5 dB. SI-SDR is the scale-invariant ratio of
signal to distortion (Le Roux et al., 2019), in dB.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import edgemm
from benchmarks.shared import blocks, find, sounds

MODELS = ("models/dtln/model_1.tflite", "models/dtln/model_2.tflite")
SPEECH = "data/librispeech_test_other"
RECORDINGS, SECONDS, NOISE_DB = 9, 6, 5.0
FRAME, HOP = 512, 128
DELAY = FRAME - HOP
"""Samples that the output comes late."""
MIN_GAIN_DB, TOLERANCE = 6.0, 1e-5
Samples = npt.NDArray[np.float32]


def run() -> list[dict[str, Any]]:
    """Gain in dB, and the largest difference of the stream from the whole recording."""
    shared = find(*MODELS, SPEECH)
    if shared is None:
        return []
    paths = [shared / name for name in MODELS]
    before, after, worst = [], [], 0.0
    for clean, rate in list(sounds(shared / SPEECH, "*/*0000.flac"))[:RECORDINGS]:
        clean = clean[: min(len(clean), rate * SECONDS) // HOP * HOP]
        noisy = with_noise(clean)
        denoised = streamed(paths, noisy)
        worst = max(worst, float(np.abs(denoised - at_once(paths, noisy)[: len(noisy)]).max()))
        before.append(si_sdr(clean[:-DELAY], noisy[:-DELAY]))
        after.append(si_sdr(clean[:-DELAY], denoised[DELAY:]))
    gain = float(np.mean(after) - np.mean(before))
    return [
        {
            "name": "speech without noise: SI-SDR gained, dB",
            "ratio": gain,
            "limit": MIN_GAIN_DB,
            "ok": gain >= MIN_GAIN_DB and worst <= TOLERANCE,
            "details": {
                "before_db": float(np.mean(before)),
                "after_db": float(np.mean(after)),
                "worst": worst,
            },
        }
    ]


def streamed(models: list[Path], noisy: Samples) -> Samples:
    """What the example makes of it, hop by hop."""
    path = Path(__file__).parents[1] / "examples" / "denoise.py"
    spec = importlib.util.spec_from_file_location("denoise_example", path)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    loaded = [edgemm.load(model, card=card) for model, card in zip(models, example.CARDS, strict=True)]
    denoiser = example.Denoiser(*loaded)
    return np.concatenate([denoiser.feed(part).copy() for _, part in blocks(noisy, HOP)])


def at_once(models: list[Path], noisy: Samples) -> Samples:
    """The whole recording with LiteRT alone, both states passed on by hand."""
    from ai_edge_litert.interpreter import Interpreter

    steps = [_Step(Interpreter(model_path=str(model))) for model in models]
    heard = np.concatenate([np.zeros(DELAY, np.float32), noisy])
    out = np.zeros(len(heard), np.float32)
    for at in range(0, len(heard) - FRAME + 1, HOP):
        spectrum = np.fft.rfft(heard[at : at + FRAME])
        mask = steps[0](np.abs(spectrum).astype(np.float32))
        out[at : at + FRAME] += steps[1](np.fft.irfft(spectrum * mask).astype(np.float32))
    return out


class _Step:
    """One model and its state."""

    def __init__(self, interpreter: Any) -> None:
        interpreter.allocate_tensors()
        self.interpreter = interpreter
        self.inputs = [each["index"] for each in interpreter.get_input_details()]
        self.outputs = [each["index"] for each in interpreter.get_output_details()]
        self.state = np.zeros((1, 2, 128, 2), np.float32)

    def __call__(self, frame: Samples) -> Samples:
        self.interpreter.set_tensor(self.inputs[0], frame[None, None])
        self.interpreter.set_tensor(self.inputs[1], self.state)
        self.interpreter.invoke()
        self.state = self.interpreter.get_tensor(self.outputs[1])
        found: Samples = self.interpreter.get_tensor(self.outputs[0])[0, 0]
        return found


def with_noise(clean: Samples) -> Samples:
    """Brownish noise, first-order autoregressive at 0.9, NOISE_DB below the speech."""
    noise = np.random.default_rng(0).standard_normal(len(clean))
    for at in range(1, len(noise)):
        noise[at] += 0.9 * noise[at - 1]
    noise *= np.sqrt(float(clean @ clean) / float(noise @ noise) / 10 ** (NOISE_DB / 10))
    return (clean + noise).astype(np.float32)


def si_sdr(clean: Samples, found: Samples) -> float:
    """Decibels."""
    s, x = (part.astype(np.float64) - part.mean() for part in (clean, found))
    target = (s @ x) / (s @ s) * s
    return float(10.0 * np.log10((target @ target) / ((x - target) @ (x - target))))


if __name__ == "__main__":
    for each in run():
        print(json.dumps(each))
