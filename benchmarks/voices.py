"""Two networks that voice products carry, with int8 weights against float, in both formats.

A speaker embedding: three LSTM layers of 256 units over 160 log-mel frames, one vector of length 1 (the shape of
https://arxiv.org/abs/1710.10467), seeded weights. And Silero's voice activity detector, 16 kHz, run as a stream over
the bundled recordings with its state carried, when EDGEMM_SHARED has `models/silero_vad_16k_op15.onnx`.
"""

from __future__ import annotations

import json
import os
import tempfile
import wave
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

import edgemm
from edgemm import data
from edgemm.card import AudioRecipe, InputCard, ModelCard, StatePair
from edgemm.converters import convert
from edgemm.results import Tensors

MIN_COSINE = 0.99
MIN_SAME = 0.98
FRAMES, MELS, UNITS, VECTOR = 160, 40, 256, 256
RATE, WINDOW, HOP = 16000, 576, 512
FORMATS = ("tflite", "onnx")
SCHEMES: tuple[Literal["float", "dynamic"], ...] = ("float", "dynamic")

Array = npt.NDArray[np.float32]


class Speaker(nn.Module):  # type: ignore[misc]
    """float32[n, frames, mels] -> unit vectors [n, 256]."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.LSTM(MELS, UNITS, num_layers=3, batch_first=True)
        self.project = nn.Linear(UNITS, VECTOR)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The last layer's last state, projected, rectified, of length 1."""
        _, (hidden, _) = self.layers(x)
        found: torch.Tensor = nn.functional.normalize(torch.relu(self.project(hidden[-1])), dim=1)
        return found


def run() -> list[dict[str, Any]]:
    """One result per network and format."""
    results = [_speaker(suffix) for suffix in FORMATS]
    silero = Path(os.environ.get("EDGEMM_SHARED", ""), "models", "silero_vad_16k_op15.onnx")
    if "EDGEMM_SHARED" not in os.environ or not silero.is_file():
        print(json.dumps({"skipped": f"voice activity: EDGEMM_SHARED has no models/{silero.name}"}))
        return results
    return [*results, *(_silero(silero, suffix) for suffix in FORMATS)]


def _speaker(suffix: str) -> dict[str, Any]:
    torch.manual_seed(0)
    module = Speaker().eval()
    draws = [torch.randn(1, FRAMES, MELS) for _ in range(16)]
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        path = Path(folder) / f"speaker.{suffix}"
        known = [draw.numpy() for draw in draws]
        done = convert(module, (draws[0],), output=path, calibrate=known, gate="off")
        with edgemm.load(path) as model:
            name = model.inputs[0].name
            found = [next(iter(model.run({name: draw.numpy()}).values())).copy() for draw in draws]
        cosines = [_cosine(module(draw).numpy(), each) for draw, each in zip(draws, found, strict=True)]
    return _result(f"speaker_{suffix}", min(cosines), done.size_bytes / done.source_size_bytes)


def _silero(source: Path, suffix: str) -> dict[str, Any]:
    """Probabilities of speech for every 32 ms, as a live stream computes them with its own state; each step from the
    float model's state by itself; and how far the carried state is from the float one in the end."""
    recipe = AudioRecipe(RATE, feature="waveform", samples=WINDOW, hop=HOP, stride=HOP)
    card = ModelCard(
        "voice activity",
        inputs=(InputCard("input", "audio", layout="NT", audio=recipe), InputCard("state")),
        states=(StatePair("stateN", "state"),),
    )
    streamed, paths = [], []
    with tempfile.TemporaryDirectory() as folder:
        sound = _sound(Path(folder) / "words.wav")
        for scheme in SCHEMES:
            path = Path(folder) / f"silero.{scheme}.{suffix}"
            done = convert(
                source,
                output=path,
                card=card,
                scheme=scheme,
                gate="off",
                shapes={"input": (1, WINDOW), "state": (2, 1, 128)},
                constants={"sr": RATE},
            )
            streamed.append(_stream(path, sound))
            paths.append(path)
        step = _single_steps(paths[0], paths[1], _windows())
    (truth, before), (found, after) = streamed
    result = _result(f"silero_{suffix}", _cosine(truth, found), done.size_bytes / done.source_size_bytes)
    same = float(np.mean((truth > 0.5) == (found > 0.5)))
    speech = float(np.mean(truth > 0.5))
    result |= {
        "steps": len(truth),
        "speech": round(speech, 3),
        "same_decisions": round(same, 4),
        "step_cosine": round(step, 5),
        "carried_state_cosine": round(_cosine(before, after), 4),
    }
    result["ok"] &= same >= MIN_SAME and step >= MIN_COSINE and 0.1 < speech < 0.9
    return result


def _windows() -> list[Array]:
    """float32[1, WINDOW] each: the recordings at 16 kHz, every sample twice."""
    sound = np.concatenate([np.repeat(samples, 2) for _, samples, _ in data.spoken_digits()])
    return [sound[None, at : at + WINDOW] for at in range(0, len(sound) - WINDOW, HOP)]


def _single_steps(first: Path, second: Path, windows: list[Array]) -> float:
    """The lesser cosine of probabilities and of states over all steps, both files given the first one's state."""
    state = np.zeros((2, 1, 128), np.float32)
    pairs: dict[str, list[tuple[Array, Array]]] = {}
    with edgemm.load(first) as truth, edgemm.load(second) as model:
        names = [spec.name for spec in truth.inputs]
        after = truth.card.states[0].output
        for window in windows:
            given = {name: state if name == truth.card.states[0].input else window for name in names}
            expected, found = truth.run(given), model.run(given)
            for name, array in expected.items():
                pairs.setdefault(name, []).append((array.copy(), found[name].copy()))
            state = expected[after].copy()
    stacks = [[np.stack(each) for each in zip(*both, strict=True)] for both in pairs.values()]
    return min(_cosine(truth, found) for truth, found in stacks)


def _sound(path: Path) -> Path:
    """The bundled recordings one after the other, half a second of silence between them."""
    words = data.spoken_digits()
    rate = words[0][2]
    parts = [np.concatenate([samples, np.zeros(rate // 2, np.float32)]) for _, samples, _ in words]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.concatenate(parts) * 32767).astype("<i2").tobytes())
    return path


def _stream(path: Path, sound: Path) -> tuple[Array, Array]:
    with (
        edgemm.load(path) as model,
        edgemm.open_source(str(sound)) as source,
        model.stream(source) as stream,
    ):
        found = [item.value.values for item in stream if isinstance(item.value, Tensors)]
    names = sorted(found[0], key=lambda name: found[0][name].size)
    return np.array([each[names[0]].item() for each in found], np.float32), found[-1][names[1]]


def _cosine(first: Array, second: Array) -> float:
    a, b = first.reshape(-1).astype(np.float64), second.reshape(-1).astype(np.float64)
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def _result(name: str, cosine: float, size: float) -> dict[str, Any]:
    return {
        "name": f"voices_{name}",
        "cosine": round(cosine, 5),
        "limit": MIN_COSINE,
        "size_ratio": round(size, 3),
        "ok": cosine >= MIN_COSINE,
    }


if __name__ == "__main__":
    for each in run():
        print(json.dumps(each))
