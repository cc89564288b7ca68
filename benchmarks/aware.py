"""Quantization-aware training: how much of what int8 costs is regained, and whether the device runs what was trained.

One row is one network on real digits (`data/mnist10k` below EDGEMM_SHARED): trained in float, given a form that int8
does not suit, converted without training, then trained as the device runs it, by distillation from its own float
answers, and converted again in each format. `python -m benchmarks aware --row NAME --seed N`; without them the cheapest
row. Both trainings keep a checkpoint in `--folder`, and an interrupted row goes on where it was.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.shared import find
from benchmarks.timing import instruction_set
from edgemm.converters import aware
from edgemm.converters.measure import run_artifact
from edgemm.converters.samples import Samples
from edgemm.converters.written import Format, Settings, write_plan
from edgemm.quantize import calibrate, make_plan, training

DATA = "data/mnist10k/mnist10k.npz"
REGAINED = 0.75
FLOAT_EPOCHS = 6
COSTLY = 0.02
"""Accuracy that int8 must lose before there is something to regain."""
TEST = 2000
FLOAT_RATE, RATE = 2e-3, 1e-3
FASTER = 5.0
"""The learning rate of ranges and scales, as a multiple of the weights'."""


def spread(seed: int, count: int, reach: float) -> Tensor:
    """Factors from 1/reach to reach, evenly in their logarithm."""
    drawn = torch.rand(count, generator=torch.Generator().manual_seed(seed))
    return torch.exp((2 * drawn - 1) * float(np.log(reach)))


class Separable(nn.Module):  # type: ignore[misc]
    """A depthwise network."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 16, 3, 2, 1)
        self.depth = nn.ModuleList(
            [nn.Conv2d(c, c, 3, s, 1, groups=c) for c, s in ((16, 1), (32, 2), (32, 1))]
        )
        self.point = nn.ModuleList([nn.Conv2d(a, b, 1) for a, b in ((16, 32), (32, 32), (32, 32))])
        self.dense, self.last = nn.Linear(32, 32), nn.Linear(32, 10)
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """[n, 1, 28, 28] -> [n, 10]"""
        x = torch.relu(self.first(x))
        for depth, point in zip(self.depth, self.point, strict=True):
            x = torch.relu(point(torch.relu(depth(x))))
        found: Tensor = self.last(torch.relu(self.dense(x.mean((2, 3)))))
        return found

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def unbalance(self, seed: int, reach: float) -> None:
        """The same function, its channels of very different size."""
        pairs = [(self.first, self.depth[0])]
        for index, (depth, point) in enumerate(zip(self.depth, self.point, strict=True)):
            pairs += [
                (depth, point),
                (point, self.depth[index + 1] if index + 1 < len(self.depth) else self.dense),
            ]
        for index, (before, after) in enumerate([*pairs, (self.dense, self.last)]):
            factors = spread(seed * 100 + index, len(before.weight), reach)
            before.weight.mul_(factors.reshape(-1, *(1,) * (before.weight.dim() - 1)))
            before.bias.mul_(factors)
            grouped = isinstance(after, nn.Conv2d) and after.groups > 1
            shape = (-1, 1, 1, 1) if grouped else (1, -1, *(1,) * (after.weight.dim() - 2))
            after.weight.div_(factors.reshape(shape))


class Rows(nn.Module):  # type: ignore[misc]
    """A recurrent layer over the rows of a picture."""

    def __init__(self, kind: type[nn.RNNBase]) -> None:
        super().__init__()
        self.enter = nn.Linear(28, 24)
        self.layer = kind(24, 48, batch_first=True)
        self.last = nn.Linear(48, 10)

    def forward(self, x: Tensor) -> Tensor:
        """[n, 28, 28] -> [n, 10]"""
        states, _ = self.layer(torch.relu(self.enter(x)))
        found: Tensor = self.last(states[:, -1])
        return found

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def unbalance(self, seed: int, reach: float) -> None:
        """The same function, what enters the layer of very different size."""
        factors = spread(seed * 100, len(self.enter.weight), reach)
        self.enter.weight.mul_(factors[:, None])
        self.enter.bias.mul_(factors)
        self.layer.weight_ih_l0.div_(factors)


@dataclass(frozen=True, slots=True)
class Row:
    """One network."""

    make: Callable[[], nn.Module]
    shape: tuple[int, ...]
    reach: float
    """How unlike its channels are."""
    target: str = "cpu"
    formats: tuple[Format, ...] = ("onnx", "tflite")
    epochs: int = 8
    apart: bool = False
    """Trained for each format by itself: recurrent layers round otherwise there."""


PICTURE, SEQUENCE = (1, 1, 28, 28), (1, 28, 28)
ROWS: dict[str, Row] = {
    "scaled": Row(Separable, PICTURE, 20.0),
    "coral": Row(Separable, PICTURE, 20.0, "coral", ("tflite",)),
    "lstm": Row(lambda: Rows(nn.LSTM), SEQUENCE, 30.0, epochs=3, apart=True),
    "gru": Row(lambda: Rows(nn.GRU), SEQUENCE, 30.0, epochs=3, apart=True),
}


def run(arguments: Sequence[str] = ()) -> dict[str, Any] | list[dict[str, Any]]:
    """One row."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks aware", description=__doc__)
    parser.add_argument("--row", choices=sorted(ROWS), default="scaled")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where epochs are saved; a temporary one by default")
    chosen = parser.parse_args(arguments)
    root = find(DATA)
    if root is None:
        return []
    with tempfile.TemporaryDirectory() as made:
        folder = chosen.folder or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        return _measured(chosen.row, chosen.seed, folder, root / DATA)


