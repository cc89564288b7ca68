"""Noise taken out of speech: by `examples/denoise.py`, and by a bundle of the same networks, in float and quantized.

The improvement in dB, and the stream compared with the whole; and how many words the bundled recogniser of digits gets
wrong in 5 dB of noise, alone and behind the bundle.

DTLN's two models on LibriSpeech utterances with coloured noise at 5 dB. SI-SDR is the scale-invariant ratio of
signal to distortion (Le Roux et al., 2019), in dB.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import edgemm
from benchmarks.shared import blocks, find, sounds
from edgemm.session import NO_CLOCK

MODELS = ("models/dtln/model_1.tflite", "models/dtln/model_2.tflite")
SPEECH = "data/librispeech_test_other"
RECORDINGS, SECONDS, NOISE_DB = 9, 6, 5.0
FRAME, HOP = 512, 128
DELAY = FRAME - HOP
"""Samples that the output comes late."""
MIN_GAIN_DB, TOLERANCE = 6.0, 1e-5
QUANTIZED = ("models/dtln/model_quant_1.tflite", "models/dtln/model_quant_2.tflite")
BUNDLES = {"float": (MODELS, 6.5), "quantized": (QUANTIZED, 6.3)}
"""Networks of a bundle, and the least gain in dB."""
DIGITS, SPEAKER, STRINGS = "data/fsdd", "yweweler", 40
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
        },
        *(_stage(shared, name) for name in BUNDLES),
        *_words(shared),
    ]


def _stage(shared: Path, name: str) -> dict[str, Any]:
    """The gain of a bundle on a stream, in blocks that are no whole hops."""
    from edgemm.judge import metric

    before, after = metric("audio"), metric("audio")
    with (
        tempfile.TemporaryDirectory() as folder,
        edgemm.load_bundle(bundle(shared, name, Path(folder) / "dtln")) as stage,
    ):
        for clean, rate in list(sounds(shared / SPEECH, "*/*0000.flac"))[:RECORDINGS]:
            clean = clean[: min(len(clean), rate * SECONDS) // HOP * HOP]
            noisy, session = with_noise(clean), stage.session()
            made = [
                each.value
                for at, part in blocks(noisy, 333)
                for each in session.feed(edgemm.AudioBlock(part, rate, 0, at), NO_CLOCK)
            ]
            made += [each.value for each in session.finish(NO_CLOCK)]
            cleaned = np.concatenate([each.samples for each in made if isinstance(each, edgemm.Audio)])
            before.add(edgemm.Audio(noisy, rate), clean)
            after.add(edgemm.Audio(cleaned, rate), clean)
    gain, least = after.value() - before.value(), BUNDLES[name][1]
    return {
        "name": f"DTLN stage, {name}: SI-SDR gained, dB",
        "ratio": gain,
        "limit": least,
        "ok": gain >= least,
        "details": {"before_db": before.value(), "after_db": after.value()},
    }


def _words(shared: Path) -> list[dict[str, Any]]:
    """Share of the words that are wrong behind the stage, of those that are wrong without it. The speaker was held out
    when the recogniser was trained. It hears 8 kHz: the stage brings that to 16 kHz, and the recogniser back."""
    if not (shared / DIGITS).exists():
        print(json.dumps({"skipped": f"EDGEMM_SHARED has no {DIGITS}"}))
        return []
    from edgemm import data
    from edgemm.judge import metric

    sys.path.append(str(Path(__file__).parents[1] / "examples" / "train"))
    from speakers import recordings_in
    from spoken_strings import spoken_strings

    spoken = [each for each in recordings_in(shared / DIGITS) if each.speaker == SPEAKER]
    wrong = {name: metric("transcription") for name in ("alone", "stage", "stage, amount 0.8")}
    with tempfile.TemporaryDirectory() as folder:
        stages = [
            edgemm.load_bundle(bundle(shared, "float", Path(folder) / f"{amount}"), amount=amount)
            for amount in (1.0, 0.8)
        ]
        path = data.path("models/digits_ctc.int8.tflite")
        models: list[Any] = [edgemm.load(path), *(each.then(edgemm.load(path)) for each in stages)]
        for seed, said in enumerate(spoken_strings(spoken, STRINGS, 7)):
            noisy = with_noise(said.samples, seed)
            for model, judge in zip(models, wrong.values(), strict=True):
                judge.add(model(noisy, sample_rate=8000), said.text)
        for each in models:
            each.close()
    rates = {name: judge.value() for name, judge in wrong.items()}
    ratio = rates["stage"] / rates["alone"]
    return [
        {
            "name": "digits in 5 dB of noise: wrong words behind the stage, of those without it",
            "ratio": ratio,
            "limit": 1.0,
            "ok": ratio < 1.0,
            "details": rates,
        }
    ]


def bundle(shared: Path, name: str, folder: Path) -> Path:
    """The folder of a bundle of the two networks."""
    folder.mkdir()
    parts = {}
    for role, path, state in zip(("mask", "frame"), BUNDLES[name][0], ("input_3", "input_5"), strict=True):
        (folder / f"{role}.tflite").write_bytes((shared / path).read_bytes())
        states = [{"output": "Identity_1", "input": state}]
        parts[role] = {"file": f"{role}.tflite", "card": {"states": states}}
    card = {"schema": "edgemm.bundle/1", "name": "dtln", "driver": "denoising", "parts": parts}
    (folder / "bundle.json").write_text(json.dumps(card))
    return folder


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


def with_noise(clean: Samples, seed: int = 0) -> Samples:
    """Brownish noise, first-order autoregressive at 0.9, NOISE_DB below the speech."""
    noise = np.random.default_rng(seed).standard_normal(len(clean))
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
