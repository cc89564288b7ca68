"""Functions of one number in those that TFLite has."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.rewrite import constant, graph_of, insert_before, shape_of, take_place
from edgemm.quantize import declared


class Formula:
    """Nodes in front of one node, each of its shape."""

    def __init__(self, node: ir.Node) -> None:
        source = node.inputs[0]
        if source is None:
            raise ValueError(f"node {node.name!r} has no input")
        self.node = node
        self.x = source
        self.shape = shape_of(node.outputs[0])
        self._count = 0

    def number(self, value: float) -> ir.Value:
        """A constant."""
        self._count += 1
        return constant(graph_of(self.node), f"{self.node.name}_n{self._count}", np.array(value, np.float32))

    def __call__(self, op_type: str, *inputs: ir.Value | float) -> ir.Value:
        """A new node."""
        self._count += 1
        values = [each if isinstance(each, ir.Value) else self.number(each) for each in inputs]
        kind = ir.DataType.BOOL if op_type in ("Equal", "Greater", "Less", "Not") else ir.DataType.FLOAT
        return insert_before(
            self.node, op_type, values, suffix=f"f{self._count}", shape=self.shape, dtype=kind
        )

    def attribute(self, name: str, default: float) -> float:
        """A number of the node."""
        return float(self.node.attributes.get_float(name, default))


def _softplus(f: Formula) -> ir.Value:
    """max(x, 0) + log(1 + exp(-|x|)): no overflow."""
    tail = f("Log", f("Add", f("Exp", f("Neg", f("Abs", f.x))), 1.0))
    return f("Add", f("Relu", f.x), tail)


def _elu(f: Formula) -> ir.Value:
    """max(x, 0) + alpha (exp(min(x, 0)) - 1)."""
    below = f("Sub", f("Exp", f("Min", f.x, 0.0)), 1.0)
    return f("Add", f("Relu", f.x), f("Mul", below, f.attribute("alpha", 1.0)))


def _celu(f: Formula) -> ir.Value:
    alpha = f.attribute("alpha", 1.0)
    below = f("Sub", f("Exp", f("Mul", f("Min", f.x, 0.0), 1.0 / alpha)), 1.0)
    return f("Add", f("Relu", f.x), f("Mul", below, alpha))


def _selu(f: Formula) -> ir.Value:
    alpha, gamma = f.attribute("alpha", 1.6732632), f.attribute("gamma", 1.0507010)
    below = f("Mul", f("Sub", f("Exp", f("Min", f.x, 0.0)), 1.0), alpha)
    return f("Mul", f("Add", f("Relu", f.x), below), gamma)


def _hard_sigmoid(f: Formula) -> ir.Value:
    """A line from 0 to 6, whose limits TFLite's ADD has, and a sixth of it."""
    steep, start = 6.0 * f.attribute("alpha", 0.2), 6.0 * f.attribute("beta", 0.5)
    line = f.x if abs(steep - 1.0) < 1e-6 else f("Mul", f.x, steep)
    limited = f("Clip", f("Add", line, start), 0.0, 6.0)
    return f("Mul", limited, 1.0 / 6.0)


def _thresholded(f: Formula) -> ir.Value:
    return f("Where", f("Greater", f.x, f.attribute("alpha", 1.0)), f.x, 0.0)


def _shrink(f: Formula) -> ir.Value:
    limit, bias = f.attribute("lambd", 0.5), f.attribute("bias", 0.0)
    above = f("Where", f("Greater", f.x, limit), f("Sub", f.x, bias), 0.0)
    return f("Where", f("Less", f.x, -limit), f("Add", f.x, bias), above)


def _sinh(f: Formula) -> ir.Value:
    return f("Mul", f("Sub", f("Exp", f.x), f("Exp", f("Neg", f.x))), 0.5)


def _cosh(f: Formula) -> ir.Value:
    return f("Mul", f("Add", f("Exp", f.x), f("Exp", f("Neg", f.x))), 0.5)


