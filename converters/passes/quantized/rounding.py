"""The float graph with the source's rounding put back.

The float graph of a quantized source differs from it by what its grids round. A comparison of the two that is to find a
fault of the converter, and not that, compares the source with this.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.quantized.dynamic import DYNAMIC
from edgemm.converters.passes.rewrite import array_of, constant
from edgemm.quantize.declared import KEY, declared
from edgemm.quantize.grid import Range, asymmetric
from edgemm.quantize.reference import Reference, Sample

WEIGHTED = frozenset({"Conv", "Gemm", "MatMul"})


def rounded(model: ir.Model) -> ir.Model:
    """A copy of a canonical graph that rounds where its quantized source does. Where a source rounds to more or fewer
    than 8 bits, the copy does not."""
    copy = model.clone()
    for value in [*copy.graph.inputs, *(each for node in tuple(copy.graph) for each in node.outputs)]:
        ends = declared(value)
        if ends is not None and ends.step:
            _round(copy.graph, value, ends)
        elif value.metadata_props.get(KEY) == DYNAMIC:
            for use in tuple(value.uses()):
                if use.node.op_type in WEIGHTED and array_of(use.node.inputs[1]) is not None:
                    use.node.replace_input_with(use.idx, _rounded_while_running(use.node, value))
    return copy


def rounding_error(model: ir.Model, samples: Sequence[Sample]) -> dict[str, float]:
    """Output -> how far, at most, the rounding that the source does and the float graph does not moves a number of it.

    Args:
        model: canonical; all zeros where it comes from no quantized source.
        samples: input name -> array.
    """
    plain, other = Reference(model, optimize=False), Reference(rounded(model), optimize=False)
    worst = dict.fromkeys(plain.outputs, 0.0)
    for sample in samples:
        found = other.run(sample)
        for name, array in plain.run(sample).items():
            worst[name] = max(worst[name], _distance(array, found[name]))
    return worst


def _distance(one: np.ndarray, two: np.ndarray) -> float:
    both = np.isfinite(one) & np.isfinite(two) if one.dtype.kind == "f" else np.ones(one.shape, np.bool_)
    far = np.abs(one[both].astype(np.float64) - two[both].astype(np.float64))
    return float(far.max(initial=0.0))


def _round(graph: ir.Graph, value: ir.Value, ends: Range) -> None:
    """A pair on the grid, between the value and all that read it."""
    grid = asymmetric(ends)
    parameters = [
        constant(graph, f"{value.name}_step", np.array(grid.scalar, np.float32)),
        constant(graph, f"{value.name}_zero", np.array(grid.zero_point, np.int8)),
    ]
    integers = ir.Value(
        name=f"{value.name}_integers", shape=value.shape, type=ir.TensorType(ir.DataType.INT8)
    )
    real = ir.Value(name=f"{value.name}_rounded", shape=value.shape, type=value.type)
    uses, producer = tuple(value.uses()), value.producer()
    pair = [
        ir.node("QuantizeLinear", [value, *parameters], outputs=[integers], name=f"{value.name}_to_integers"),
        ir.node("DequantizeLinear", [integers, *parameters], outputs=[real], name=f"{value.name}_to_real"),
    ]
    for node, index in uses:
        node.replace_input_with(index, real)
    if producer is not None:
        graph.insert_after(producer, pair)
    else:
        graph.insert_before(graph[0], pair)
    _answer_with(graph, value, real)


def _answer_with(graph: ir.Graph, value: ir.Value, other: ir.Value) -> None:
    """Where the value is an output of the graph, the other is it instead, under its name."""
    if not value.is_graph_output():
        return
    name = value.name
    for index, output in enumerate(tuple(graph.outputs)):
        if output is value:
            graph.outputs[index] = other
    value.name, other.name = f"{name}_unrounded", name


def _rounded_while_running(reader: ir.Node, value: ir.Value) -> ir.Value:
    """8 bits over the value's own range."""
    maker = ir.node("DynamicQuantizeLinear", [value], num_outputs=3, name=f"{reader.name}_quantize")
    for output, name in zip(maker.outputs, ("integers", "step", "zero"), strict=True):
        output.name = f"{reader.name}_{name}"
    reader.graph.insert_before(reader, maker)  # type: ignore[union-attr]
    return Draft(reader).op("DequantizeLinear", list(maker.outputs), None, ir.DataType.FLOAT)
