"""Static int8: Q/DQ pairs on the tensors between integer operators.

A runtime that knows the pattern DequantizeLinear -> operator -> QuantizeLinear computes the operator on
integers; one that does not computes the same in float. Nothing stands between an operator and its fused
activation.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import onnx_ir as ir

from edgemm.converters.onnx_writer.constants import Constants, real_value, stored_dtype
from edgemm.converters.passes.rewrite import graph_of
from edgemm.errors import ConversionError
from edgemm.quantize.constants import stored_unsigned
from edgemm.quantize.fusion import fused_activation
from edgemm.quantize.grid import Grid
from edgemm.quantize.legality import RULES, grid_operands, rule_of
from edgemm.quantize.plan import Plan

FLOAT_MARK = "float"
"""doc_string of an operator that has an integer form and shall not use it: the checker leaves it alone."""


@dataclass(slots=True)
class Placement:
    """The integer form of one graph, changed in place."""

    graph: ir.Graph
    plan: Plan
    integer_io: bool
    """Inputs and outputs that are quantized stay integers."""
    constants: Constants
    grids: dict[str, Grid] = field(default_factory=dict)
    """Graph input or output name -> the grid that it is stored on."""
    _operands: dict[str, frozenset[int]] = field(default_factory=dict)
    """Integer node -> the inputs that may be stored on a grid."""

    @property
    def unsigned(self) -> bool:
        """u8 activations, unless the target wants zero points of 0."""
        return not self.plan.target.activations_symmetric

    def place(self) -> None:
        """Places every pair that the plan asks for."""
        nodes = [node for node in self.graph if self.plan.is_int8(str(node.name))]
        if not nodes:
            return
        self._require_grids(nodes)
        for node in self.graph:
            if node.op_type in RULES and not self.plan.is_int8(str(node.name)):
                node.doc_string = FLOAT_MARK
        self._operands = {str(node.name): grid_operands(node, rule_of(node)) for node in nodes}
        for node in nodes:
            self._constants_of(node)
        for value in [*self.graph.inputs, *(v for node in tuple(self.graph) for v in node.outputs)]:
            grid = self.plan.activations.get(str(value.name))
            if grid is not None:
                self._pair(value, grid)

    def _require_grids(self, nodes: list[ir.Node]) -> None:
        """Every stored real output of an integer operator has a grid."""
        for node in nodes:
            if fused_activation(node) is not None:
                continue
            for value in node.outputs:
                if value.dtype == ir.DataType.FLOAT and str(value.name) not in self.plan.activations:
                    raise ConversionError(
                        f"node {node.name!r} ({node.op_type}) is int8 in the plan, but its output {value.name!r} has "
                        "no grid. Make the plan again for this graph"
                    )

    def _constants_of(self, node: ir.Node) -> None:
        rule = rule_of(node)
        for index in sorted(self._operands_of(node)):
            grid = self.plan.weights.get((str(node.name), index))
            if (
                grid is None or index == rule.fill
            ):  # a Pad's fill is not a tensor: runtimes put it on the grid themselves
                continue
            if grid.dtype == "int32" and self.plan.target.activations_symmetric:
                continue  # TensorRT adds the bias in float: its DequantizeLinear takes no int32
            unsigned = self.unsigned
            if index == rule.weight:
                unsigned = stored_unsigned(node, grid, self.plan)
            value = self.constants.dequantized(node, index, grid, unsigned=unsigned and grid.dtype == "int8")
            node.replace_input_with(index, value)

    def _operands_of(self, node: ir.Node) -> frozenset[int]:
        return self._operands.get(str(node.name), frozenset())

    def _pair(self, value: ir.Value, grid: Grid) -> None:
        producer = value.producer()
        made_integer = producer is not None and self.plan.is_int8(str(producer.name))
        readers = [
            (node, index) for node, index in value.uses() if made_integer or index in self._operands_of(node)
        ]
        if not made_integer and not readers:
            return
        if value.is_graph_input() and self.integer_io:
            self._integer_input(value, grid)
            return
        integers, reals = self._quantize(value, grid)
        for node, index in readers:
            node.replace_input_with(index, reals)
        if made_integer and value.is_graph_output():
            self._replace_output(value, integers if self.integer_io else reals, grid)

    def _quantize(self, value: ir.Value, grid: Grid) -> tuple[ir.Value, ir.Value]:
        """Q and DQ right after the value's producer."""
        name = str(value.name)
        parameters = self._parameters(name, grid)
        integers = self._integers(f"{name}_quantized", value)
        reals = real_value(f"{name}_dequantized", value.shape)
        pair = [
            ir.node(
                "QuantizeLinear", [value, *parameters], outputs=[integers], name=f"{name}_QuantizeLinear"
            ),
            ir.node(
                "DequantizeLinear", [integers, *parameters], outputs=[reals], name=f"{name}_DequantizeLinear"
            ),
        ]
        producer = value.producer()
        if producer is None:
            self.graph.insert_before(self.graph[0], pair)
        else:
            graph_of(producer).insert_after(producer, pair)
        return integers, reals

    def _integer_input(self, value: ir.Value, grid: Grid) -> None:
        """The graph's input holds integers; every reader takes the real numbers they stand for."""
        name = str(value.name)
        uses = tuple(value.uses())
        reals = real_value(f"{name}_dequantized", value.shape)
        node = ir.node(
            "DequantizeLinear",
            [value, *self._parameters(name, grid)],
            outputs=[reals],
            name=f"{name}_DequantizeLinear",
        )
        for reader, index in uses:
            reader.replace_input_with(index, reals)
        value.type = ir.TensorType(self._dtype)
        self.graph.insert_before(self.graph[0], node)
        self.grids[name] = grid

    def _replace_output(self, value: ir.Value, other: ir.Value, grid: Grid) -> None:
        """`other` is the graph's output instead of `value`, under its name."""
        name = str(value.name)
        outputs = self.graph.outputs
        for index, output in enumerate(tuple(outputs)):
            if output is value:
                outputs[index] = other
        value.name = f"{name}_real"
        other.name = name
        if self.integer_io:
            self.grids[name] = grid

    def _parameters(self, name: str, grid: Grid) -> list[ir.Value]:
        return [
            self.constants.scale(name, grid),
            self.constants.zero_point(name, grid, unsigned=self.unsigned),
        ]

    @property
    def _dtype(self) -> ir.DataType:
        return ir.DataType[stored_dtype(unsigned=self.unsigned).upper()]

    def _integers(self, name: str, like: ir.Value) -> ir.Value:
        return ir.Value(name=name, shape=like.shape, type=ir.TensorType(self._dtype))
