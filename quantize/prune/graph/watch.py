"""Runs a graph on samples and looks at values inside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.quantize.reference import Reference, Sample

Values = dict[str, npt.NDArray[Any]]


class Watch:
    """Gives named values of a graph for a sample; only what they need is computed."""

    def __init__(self, model: ir.Model, names: Sequence[str]) -> None:
        inputs = {str(value.name) for value in model.graph.inputs}
        self._given = [name for name in names if name in inputs]
        computed = [name for name in dict.fromkeys(names) if name not in inputs]
        self._reference = Reference(part(model, computed)) if computed else None

    def run(self, sample: Sample) -> Values:
        """The values, by name."""
        found: Values = {name: np.asarray(sample[name]) for name in self._given}
        if self._reference is not None:
            found |= self._reference.run({name: sample[name] for name in self._reference.inputs})
        return found


def part(model: ir.Model, names: Sequence[str]) -> ir.Model:
    """A copy of the graph that ends at these values."""
    copy = model.clone()
    values = {str(value.name): value for node in copy.graph for value in node.outputs}
    copy.graph.outputs[:] = [values[name] for name in names]
    for node in reversed(list(copy.graph)):
        if not any(value.is_graph_output() or value.uses() for value in node.outputs):
            copy.graph.remove(node, safe=True)
    for name, value in list(copy.graph.initializers.items()):
        if not value.uses():
            copy.graph.initializers.pop(name)
    copy.graph.inputs[:] = [value for value in copy.graph.inputs if value.uses()]
    return copy


def ends(model: ir.Model) -> tuple[str, ...]:
    """The values whose change is measured: the outputs in floating point, before a softmax that ends them."""
    found = []
    for value in model.graph.outputs:
        node = value.producer()
        if (
            node is not None
            and node.op_type in ("Softmax", "LogSoftmax", "Sigmoid")
            and node.inputs[0] is not None
        ):
            before = node.inputs[0]
            value = before if before.producer() is not None else value
        if value.dtype is not None and value.dtype.is_floating_point():
            found.append(str(value.name))
    return tuple(dict.fromkeys(found)) or tuple(str(value.name) for value in model.graph.outputs)


def output_error(truth: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> float:
    """How far outputs are from what they were, averaged over them: 0 for the same, about 1 where nothing is left.

    Of the scores of classes, the Kullback-Leibler divergence of their softmax; of other numbers, the power of the
    difference over that of the truth around its mean.
    """
    errors = []
    for name in truth[0]:
        one, other = (
            np.stack([np.asarray(each[name], np.float64) for each in side]) for side in (truth, found)
        )
        scores = one.ndim == 3 and one.shape[1] == 1 and one.shape[2] > 1
        errors.append(divergence(one[:, 0], other[:, 0]) if scores else relative_error(one, other))
    return float(np.mean(errors))


def relative_error(truth: npt.NDArray[np.float64], found: npt.NDArray[np.float64]) -> float:
    """[samples, ...]."""
    power = float(np.mean((truth - truth.mean(axis=0)) ** 2)) or float(np.mean(truth**2)) or 1.0
    return float(np.mean((truth - found) ** 2)) / power


def divergence(truth: npt.NDArray[np.float64], found: npt.NDArray[np.float64]) -> float:
    """[samples, classes], scores."""
    one, other = (each - np.logaddexp.reduce(each, axis=1, keepdims=True) for each in (truth, found))
    return float((np.exp(one) * (one - other)).sum(axis=1).mean())