def _asinh(f: Formula) -> ir.Value:
    """sign(x) log(|x| + sqrt(x^2 + 1))."""
    size = f("Abs", f.x)
    whole = f("Log", f("Add", size, f("Sqrt", f("Add", f("Mul", f.x, f.x), 1.0))))
    return f("Where", f("Less", f.x, 0.0), f("Neg", whole), whole)


def _acosh(f: Formula) -> ir.Value:
    return f("Log", f("Add", f.x, f("Sqrt", f("Sub", f("Mul", f.x, f.x), 1.0))))


def _atanh(f: Formula) -> ir.Value:
    return f("Mul", f("Log", f("Div", f("Add", f.x, 1.0), f("Sub", 1.0, f.x))), 0.5)


def _asin(f: Formula) -> ir.Value:
    """atan(x / sqrt((1 - x) (1 + x))), whose limits at -1 and 1 are right too."""
    below = f("Sqrt", f("Mul", f("Sub", 1.0, f.x), f("Add", 1.0, f.x)))
    return f("Atan", f("Div", f.x, below))


def _is_inf(f: Formula) -> ir.Value:
    """Which of the two infinities count is for the attributes to say."""
    attributes = f.node.attributes
    both = attributes.get_int("detect_positive", 1) == 1, attributes.get_int("detect_negative", 1) == 1
    if both == (True, True):
        return f("Equal", f("Abs", f.x), np.inf)
    return f("Equal", f.x, np.inf if both[0] else -np.inf if both[1] else np.nan)


FORMULAS: dict[str, Callable[[Formula], ir.Value]] = {
    "Acos": lambda f: f("Sub", np.pi / 2, _asin(f)),
    "Acosh": _acosh,
    "Asin": _asin,
    "Asinh": _asinh,
    "Atanh": _atanh,
    "Celu": _celu,
    "Cosh": _cosh,
    "Elu": _elu,
    "HardSigmoid": _hard_sigmoid,
    "IsInf": _is_inf,
    "IsNaN": lambda f: f("Not", f("Equal", f.x, f.x)),
    "Mish": lambda f: f("Mul", f.x, f("Tanh", _softplus(f))),
    "Reciprocal": lambda f: f("Div", 1.0, f.x),
    "Selu": _selu,
    "Shrink": _shrink,
    "Sinh": _sinh,
    "Softplus": _softplus,
    "Softsign": lambda f: f("Div", f.x, f("Add", f("Abs", f.x), 1.0)),
    "Tan": lambda f: f("Div", f("Sin", f.x), f("Cos", f.x)),
    "ThresholdedRelu": _thresholded,
}
"""ONNX operator -> its formula."""


def expand_log_sigmoid(node: ir.Node) -> bool:
    """Log of a Sigmoid: min(x, 0) - log(1 + exp(-|x|)), which stays finite where the sigmoid is 0."""
    scores = node.inputs[0]
    sigmoid = scores.producer() if scores is not None else None
    if scores is None or sigmoid is None or sigmoid.op_type != "Sigmoid" or sigmoid.domain != "":
        return False
    if sigmoid.inputs[0] is None or declared.KEY in scores.metadata_props:
        return False
    formula, x = Formula(node), sigmoid.inputs[0]
    tail = formula("Log", formula("Add", formula("Exp", formula("Neg", formula("Abs", x))), 1.0))
    take_place(node, formula("Sub", formula("Min", x, 0.0), tail))
    return True


def expand_formula(node: ir.Node) -> bool:
    """Writes out an operator of FORMULAS, of real numbers."""
    if node.inputs[0] is None or node.inputs[0].dtype != ir.DataType.FLOAT:
        return False
    if node.op_type == "Elu" and node.attributes.get_float("alpha", 1.0) == 1.0:
        return False  # TFLite's own
    take_place(node, FORMULAS[node.op_type](Formula(node)))
    return True
