"""A recurrent network step by step against the whole sequence: the same decisions, and how far the state drifts.

An LSTM over 10,000 steps, with int8 weights: as one file that takes a step and its state, carried by the runtime's own
recurrent state, and as one that takes the whole sequence.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import edgemm
from edgemm.card import ModelCard, StatePair
from edgemm.converters import convert
from edgemm.state import RecurrentState

STEPS, INPUT, HIDDEN, CLASSES = 10_000, 16, 48, 5
MIN_AGREEMENT = 0.999
STATES = (StatePair("h_after", "h"), StatePair("c_after", "c"))


class Whole(nn.Module):  # type: ignore[misc]
    """float32[1, steps, inputs] -> scores of every step [1, steps, classes]."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.LSTM(INPUT, HIDDEN, batch_first=True)
        self.decide = nn.Linear(HIDDEN, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores."""
        found: torch.Tensor = self.decide(self.layer(x)[0])
        return found


class Step(nn.Module):  # type: ignore[misc]
    """One step of it, its state given and returned."""

    def __init__(self, whole: Whole) -> None:
        super().__init__()
        self.whole = whole

    def forward(self, x: torch.Tensor, h: torch.Tensor, c: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """[1, 1, inputs], [1, 1, units] twice -> scores and both states."""
        y, (after, memory) = self.whole.layer(x, (h, c))
        return self.whole.decide(y), after, memory


def run() -> list[dict[str, Any]]:
    """One result per format."""
    torch.manual_seed(0)
    whole = Whole().eval()
    with torch.no_grad():
        for weights in whole.parameters():
            weights.mul_(2.0)
    sequence = np.cumsum(np.random.default_rng(0).standard_normal((STEPS, INPUT)), axis=0)
    x = np.sin(sequence).astype(np.float32)
    return [_format(whole, x, suffix) for suffix in ("tflite", "onnx")]


def _format(whole: Whole, x: np.ndarray, suffix: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{name}.{suffix}" for name in ("whole", "step")]
        convert(whole, (torch.zeros(1, STEPS, INPUT),), output=paths[0], gate="off", scheme="dynamic")
        state = torch.zeros(1, 1, HIDDEN)
        _convert_step(Step(whole), (torch.zeros(1, 1, INPUT), state, state), paths[1])
        with edgemm.load(paths[0]) as model:
            at_once = next(iter(model.run({model.inputs[0].name: x[None]}).values()))[0].copy()
        stepwise = _steps(paths[1], x)
    with torch.no_grad():
        truth = whole(torch.from_numpy(x[None])).numpy()[0]
    same = float(np.mean(at_once.argmax(axis=1) == stepwise.argmax(axis=1)))
    spread = float(np.ptp(truth))
    apart = np.abs(at_once - stepwise).max(axis=1) / spread
    drift = np.abs(stepwise - truth).max(axis=1) / spread
    return {
        "name": f"streaming_{suffix}",
        "steps": STEPS,
        "same_decisions": same,
        "apart_worst": float(apart.max()),
        "drift_first_1000": float(drift[:1000].mean()),
        "drift_last_1000": float(drift[-1000:].mean()),
        "limit": MIN_AGREEMENT,
        "ok": same >= MIN_AGREEMENT and bool(drift[-1000:].mean() <= 2 * drift[:1000].mean() + 1e-3),
    }


def _convert_step(module: Step, example: tuple[torch.Tensor, ...], path: Path) -> None:
    from edgemm.converters.importers import export_torch

    model = export_torch(module, example)
    for value, name in zip(model.graph.inputs, ("x", "h", "c"), strict=True):
        value.name = name
    for value, name in zip(model.graph.outputs, ("scores", "h_after", "c_after"), strict=True):
        value.name = name
    convert(model, output=path, card=ModelCard(name="step", states=STATES), gate="off", scheme="dynamic")


def _steps(path: Path, x: np.ndarray) -> np.ndarray:
    """float32[steps, classes], the state carried as a stream does it."""
    found = np.empty((len(x), CLASSES), np.float32)
    with edgemm.load(path) as model:
        backend = model.backend
        state = RecurrentState(model.card.states, backend.inputs, backend.outputs)
        names = [spec.name for spec in backend.inputs]
        at = next(index for index, name in enumerate(names) if name not in ("h", "c"))
        out = next(i for i, spec in enumerate(backend.outputs) if spec.shape[-1] == CLASSES)
        for step, row in enumerate(x):
            state.put(backend)
            backend.input_buffer(at)[...] = row.reshape(backend.inputs[at].shape)
            backend.run()
            state.take(backend)
            found[step] = backend.output_buffer(out).reshape(-1)
    return found


if __name__ == "__main__":
    for each in run():
        print(json.dumps(each))
