"""Erf in exponentials and a polynomial.

Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26: the error is below 1.5e-7.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.rewrite import constant, graph_of, insert_before, shape_of, take_place

P = 0.3275911
COEFFICIENTS = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)
"""Of t^5 to t."""
STEEP = 1e30
"""Times this, every number but the tiniest is beyond -1 or 1: its sign."""


def expand_erf(node: ir.Node) -> bool:
    """sign(x) (1 - (a1 t + ... + a5 t^5) exp(-x^2)) with t = 1 / (1 + p |x|)."""
    source = node.inputs[0]
    if source is None:
        return False
    shape, graph = shape_of(source), graph_of(node)

    def number(value: float, suffix: str) -> ir.Value:
        return constant(graph, f"{node.name}_{suffix}", np.array(value, np.float32))

    def make(op_type: str, *inputs: ir.Value, suffix: str) -> ir.Value:
        return insert_before(node, op_type, inputs, suffix=suffix, shape=shape)

    one = number(1.0, "one")
    size = make("Abs", source, suffix="size")
    t = make("Mul", size, number(P, "p"), suffix="p_size")
    t = make("Div", one, make("Add", t, one, suffix="below"), suffix="t")
    total = number(COEFFICIENTS[0], "a0")
    for index, coefficient in enumerate(COEFFICIENTS[1:]):
        total = make("Mul", total, t, suffix=f"times{index}")
        total = make("Add", total, number(coefficient, f"a{index + 1}"), suffix=f"plus{index}")
    total = make("Mul", total, t, suffix="polynomial")
    fall = make("Exp", make("Neg", make("Mul", size, size, suffix="square"), suffix="minus"), suffix="fall")
    distance = make("Sub", one, make("Mul", total, fall, suffix="tail"), suffix="distance")
    steep = make("Mul", source, number(STEEP, "steep"), suffix="steepened")
    sign = make("Clip", steep, number(-1.0, "low"), one, suffix="sign")
    take_place(node, make("Mul", sign, distance, suffix="signed"))
    return True
