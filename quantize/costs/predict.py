"""`predict`: the time of a plan, node by node, before anything is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import onnx_ir as ir

from edgemm.choices import choice
from edgemm.costs.point import DYNAMIC, DYNAMIC_UNSIGNED, FLOAT, HYBRID, INT8, INT8_UNSIGNED, Work
from edgemm.costs.table import FORMATS, CostTable
from edgemm.errors import InputError
from edgemm.quantize.cost import RECURRENT, WEIGHTED
from edgemm.quantize.costs.cost import Cost
from edgemm.quantize.costs.curves import (
    CHANGE,
    FLOAT_BYTES,
    PARTITION,
    PARTS,
    PLAIN,
    Curve,
    Curves,
    curves_of,
)
from edgemm.quantize.costs.kinds import PICTURE, constant, kind_of, pictures, shape_of, size, work_of
from edgemm.quantize.costs.partitions import count_partitions
from edgemm.quantize.fusion import hosts
from edgemm.quantize.legality import is_real
from edgemm.quantize.plan import Plan, Precision

NOTHING = Curve((0.0,) * PARTS)


def predict(model: ir.Model, plan: Plan, format_: str, table: CostTable) -> Cost:
    """What one inference of a plan will take, one thread.

    Args:
        model: canonical, with static shapes, for this format.
        plan: of this graph.
        format_: "tflite" or "onnx".
        table: of the machine.

    Raises:
        InputError: the table has no times for that format.
    """
    return _Prediction(model, plan, format_, _curves(table, format_), hosts(model)).cost()


def change_us(elements: int, format_: str, table: CostTable) -> tuple[float, float]:
    """What it takes to make integers of a float tensor, and float numbers of integers, in microseconds.

    Raises:
        InputError: the table has no times for that format.
    """
    us = _change_us(_curves(table, format_), elements)
    return us, us


def partition_us(table: CostTable) -> float:
    """What one more piece for XNNPACK takes in a `.tflite`, in microseconds.

    Raises:
        InputError: the table has no times for that format.
    """
    return _partition_us(_curves(table, "tflite"))


def lone_pool_us(pool: ir.Node, format_: str, table: CostTable) -> float:
    """How much longer an integer pool takes behind a float operator than behind an integer one, in microseconds: ONNX
    Runtime computes it in the layout of what is before it.

    Raises:
        InputError: the table has no times for that format.
    """
    curves, work = _curves(table, format_), work_of(pool)
    if format_ != "onnx" or pool.op_type != "MaxPool":
        return 0.0
    kind = kind_of(pool)
    alone = curves.find(kind, INT8)
    behind = curves.find(f"{PICTURE}{kind}", INT8)
    return 0.0 if alone is None or behind is None else max(alone.us(work) - behind.us(work), 0.0)


def _curves(table: CostTable, format_: str) -> Curves:
    choice("format", format_, FORMATS)
    if not table.points.get(format_):
        raise InputError(
            f"the cost table has no times for .{format_}: its machine lacked that runtime. "
            "Install it there, and measure again with `edgemm bench --costs`"
        )
    return curves_of(table.points[format_])


def _change_us(curves: Curves, elements: int) -> float:
    curve = curves.find(CHANGE, INT8)
    return 0.0 if curve is None else curve.us(Work(1, 0, 2 * elements, 0))


def _partition_us(curves: Curves) -> float:
    curve = curves.find(PARTITION, INT8)
    return 0.0 if curve is None else 2 * curve.shares[0]


@dataclass(slots=True)
class _Prediction:
    model: ir.Model
    plan: Plan
    format: str
    curves: Curves
    fused: Mapping[str, ir.Node]
    """Name of each fused activation -> the node that computes it."""

    def cost(self) -> Cost:
        unknown, shown = set(), pictures(self.model.graph)
        nodes: dict[str, float] = {}
        delegated: dict[str, bool] = {}
        works = {str(node.name): work_of(node) for node in self.model.graph}
        weights = {
            str(node.name): self.weight_bytes(node, works[str(node.name)]) for node in self.model.graph
        }
        far = self.curves.distance_us(sum(weights.values()))
        for node in self.model.graph:
            name = str(node.name)
            curve = NOTHING
            if name not in self.fused and not self._is_free(node):
                found = self._curve(node, name in shown)
                if found is None:
                    unknown.add(kind_of(node))
                curve = found or self.curves.find(PLAIN, FLOAT) or NOTHING
            nodes[name] = curve.us(works[name]) + far * weights[name]
            delegated[name] = curve.delegated
        changes = sum(_change_us(self.curves, size(value)) for value in self._changed())
        partitions, between = 0, 0.0
        if self.format == "tflite":
            partitions = count_partitions(self.model.graph, delegated)
            between = max(partitions - 1, 0) * _partition_us(self.curves)
        total = sum(nodes.values()) + changes + between
        return Cost(total, nodes, changes, partitions, between, tuple(sorted(unknown)))

    def _curve(self, node: ir.Node, shown: bool) -> Curve | None:
        kind, precision = kind_of(node), self.precision(node)
        if self._is_lone_pool(node):
            return self.curves.find(kind, INT8)
        special = self.curves.find(f"{PICTURE}{kind}", precision) if shown else None
        return special or self.curves.find(kind, precision)

    def _is_lone_pool(self, node: ir.Node) -> bool:
        """An integer pool behind a float operator. A float one becomes that where its output is made integers of: ONNX
        Runtime does so in front of the pool."""
        if self.format != "onnx" or node.op_type != "MaxPool":
            return False
        maker = None if node.inputs[0] is None else node.inputs[0].producer()
        if maker is not None and self._is_int8(self.fused.get(str(maker.name), maker)):
            return False
        value = node.outputs[0]
        readers = [self._is_int8(self.fused.get(str(each.name), each)) for each in value.consumers()]
        return self._is_int8(node) or (bool(readers) and all(readers) and not value.is_graph_output())

    def precision(self, node: ir.Node) -> str:
        """How the table calls it."""
        chosen = self.plan.precision.get(str(node.name), Precision.FLOAT)
        unsigned = self.format == "onnx" and self.plan.target.weight_dtype == "uint8"
        if chosen is Precision.INT8:
            return INT8_UNSIGNED if unsigned else INT8
        if chosen is Precision.HYBRID:
            return HYBRID
        if chosen is Precision.DYNAMIC:
            return DYNAMIC_UNSIGNED if unsigned else DYNAMIC
        return FLOAT

    def weight_bytes(self, node: ir.Node, work: Work) -> int:
        """Of the constants that the operator reads while it runs."""
        if node.op_type not in WEIGHTED and node.op_type not in RECURRENT:
            return 0
        chosen = self.plan.precision.get(str(node.name), Precision.FLOAT)
        unpacked = chosen is Precision.DYNAMIC and self.format == "tflite" and node.op_type == "Conv"
        whole = chosen is Precision.FLOAT or unpacked
        return work.weights * (FLOAT_BYTES if whole else 1)

    def _is_free(self, node: ir.Node) -> bool:
        """It only says how a tensor lies: TFLite's writer keeps pictures with their channels last."""
        if all(constant(value) for value in node.inputs) or self._is_bias(node):
            return True
        if self.format != "tflite" or node.op_type != "Transpose":
            return False
        order = tuple(node.attributes.get_ints("perm", ()))
        return order in ((0, 2, 3, 1), (0, 3, 1, 2))

    def _is_bias(self, node: ir.Node) -> bool:
        """The constant row that is added to a product: tables count it with that, as it mostly comes."""
        if node.op_type != "Add":
            return False
        for product, row in (node.inputs, node.inputs[::-1]):
            maker = None if product is None else product.producer()
            if maker is None or maker.op_type != "MatMul" or kind_of(maker) != "gemm" or not constant(row):
                continue
            alone = len(maker.outputs[0].uses()) == 1 and not maker.outputs[0].is_graph_output()
            if alone and size(row) == shape_of(product)[-1] and self._is_int8(maker) is self._is_int8(node):
                return True
        return False

    def _changed(self) -> Iterator[ir.Value]:
        """Values that are stored both as integers and as float numbers; those of the graph's ends included where the
        format has float there."""
        ends = self.format == "onnx"
        for value in self.model.graph.inputs:
            if ends and is_real(value) and any(self._is_int8(node) for node in value.consumers()):
                yield value
        for node in self.model.graph:
            made = self._is_int8(self.fused.get(str(node.name), node))
            for value in node.outputs:
                readers = {self._is_int8(self.fused.get(str(each.name), each)) for each in value.consumers()}
                if ends and value.is_graph_output():
                    readers.add(False)
                if is_real(value) and (not made) in readers:
                    yield node.inputs[0] or value if not made and self._is_lone_pool(node) else value

    def _is_int8(self, node: ir.Node) -> bool:
        return self.plan.is_int8(str(node.name))