def _measured(name: str, seed: int, folder: Path, data: Path) -> dict[str, Any]:
    row, state = ROWS[name], folder / f"{name}_{seed}"
    torch.manual_seed(seed)
    x, y = _digits(data, row)
    digits, test = training.Samples(x[TEST:], y[TEST:]), (x[:TEST], y[:TEST])
    net = row.make()
    training.train(
        net, digits, settings=_settings(FLOAT_EPOCHS, FLOAT_RATE, seed),
        checkpoint=state.with_suffix(".float.checkpoint"), progress=False,
    )  # fmt: skip
    before = _accuracy(net.eval()(test[0]).detach().numpy(), test[1])
    net.unbalance(seed, row.reach)
    result: dict[str, Any] = {"name": f"aware_{name}", "seed": seed, "target": row.target, "float": before}
    for format_ in row.formats if row.apart else (None,):
        result |= _trained(row, net, format_, digits, test, seed, state, before)
    parts = [result[each] for each in row.formats]
    result |= {"ratio": min(each["regained"] for each in parts), "limit": REGAINED, "cpu": instruction_set()}
    result["ok"] = all(each["lost"] >= COSTLY and each["regained"] >= REGAINED for each in parts)
    return result


def _trained(
    row: Row,
    net: nn.Module,
    format_: Format | None,
    digits: training.Samples,
    test: tuple[Tensor, Tensor],
    seed: int,
    state: Path,
    before: float,
) -> dict[str, Any]:
    """By format: what int8 loses without training, and with it."""
    arrays = [each.numpy().reshape(row.shape) for each in digits.inputs[:256]]
    trained = aware.prepare(
        net, (torch.zeros(row.shape),), calibrate=arrays, target=row.target, scheme="static", format=format_
    )
    formats = (format_,) if format_ else row.formats
    plain = {each: _file(trained, each, test) for each in formats}
    training.distil(
        trained.module, net, digits, settings=_settings(row.epochs, RATE, seed, trained.module.scale_parameters()),
        checkpoint=state.with_suffix(f".{format_ or 'both'}.checkpoint"), progress=False,
    )  # fmt: skip
    found: dict[str, Any] = {}
    for each in formats:
        after, lost = _file(trained, each, test), before - plain[each]["accuracy"]
        regained = (after["accuracy"] - plain[each]["accuracy"]) / lost if lost > 0 else 0.0
        found[each] = {
            "int8": plain[each]["accuracy"], "lost": round(lost, 4), "trained": after["accuracy"],
            "regained": round(regained, 3), "steps": after["steps"], "beyond_one_step": after["beyond"],
        }  # fmt: skip
    return found


def _settings(epochs: int, rate: float, seed: int, scales: Sequence[nn.Parameter] = ()) -> training.Settings:
    """Adam with a cosine.

    Args:
        scales: what learns faster.
    """
    faster = {id(each) for each in scales}

    def adam(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        weights = [each for each in parameters if id(each) not in faster]
        groups: list[dict[str, Any]] = [{"params": weights, "lr": rate}]
        return torch.optim.Adam(
            [*groups, {"params": list(scales), "lr": rate * FASTER}] if scales else groups
        )

    return training.Settings(
        epochs=epochs, optimizer=adam, learning_rate=rate, schedule="cosine", clip_norm=5.0, seed=seed
    )


def _digits(path: Path, row: Row) -> tuple[Tensor, Tensor]:
    with np.load(path) as held:
        pictures, labels = held["images"], held["labels"]
    order = np.random.default_rng(0).permutation(len(labels))
    x = torch.from_numpy(pictures[order].reshape(len(order), *row.shape[1:]).astype(np.float32) / 255.0)
    return x, torch.from_numpy(labels[order].astype(np.int64))


def _file(trained: aware.Aware, suffix: Format, test: tuple[Tensor, Tensor]) -> dict[str, Any]:
    """Accuracy of the written file, and how far it is from the network in torch."""
    source, target = trained.source(), trained.plan.target
    name, shape = trained.prepared.inputs[0].name, trained.prepared.inputs[0].shape
    samples = Samples(tuple({name: each.numpy().reshape(shape)} for each in test[0]))
    ranges = calibrate(source.model, trained.samples.inputs)
    plan = make_plan(source.model, ranges, target=target, scheme="static", float_nodes=source.float_nodes())
    written = write_plan(source.model, plan, suffix, Settings())
    port = written.outputs[0].name
    ours = np.concatenate([each[port] for each in run_artifact(written, samples).outputs])
    theirs = np.concatenate([source.answers(each)[port] for each in samples.inputs])
    steps = np.abs(ours - theirs) / plan.activations[port].scalar
    return {
        "accuracy": _accuracy(ours, test[1]),
        "torch": _accuracy(theirs, test[1]),
        "steps": round(float(steps.max()), 3),
        "beyond": float(f"{(steps > 1.01).mean():.3g}"),
    }


def _accuracy(scores: np.ndarray, labels: Tensor) -> float:
    return round(float((scores.argmax(-1) == labels.numpy()).mean()), 4)
