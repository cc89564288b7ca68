"""What plans of one format take on one machine: the table of costs, as planners ask it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import prod

import onnx_ir as ir

from edgemm.costs import CostTable
from edgemm.quantize.costs import Cost, Outline, change_us, lone_pool_us, outline, predict
from edgemm.quantize.plan import Plan


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """Predicted times of plans, in microseconds."""

    format: str
    """"tflite" or "onnx"."""
    table: CostTable
    known: Outline | None = field(default=None, kw_only=True)
    """Of the one graph that many plans are compared of."""

    def of(self, model: ir.Model) -> Prices:
        """The same prices for plans of that graph, which must stay as it is: what they have in common is worked out
        once."""
        return self if self._knows(model) else replace(self, known=outline(model, self.format))

    def _knows(self, model: ir.Model) -> bool:
        return self.known is not None and self.known.graph is model.graph

    @property
    def hybrid(self) -> bool:
        """True for the format whose runtime has convolutions that quantize what they read while running: integer
        convolutions of ONNX without scales of their own are slower than float ones."""
        return self.format == "tflite"

    @property
    def pools_follow(self) -> bool:
        """True where integer pools are fast only behind integer convolutions, in whose layout they compute."""
        return self.format == "onnx"

    @property
    def float_ends(self) -> bool:
        """True where inputs and outputs are float; those of integer operators in a `.tflite` are integers."""
        return self.format == "onnx"

    def cost(self, model: ir.Model, plan: Plan) -> Cost:
        """All that is predicted of a plan."""
        known = self.known if self._knows(model) else None
        return predict(model, plan, self.format, self.table, known)

    def nodes(self, model: ir.Model, plan: Plan) -> Mapping[str, float]:
        """Node name -> its time."""
        return self.cost(model, plan).nodes

    def total(self, model: ir.Model, plan: Plan) -> float:
        """Of the whole."""
        return self.cost(model, plan).total_us

    def lone_pool(self, pool: ir.Node) -> float:
        """What an integer pool takes more where what is before it is float."""
        return lone_pool_us(pool, self.format, self.table)

    def changes(self, value: ir.Value) -> tuple[float, float]:
        """What it takes to make integers of a value, and float numbers of its integers."""
        static = value.shape is not None and value.shape.is_static()
        elements = prod(value.shape.numpy()) if static and value.shape is not None else 0
        return change_us(elements, self.format, self.table)
