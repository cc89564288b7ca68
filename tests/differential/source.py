"""One source: its file or module, its data, and the truth, which is what its own runtime computes."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from tests.differential.graphs import FAMILIES, Family, quantized
from tests.differential.graphs.builder import Draw, GraphBuilder
from tests.differential.points import GraphKey
from tests.differential.runtimes import Outputs, run_onnx

Sample = Mapping[str, npt.NDArray[Any]]
CALIBRATION, EVALUATION, FRESH = 32, 8, 4
"""Samples of each kind; no two kinds share one."""


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """Samples by what they are for."""

    calibration: list[Sample]
    evaluation: list[Sample]
    """What `convert` is told to measure on."""
    fresh: list[Sample]
    """What it never sees."""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """What is converted, and what is true of it."""

    key: GraphKey
    convertible: Any
    """What `convert` is given: a path or a torch module."""
    examples: tuple[Any, ...] | None
    """For a torch module."""
    data: Data
    inputs: tuple[str, ...]
    """Names, in order."""
    evaluation: list[Outputs]
    """The truth on the evaluation data: per sample, outputs in order."""
    fresh: list[Outputs]
    own_difference: list[float]
    """Per output: how much onnxruntime's optimizations move it, over all of this data."""
    calibrated: list[tuple[float, float]]
    """Per output: its smallest and largest value on the calibration data."""
    precision: float = 0.0
    """Rounding of the source's own arithmetic, as a share of an output's range: 0 for float32."""
    proto: onnx.ModelProto | None = None
    """The float ONNX model, for onnxruntime's own quantizer; None where the source is quantized or has none."""
    jumps: bool = False
    """As the family says."""
    original: list[Outputs] | None = field(default=None)
    """Of a quantized source: what the float model that it was made from gives on the evaluation data."""


HALF_PRECISION = 1e-2
"""A few sums and a layer norm in float16 (2**-11 each)."""


def seeds(key: GraphKey) -> np.random.Generator:
    """Of a graph and its data; the exporter makes no difference."""
    return np.random.default_rng([zlib.crc32(key.family.encode()), key.seed])


def make_source(key: GraphKey, folder: Path) -> Source:
    """Builds or exports the source into `folder`, and runs it."""
    return _direct(key, FAMILIES[key.family], folder) if key.exporter == "direct" else _torch(key, folder)


def _direct(key: GraphKey, family: Family, folder: Path) -> Source:
    random = seeds(key)
    builder = GraphBuilder(random, int(random.choice(family.opsets)), family.dtype)
    family.build(builder)
    model = builder.model()
    data = _data(builder.draws, random)
    original = None
    if family.quantized:
        original = run_onnx(model.SerializeToString(), data.evaluation, optimize=False)
        model = quantized.quantize(model, [dict(each) for each in data.calibration], key.seed)
    onnx.checker.check_model(model)
    path = folder / f"{key}.onnx"
    onnx.save(model, path)
    precision = HALF_PRECISION if family.dtype == "float16" else 0.0
    source = _measured(key, model, path, data, precision=precision, original=original)
    return replace(source, jumps=family.jumps)


def _torch(key: GraphKey, folder: Path) -> Source:
    from tests.differential.graphs import networks

    module, examples = networks.make(key.family, key.seed)
    draws = dict(zip(networks.names(module), map(networks.draw, examples), strict=True))
    data = _data(draws, seeds(key))
    path = folder / f"{key}.onnx"
    networks.export(module, examples, str(path), "dynamo" if key.exporter == "module" else key.exporter)
    source = _measured(key, onnx.load(path), path, data)
    if key.exporter != "module":
        return source
    run: Callable[[Sample], Outputs] = lambda sample: networks.run(module, list(sample.values()))  # noqa: E731
    return Source(
        key, module, examples, data, source.inputs, [run(each) for each in data.evaluation],
        [run(each) for each in data.fresh], source.own_difference, source.calibrated, proto=source.proto,
    )  # fmt: skip


def _data(draws: Mapping[str, Draw], random: np.random.Generator) -> Data:
    def some(count: int) -> list[Sample]:
        return [{name: draw(random) for name, draw in draws.items()} for _ in range(count)]

    return Data(some(CALIBRATION), some(EVALUATION), some(FRESH))


def _measured(
    key: GraphKey,
    model: onnx.ModelProto,
    path: Path,
    data: Data,
    *,
    precision: float = 0.0,
    original: list[Outputs] | None = None,
) -> Source:
    payload = model.SerializeToString()
    both = [*data.evaluation, *data.fresh]
    plain = run_onnx(payload, both, optimize=False)
    proto = model if original is None else None
    inputs = tuple(each.name for each in model.graph.input)
    return Source(
        key, path, None, data, inputs, plain[:EVALUATION], plain[EVALUATION:],
        _difference(plain, run_onnx(payload, both, optimize=True)),
        _ends(run_onnx(payload, data.calibration, optimize=False)), precision, proto,
        original=original,
    )  # fmt: skip


def _ends(runs: Sequence[Outputs]) -> list[tuple[float, float]]:
    """Smallest and largest finite value per output; (-inf, inf) where there is none."""
    ends = []
    for arrays in zip(*runs, strict=True):
        values = np.concatenate([np.asarray(array, np.float64).reshape(-1) for array in arrays])
        values = values[np.isfinite(values)]
        ends.append((float(values.min()), float(values.max())) if values.size else (-np.inf, np.inf))
    return ends


def _difference(one: Sequence[Outputs], other: Sequence[Outputs]) -> list[float]:
    """Largest finite difference per output."""
    worst = [0.0] * len(one[0])
    for mine, theirs in zip(one, other, strict=True):
        for index, (a, b) in enumerate(zip(mine, theirs, strict=True)):
            with np.errstate(invalid="ignore"):
                apart = np.abs(a.astype(np.float64) - b.astype(np.float64))
            apart = apart[np.isfinite(apart)]
            worst[index] = max(worst[index], float(apart.max()) if apart.size else 0.0)
    return worst
