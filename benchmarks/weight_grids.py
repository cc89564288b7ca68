"""Three grids of `.onnx` weights: u8, s8, and s8 of 7 bits, which is right on every x86 and fast with VNNI.

Processor time against the float file, in turns, one thread, and what each keeps of the float answers. MobileNetV2 and a
ResNet18 static, a vision transformer of ViT-tiny's width dynamic; seeded weights. Without VNNI, s8 in all 8 bits
saturates, so it has no row there, and the limits are those of a machine with VNNI.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from benchmarks.mobilenet import mobilenet_v2
from benchmarks.networks import Network, inputs, seeded
from benchmarks.timing import instruction_set, interleaved
from edgemm.converters.importers import export_torch
from edgemm.converters.prepare import Prepared, prepare
from edgemm.converters.samples import Samples, load_samples
from edgemm.converters.written import Settings, write_plan
from edgemm.instructions import instructions
from edgemm.quantize import calibrate, make_plan
from edgemm.quantize.target import TARGETS, Target, target

ROUNDS = 25
CALIBRATED_ON, JUDGED_ON = 8, 8
GRIDS: dict[str, Target] = {
    "u8": TARGETS["x86"],
    "s8": TARGETS["vnni"],
    "s8 of 7 bits": target("cpu", "onnx"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One network, and what its file of the target cpu may take with VNNI."""

    network: Network
    scheme: str
    limit: float
    """Of the float file's time."""


class _Block(nn.Module):  # type: ignore[misc]
    """Two convolutions of 3x3 and what leads past them: figure 5 of https://arxiv.org/abs/1512.03385."""

    def __init__(self, i: int, o: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU(),
            nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o),
        )  # fmt: skip
        self.past = (
            nn.Identity()
            if i == o
            else nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) + self.past(x))


def resnet18() -> nn.Module:
    layers: list[nn.Module] = [
        nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
    ]  # fmt: skip
    for i, o, stride in ((64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)):
        layers += [_Block(i, o, stride), _Block(o, o, 1)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000))


class Transformer(nn.Module):  # type: ignore[misc]
    """Twelve layers of width 192 over patches of 16: ViT-tiny's."""

    def __init__(self, width: int = 192, side: int = 14) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, width, 16, 16)
        self.place = nn.Parameter(torch.randn(1, side * side, width) * 0.02)
        layer = nn.TransformerEncoderLayer(
            width, 3, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, 12, enable_nested_tensor=False)
        self.last = nn.Linear(width, 1000)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.embed(x).flatten(2).transpose(1, 2) + self.place
        return self.last(self.layers(tokens).mean(1))


ROWS = (
    Row(Network("mobilenet_v2", mobilenet_v2, (1, 3, 224, 224)), "static", 0.65),
    Row(Network("resnet18", resnet18, (1, 3, 224, 224)), "static", 0.45),
    Row(Network("vit_tiny", Transformer, (1, 3, 224, 224)), "dynamic", 0.65),
)
MOST_OF_S8 = 1.08
"""Of the time of s8 in all 8 bits."""


def run() -> list[dict[str, Any]]:
    """One result per network."""
    return [_measure(row) for row in ROWS]


def _measure(row: Row) -> dict[str, Any]:
    given = inputs(row.network, CALIBRATED_ON + JUDGED_ON)
    prepared = prepare(export_torch(seeded(row.network), (given[0],)))
    data = load_samples([each.numpy() for each in given], prepared.inputs, prepared.card.inputs)
    seen, judged = Samples(data.inputs[:CALIBRATED_ON]), Samples(data.inputs[CALIBRATED_ON:])
    files = _files(prepared, row.scheme, seen)
    sessions = {name: _session(payload) for name, payload in files.items()}
    answers = {
        name: [session.run(None, dict(each))[0] for each in judged.inputs]
        for name, session in sessions.items()
    }
    spent = interleaved({name: _call(session, judged) for name, session in sessions.items()}, ROUNDS)
    ratios = {name: round(spent[name] / spent["float"], 3) for name in sessions if name != "float"}
    held = "VNNI" not in instructions().names or (
        ratios["s8 of 7 bits"] <= row.limit and ratios["s8 of 7 bits"] <= MOST_OF_S8 * ratios["s8"]
    )
    return {
        "name": f"weight_grids_{row.network.name}",
        "scheme": row.scheme,
        "of_float": ratios,
        "limit": row.limit,
        "snr_db": {name: _decibels(answers["float"], answers[name]) for name in ratios},
        "float_ms": round(spent["float"] * 1e3, 2),
        "instruction_set": instruction_set(),
        "ok": held,
    }


def _files(prepared: Prepared, scheme: str, seen: Samples) -> dict[str, bytes]:
    """Float, and a file with each grid that is right here."""
    model, files = prepared.model, {}
    calibration = calibrate(model, seen.inputs) if scheme == "static" else None
    plans = {"float": make_plan(model, None, scheme="float")} | {
        name: make_plan(model, calibration, target=each, scheme=scheme)
        for name, each in GRIDS.items()
        if not each.saturates_here
    }
    for name, plan in plans.items():
        files[name] = write_plan(model, plan, "onnx", Settings()).payload
    return files


def _session(payload: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(payload, options, providers=["CPUExecutionProvider"])


def _call(session: onnxruntime.InferenceSession, judged: Samples) -> Callable[[], Any]:
    sample = dict(judged.inputs[0])
    return lambda: session.run(None, sample)


def _decibels(expected: list[np.ndarray], found: list[np.ndarray]) -> float:
    truth, noise = np.stack(expected).astype(np.float64), np.stack(found).astype(np.float64)
    return round(float(10 * np.log10(np.square(truth).sum() / np.square(noise - truth).sum())), 1)


if __name__ == "__main__":
    for each in run():
        print(json.dumps(each))
