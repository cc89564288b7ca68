"""The smallest and largest number of every value of a graph on real data; infinity and NaN are recorded apart.

Measured by nodes added beside each value, so that only scalars leave the runtime and no activation lives longer than
in an ordinary run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.quantize.grid import Range
from edgemm.quantize.reference import Reference, Sample

LARGEST = float(np.finfo(np.float32).max)
_PLAIN = ("ReduceMin", "ReduceMax", "ReduceSum")
"""The sum is there for NaN and infinity, which a minimum and a maximum may pass over."""
_CAREFUL = 5
"""Smallest and largest finite number; whether there was a NaN, a negative infinity, a positive one."""


@dataclass(frozen=True, slots=True)
class Extremes:
    """What was seen of one value over all samples."""

    low: float = LARGEST
    """Smallest finite number; above `high` when there was none."""
    high: float = -LARGEST
    nan: bool = False
    below: bool = False
    """Negative infinity was seen."""
    above: bool = False
    """Positive infinity was seen."""

    @property
    def finite(self) -> Range:
        """The finite extremes; 0..0 when nothing was finite."""
        return Range(self.low, self.high) if self.low <= self.high else Range(0.0, 0.0)

    @property
    def whole(self) -> Range:
        """The extremes, infinities among them."""
        ends = self.finite
        return Range(-np.inf if self.below else ends.low, np.inf if self.above else ends.high)

    def union(self, other: Extremes) -> Extremes:
        """Of two samples, both."""
        return Extremes(
            min(self.low, other.low),
            max(self.high, other.high),
            self.nan or other.nan,
            self.below or other.below,
            self.above or other.above,
        )

    def limited(self, low: float, high: float) -> Extremes:
        """After a clip."""
        first, last = (min(max(end, low), high) for end in (self.finite.low, self.finite.high))
        found = Extremes(first, last, self.nan)
        if self.below:
            found = replace(found, below=True) if low == -np.inf else replace(found, low=min(found.low, low))
        if self.above:
            found = (
                replace(found, above=True) if high == np.inf else replace(found, high=max(found.high, high))
            )
        return found


def extremes_of_array(array: npt.NDArray[Any]) -> Extremes:
    """Of a constant."""
    finite = array[np.isfinite(array)]
    return Extremes(
        float(finite.min(initial=LARGEST)),
        float(finite.max(initial=-LARGEST)),
        bool(np.isnan(array).any()),
        bool(np.isneginf(array).any()),
        bool(np.isposinf(array).any()),
    )


class Probe:
    """A graph that gives the extremes of some of its values, and of rows before softmaxes.

    A value whose sum is not finite is measured again with more care, and from then on always.

    Args:
        values: of `model`, to be measured.
        depths: softmax node name -> how far below the largest number of a row it sees.
    """

    def __init__(
        self, model: ir.Model, values: Sequence[ir.Value], depths: Mapping[str, float] | None = None
    ) -> None:
        self._model = model
        self._names = [str(value.name) for value in values]
        self._depths = dict(depths or {})
        self._careful: set[str] = set()
        self._reference = self._built()

    def run(self, sample: Sample) -> tuple[dict[str, Extremes], dict[str, Extremes]]:
        """One sample.

        Returns:
            Value name -> its extremes, and softmax node name -> the extremes of what it can see of its rows.
        """
        while self._names or self._depths:  # whole numbers alone: there is nothing to measure
            found = np.array(list(self._reference.run(sample).values()), np.float32)
            values, doubtful = self._values(found)
            if not doubtful:
                rows = found[len(found) - 2 * len(self._depths) :].reshape(-1, 2).tolist()
                return values, {
                    n: Extremes(low, high) for n, (low, high) in zip(self._depths, rows, strict=True)
                }
            self._careful |= doubtful
            self._reference = self._built()
        return {}, {}

    def _values(self, found: npt.NDArray[np.float32]) -> tuple[dict[str, Extremes], set[str]]:
        values, doubtful, at = {}, set(), 0
        for name in self._names:
            width = _CAREFUL if name in self._careful else len(_PLAIN)
            part, at = found[at : at + width], at + width
            if name in self._careful:
                low, high, nan, below, above = part.tolist()
                values[name] = Extremes(low, high, nan > 0, below > 0, above > 0)
            elif np.isfinite(part).all():
                values[name] = Extremes(float(part[0]), float(part[1]))
            else:
                doubtful.add(name)
        return values, doubtful

    def _built(self) -> Reference:
        """A copy whose outputs are the measures, each computed as soon as its value is there."""
        copy = self._model.clone()
        graph = copy.graph
        here = {str(v.name): v for v in (*graph.inputs, *(v for node in graph for v in node.outputs))}
        softmaxes = {str(node.name): node for node in graph if str(node.name) in self._depths}
        graph.outputs.clear()
        for index, name in enumerate(self._names):
            measure = _careful if name in self._careful else _plain
            _insert(graph, here[name], measure, f"edgemm.{index}")
        for index, (name, depth) in enumerate(self._depths.items()):
            node = softmaxes[name]
            source, axis = node.inputs[0], node.attributes.get_int("axis", -1)
            if source is not None:
                _insert(graph, source, partial(_rows, axis=axis, depth=depth), f"edgemm.row.{index}")
        return Reference(copy, optimize=False)


Measure = Callable[[ir.Value, str], tuple[list[ir.Node], int]]
"""(value, prefix of names) -> the nodes that measure it, and how many of the last of them give the results."""


def _insert(graph: ir.Graph, value: ir.Value, measure: Measure, prefix: str) -> None:
    nodes, results = measure(value, prefix)
    producer = value.producer()
    if producer is not None:
        graph.insert_after(producer, nodes)
    elif len(graph):
        graph.insert_before(graph[0], nodes)
    else:
        graph.extend(nodes)
    for node in nodes[len(nodes) - results :]:
        output = node.outputs[0]
        output.shape, output.type = ir.Shape(()), ir.TensorType(ir.DataType.FLOAT)
        graph.outputs.append(output)


class _Builder:
    """Nodes with names of one prefix, in order."""

    def __init__(self, prefix: str) -> None:
        self.nodes: list[ir.Node] = []
        self._prefix = prefix

    def __call__(self, kind: str, *inputs: ir.Value, **attributes: Any) -> ir.Value:
        name = f"{self._prefix}.{len(self.nodes)}.{kind}"
        self.nodes.append(ir.node(kind, inputs, attributes, name=name))
        self.nodes[-1].outputs[0].name = name
        return self.nodes[-1].outputs[0]

    def number(self, value: float) -> ir.Value:
        """A constant."""
        return self("Constant", value=ir.tensor(np.array(value, np.float32)))


def _plain(value: ir.Value, prefix: str) -> tuple[list[ir.Node], int]:
    build = _Builder(prefix)
    for kind in _PLAIN:
        build(kind, value, keepdims=0)
    return build.nodes, len(_PLAIN)


def _careful(value: ir.Value, prefix: str) -> tuple[list[ir.Node], int]:
    build = _Builder(prefix)
    wild = build("IsNaN", build("Sub", value, value))  # what is infinite or NaN, less itself, is NaN
    kinds = [
        build("IsNaN", value),
        build("IsInf", value, detect_positive=0),
        build("IsInf", value, detect_negative=0),
    ]
    numbers = [build("Cast", kind, to=ir.DataType.FLOAT.value) for kind in kinds]
    low = build("Where", wild, build.number(LARGEST), value)
    high = build("Where", wild, build.number(-LARGEST), value)
    for kind, each in zip(("ReduceMin", *["ReduceMax"] * 4), (low, high, *numbers), strict=True):
        build(kind, each, keepdims=0)
    return build.nodes, _CAREFUL


def _rows(value: ir.Value, prefix: str, *, axis: int, depth: float) -> tuple[list[ir.Node], int]:
    """Rows whose numbers are all one say nothing: they are uniform wherever a grid puts them."""
    build = _Builder(prefix)
    low, high = (build(kind, value, axes=[axis], keepdims=1) for kind in ("ReduceMin", "ReduceMax"))
    floor = build("Max", low, build("Sub", high, build.number(depth)))
    counts = build("Less", low, high)
    least = build("Where", counts, floor, build.number(LARGEST))
    most = build("Where", counts, high, build.number(-LARGEST))
    build("ReduceMin", least, keepdims=0)
    build("ReduceMax", most, keepdims=0)
    return build.nodes, 2
