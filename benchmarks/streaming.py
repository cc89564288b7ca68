"""Models step by step against the whole sequence: the same decisions, and how far the state drifts.

An LSTM with int8 weights and two causal convolutions in int8, over 10,000 steps: converted `stepwise`, one step with
its state in and out, which the runtime's own recurrent state carries, and as one file that takes the whole sequence.
A second stream runs over the same file between the steps of the first, which must not feel it.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

import edgemm
from edgemm.converters import convert
from edgemm.converters.fidelity import top1_agreement
from edgemm.model.state import RecurrentState

STEPS, INPUT, HIDDEN, CLASSES = 10_000, 16, 48, 5
MIN_AGREEMENT = 0.999
BESIDE = 2000
"""Steps that another stream runs beside."""

Array = npt.NDArray[Any]


class Recurrent(nn.Module):  # type: ignore[misc]
    """float32[1, steps, inputs] -> scores of every step [1, steps, classes]."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.LSTM(INPUT, HIDDEN, batch_first=True)
        self.decide = nn.Linear(HIDDEN, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores."""
        found: torch.Tensor = self.decide(self.layer(x)[0])
        return found


class Causal(nn.Module):  # type: ignore[misc]
    """The same with convolutions that see 17 steps back."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(INPUT, HIDDEN, 5, dilation=2)
        self.second = nn.Conv1d(HIDDEN, HIDDEN, 3, dilation=4)
        self.decide = nn.Conv1d(HIDDEN, CLASSES, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores."""
        x = torch.relu(self.first(nn.functional.pad(x.transpose(1, 2), (8, 0))))
        x = torch.relu(self.second(nn.functional.pad(x, (8, 0))))
        found: torch.Tensor = self.decide(x).transpose(1, 2)
        return found


NETWORKS: dict[str, Callable[[], nn.Module]] = {"lstm": Recurrent, "causal": Causal}


def run() -> list[dict[str, Any]]:
    """One result per network and format."""
    return [_network(name, suffix) for name in NETWORKS for suffix in ("tflite", "onnx")]


def sequence(seed: int) -> Array:
    """float32[1, steps, inputs]: phases that wander."""
    steps = np.random.default_rng(seed).standard_normal((1, STEPS, INPUT))
    return np.sin(np.cumsum(steps, axis=1)).astype(np.float32)


def _network(name: str, suffix: str) -> dict[str, Any]:
    torch.manual_seed(0)
    module, x = NETWORKS[name]().eval(), sequence(0)
    with torch.no_grad():
        for weights in module.parameters():
            weights.mul_(2.0)
        truth = module(torch.from_numpy(x)).numpy()[0]
    with tempfile.TemporaryDirectory() as folder:
        whole, step = (Path(folder) / f"{kind}.{suffix}" for kind in ("whole", "step"))
        convert(module, (torch.zeros(1, STEPS, INPUT),), output=whole, gate="off", calibrate=[x])
        one, limit = (
            (torch.zeros(1, 1, INPUT),),
            STEPS if name == "causal" else 256,
        )  # ranges of all that comes
        done = convert(module, one, output=step, gate="off", calibrate=[x], stepwise=1, limit=limit)
        with edgemm.load(whole) as model:
            spec = model.outputs[0]
            found = next(iter(model.run({model.inputs[0].name: model.inputs[0].quantize(x)}).values()))
            at_once = spec.dequantize(found)[0].copy()
        stepwise = _steps(step, x)
        beside = _steps(step, x[:, :BESIDE], beside=sequence(1))
    apart_streams = float(np.abs(stepwise[:BESIDE] - beside).max())
    spread = float(np.ptp(truth))
    same = top1_agreement(at_once, stepwise)
    drift = np.abs(stepwise - truth).max(axis=1) / spread
    early, late = float(drift[:1000].mean()), float(drift[-1000:].mean())
    return {
        "name": f"streaming_{name}_{suffix}",
        "scheme": done.scheme,
        "steps": STEPS,
        "states": len(done.card.states),
        "same_decisions": same,
        "without_ties": float(np.mean(at_once.argmax(axis=1) == stepwise.argmax(axis=1))),
        "apart_worst": float(np.abs(at_once - stepwise).max()) / spread,
        "drift_first_1000": early,
        "drift_last_1000": late,
        "other_stream_changes": apart_streams,
        "limit": MIN_AGREEMENT,
        "ok": same >= MIN_AGREEMENT and late <= 2 * early + 1e-3 and apart_streams == 0.0,
    }


def _steps(path: Path, x: Array, beside: Array | None = None) -> Array:
    """float32[steps, classes], the state carried as a stream does it.

    Args:
        beside: what another stream over the same file takes between the steps of this one.
    """
    found = np.empty((x.shape[1], CLASSES), np.float32)
    sequences = [x] if beside is None else [beside, x]
    with edgemm.load(path) as model:
        backend = model.backend
        streams = [RecurrentState(model.card.states, backend.inputs, backend.outputs) for _ in sequences]
        given, taken = {pair.input for pair in model.card.states}, {pair.output for pair in model.card.states}
        at = next(index for index, spec in enumerate(backend.inputs) if spec.name not in given)
        out = next(index for index, spec in enumerate(backend.outputs) if spec.name not in taken)
        for step in range(x.shape[1]):
            for state, values in zip(streams, sequences, strict=True):
                state.put(backend)
                backend.input_buffer(at)[...] = backend.inputs[at].quantize(values[:, step : step + 1])
                backend.run()
                state.take(backend)
            found[step] = backend.outputs[out].dequantize(backend.output_buffer(out)).reshape(-1)
    return found


if __name__ == "__main__":
    for each in run():
        print(json.dumps(each))
