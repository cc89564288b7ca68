"""Recurrent networks: float parity and what int8 keeps, in both formats; loops against unrolled steps.

RNN, LSTM, bidirectional and stacked LSTM, GRU, one step of an LSTM with its state in and out, and a causal
convolution, with seeded weights over 40 steps.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import nn

from edgemm.converters import convert
from edgemm.converters.importers import export_torch
from edgemm.converters.measure import run_artifact, run_float, worst_error
from edgemm.converters.prepare import prepare
from edgemm.converters.samples import Samples
from edgemm.converters.written import Format, Settings, write_plan
from edgemm.quantize import make_plan

MAX_FLOAT_ERROR = 1e-5
MIN_DB = 30.0
MAX_SIZE = 0.35
STEPS, INPUT, HIDDEN = 40, 128, 256
LOOP_STEPS = 100


class Sequence(nn.Module):  # type: ignore[misc]
    """A recurrent layer, and a decision on its last state."""

    def __init__(self, kind: type[nn.RNNBase], **options: Any) -> None:
        super().__init__()
        self.layer = kind(INPUT, HIDDEN, batch_first=True, **options)
        self.decide = nn.Linear(HIDDEN * (2 if options.get("bidirectional") else 1), 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[1, steps, inputs] -> [1, 10]"""
        states, _ = self.layer(x)
        found: torch.Tensor = self.decide(states[:, -1])
        return found


class OneStep(nn.Module):  # type: ignore[misc]
    """One step of an LSTM, its state given and returned."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.LSTM(INPUT, HIDDEN)

    def forward(self, x: torch.Tensor, h: torch.Tensor, c: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """[1, 1, inputs] and two states [1, 1, units]"""
        y, (after, memory) = self.layer(x, (h, c))
        return y, after, memory


class Causal(nn.Module):  # type: ignore[misc]
    """Two convolutions over time that see nothing to come."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(INPUT, HIDDEN, 3)
        self.second = nn.Conv1d(HIDDEN, 64, 3, dilation=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[1, inputs, steps] -> [1, 64, steps]"""
        x = torch.relu(self.first(nn.functional.pad(x, (2, 0))))
        found: torch.Tensor = self.second(nn.functional.pad(x, (4, 0)))
        return found


SEQUENCE = ((1, STEPS, INPUT),)
NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[tuple[int, ...], ...]]] = {
    "rnn": (lambda: Sequence(nn.RNN), SEQUENCE),
    "lstm": (lambda: Sequence(nn.LSTM), SEQUENCE),
    "bidirectional_lstm": (lambda: Sequence(nn.LSTM, bidirectional=True), SEQUENCE),
    "stacked_lstm": (lambda: Sequence(nn.LSTM, num_layers=3), SEQUENCE),
    "gru": (lambda: Sequence(nn.GRU), SEQUENCE),
    "lstm_step": (OneStep, ((1, 1, INPUT), (1, 1, HIDDEN), (1, 1, HIDDEN))),
    "causal_convolution": (Causal, ((1, INPUT, STEPS),)),
}


def run() -> list[dict[str, Any]]:
    """One result per network, and one for loops against unrolled steps."""
    return [*(_network(name) for name in NETWORKS), _loops()]


def _exported(name: str) -> tuple[Any, Samples]:
    make, shapes = NETWORKS[name]
    torch.manual_seed(0)
    module = make().eval()
    draws = [tuple(torch.randn(shape) for shape in shapes) for _ in range(16)]
    model = export_torch(module, draws[0])
    names = [str(value.name) for value in model.graph.inputs]
    samples = [dict(zip(names, (each.numpy() for each in draw), strict=True)) for draw in draws]
    return model, Samples(tuple(samples))


def _network(name: str) -> dict[str, Any]:
    model, samples = _exported(name)
    result: dict[str, Any] = {"name": f"recurrent_{name}", "ok": True}
    formats: tuple[Format, ...] = ("tflite", "onnx")
    with tempfile.TemporaryDirectory() as folder:
        for suffix in formats:
            prepared = prepare(model, format_=suffix)
            plan = make_plan(prepared.model, None, scheme="float")
            found = run_artifact(write_plan(prepared.model, plan, suffix, Settings()), samples)
            error = _worst(run_float(model, samples), found.outputs)
            paths = [Path(folder) / f"{kind}.{suffix}" for kind in ("float", "int8")]
            convert(model, output=paths[0], scheme="float")
            done = convert(model, output=paths[1], calibrate=list(samples.inputs), gate="off")
            db = min(each.snr_db for each in done.fidelity.outputs)
            size = paths[1].stat().st_size / paths[0].stat().st_size
            result |= {
                "scheme": done.scheme,
                f"{suffix}_float_error": error,
                f"{suffix}_db": round(db, 1),
                f"{suffix}_size": round(size, 3),
            }
            result["ok"] &= error <= MAX_FLOAT_ERROR and db >= MIN_DB and size <= MAX_SIZE
    return result


def _worst(expected: Any, found: Any) -> float:
    errors = []
    for name in expected[0]:
        error, spread = worst_error(
            np.stack([each[name] for each in expected]), np.stack([each[name] for each in found])
        )
        errors.append(error / spread)
    return max(errors)


CHILD = """
import json, sys, time
import numpy as np
from ai_edge_litert.interpreter import Interpreter

def resident():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS")) / 1024

before = resident()
interpreter = Interpreter(model_path=sys.argv[1], num_threads=1)
interpreter.allocate_tensors()
entry = interpreter.get_input_details()[0]
interpreter.set_tensor(entry["index"], np.random.default_rng(0).standard_normal(entry["shape"]).astype(np.float32))
for _ in range(3):
    interpreter.invoke()
times = []
for _ in range(30):
    began = time.perf_counter()
    interpreter.invoke()
    times.append(time.perf_counter() - began)
print(json.dumps([resident() - before, sorted(times)[15] * 1e3]))
"""


def _loops() -> dict[str, Any]:
    """An LSTM of 100 steps and 256 units, in float and with int8 weights."""
    module = Sequence(nn.LSTM).eval()
    model = export_torch(module, (torch.zeros(1, LOOP_STEPS, INPUT),))
    result: dict[str, Any] = {"name": "recurrent_loops", "steps": LOOP_STEPS, "units": HIDDEN}
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for way, limit in (("loop", 4), ("unrolled", LOOP_STEPS)):
            with patch("edgemm.converters.tflite.lower.recurrent.UNROLLED", limit):
                prepared = prepare(model, format_="tflite")
                for scheme in ("float", "dynamic"):
                    plan = make_plan(prepared.model, None, scheme=scheme)
                    written = write_plan(prepared.model, plan, "tflite", Settings())
                    files[way, scheme] = Path(folder) / f"{way}.{scheme}.tflite"
                    files[way, scheme].write_bytes(written.payload)
        for (way, scheme), path in files.items():
            found = [_child(path) for _ in range(3)]
            memory, latency = (float(np.median([each[index] for each in found])) for index in (0, 1))
            result[f"{way}_{scheme}"] = {
                "memory_mb": round(memory, 1),
                "latency_ms": round(latency, 2),
                "file_kb": round(path.stat().st_size / 1e3),
            }
    loop, flat = result["loop_float"], result["unrolled_float"]
    result["ok"] = bool(loop["memory_mb"] < flat["memory_mb"])
    return result


def _child(path: Path) -> tuple[float, float]:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path)], capture_output=True, text=True, check=True
    )
    memory, latency = json.loads(done.stdout.strip().splitlines()[-1])
    return memory, latency


if __name__ == "__main__":
    for each in run():
        print(json.dumps(each))
