"""`predict`: the time of a plan, node by node, before anything is written."""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir

from edgemm.choices import choice
from edgemm.costs.point import DYNAMIC, DYNAMIC_UNSIGNED, FLOAT, HYBRID, INT8, INT8_UNSIGNED, Work
from edgemm.costs.table import FORMATS, CostTable
from edgemm.errors import InputError
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
from edgemm.quantize.costs.kinds import PICTURE, kind_of, work_of
from edgemm.quantize.costs.outline import Operator, Outline, Pool, Tensor, outline
from edgemm.quantize.costs.partitions import count_partitions
from edgemm.quantize.plan import Plan, Precision

NOTHING = Curve((0.0,) * PARTS)


def predict(
    model: ir.Model, plan: Plan, format_: str, table: CostTable, known: Outline | None = None
) -> Cost:
    """What one inference of a plan will take, one thread.

    Args:
        model: canonical, with static shapes, for this format.
        plan: of this graph.
        format_: "tflite" or "onnx".
        table: of the machine.
        known: of this graph as it is now, for this format, where many plans of it are compared.

    Raises:
        InputError: the table has no times for that format.
    """
    curves = _curves(table, format_)
    return _Prediction(known or outline(model, format_), plan, curves).cost()


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
    known: Outline
    plan: Plan
    curves: Curves

    def cost(self) -> Cost:
        unknown = set()
        nodes: dict[str, float] = {}
        delegated: dict[str, bool] = {}
        weights = [self.weight_bytes(each) for each in self.known.operators]
        far = self.curves.distance_us(sum(weights))
        for each, bytes_ in zip(self.known.operators, weights, strict=True):
            curve = NOTHING
            if not each.is_free and not self._is_bias(each):
                found = self._curve(each)
                if found is None:
                    unknown.add(each.kind)
                curve = found or self.curves.find(PLAIN, FLOAT) or NOTHING
            nodes[each.name] = curve.us(each.work) + far * bytes_
            delegated[each.name] = curve.delegated
        changes = sum(
            _change_us(self.curves, self._elements(each))
            for each in self.known.tensors
            if self._is_changed(each)
        )
        partitions, between = 0, 0.0
        if self.known.format == "tflite":
            partitions = count_partitions(self.known.graph, delegated)
            between = max(partitions - 1, 0) * _partition_us(self.curves)
        total = sum(nodes.values()) + changes + between
        return Cost(total, nodes, changes, partitions, between, tuple(sorted(unknown)))

    def _curve(self, operator: Operator) -> Curve | None:
        kind, precision = operator.kind, self.precision(operator.name)
        if self._is_lone(operator.pool):
            return self.curves.find(kind, INT8)
        special = self.curves.find(f"{PICTURE}{kind}", precision) if operator.is_picture else None
        return special or self.curves.find(kind, precision)

    def _is_lone(self, pool: Pool | None) -> bool:
        """An integer pool behind a float operator. A float one becomes that where its output is made integers of: ONNX
        Runtime does so in front of the pool."""
        if pool is None or (pool.maker is not None and self._is_int8(pool.maker)):
            return False
        read = [self._is_int8(each) for each in pool.readers]
        return self._is_int8(pool.name) or (bool(read) and all(read) and not pool.is_output)

    def precision(self, name: str) -> str:
        """How the table calls it."""
        chosen = self.plan.precision.get(name, Precision.FLOAT)
        unsigned = self.known.format == "onnx" and self.plan.target.weight_dtype == "uint8"
        if chosen is Precision.INT8:
            return INT8_UNSIGNED if unsigned else INT8
        if chosen is Precision.HYBRID:
            return HYBRID
        if chosen is Precision.DYNAMIC:
            return DYNAMIC_UNSIGNED if unsigned else DYNAMIC
        return FLOAT

    def weight_bytes(self, operator: Operator) -> int:
        """Of the constants that the operator reads while it runs."""
        if not operator.holds_weights:
            return 0
        chosen = self.plan.precision.get(operator.name, Precision.FLOAT)
        unpacked = chosen is Precision.DYNAMIC and self.known.format == "tflite" and operator.is_conv
        whole = chosen is Precision.FLOAT or unpacked
        return operator.work.weights * (FLOAT_BYTES if whole else 1)

    def _is_bias(self, operator: Operator) -> bool:
        return any(self._is_int8(each) is self._is_int8(operator.name) for each in operator.products)

    def _is_changed(self, tensor: Tensor) -> bool:
        """It is stored both as integers and as float numbers."""
        made = tensor.maker is not None and self._is_int8(tensor.maker)
        if tensor.is_end and made:
            return True
        return any(self._is_int8(each) is not made for each in tensor.readers)

    def _elements(self, tensor: Tensor) -> int:
        """That are changed: those in front of a pool, where the change goes there."""
        pool = tensor.pool
        moved = pool is not None and not self._is_int8(pool.name) and self._is_lone(pool)
        return pool.elements if pool is not None and moved else tensor.elements

    def _is_int8(self, name: str) -> bool:
        return self.plan.is_int8(name)
