"""Element by element: arithmetic, functions, comparisons, choices."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from edgemm.quantize.aware.operators.call import Call, type_of


def _unary(function: Callable[[Tensor], Tensor]) -> Callable[[Call], Tensor]:
    return lambda call: function(call[0])


def _binary(function: Callable[[Any, Any], Tensor]) -> Callable[[Call], Tensor]:
    return lambda call: function(call[0], call[1])


def _fold(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Call], Tensor]:
    return lambda call: reduce(function, [each for each in call.operands if each is not None])


def _clip(call: Call) -> Tensor:
    found = call[0]
    if call.has(1):
        found = torch.maximum(found, call[1])
    return torch.minimum(found, call[2]) if call.has(2) else found


def _divide(call: Call) -> Tensor:
    if call[0].is_floating_point():
        return call[0] / call[1]
    return torch.div(call[0], call[1], rounding_mode="trunc")


def _cast(call: Call) -> Tensor:
    kind = type_of(call.integer("to", 1))
    return call[0].to(torch.from_numpy(np.zeros(1, kind)).dtype)


def _prelu(call: Call) -> Tensor:
    return torch.where(call[0] >= 0, call[0], call[0] * call[1])


def _gelu(call: Call) -> Tensor:
    return functional.gelu(call[0], approximate=call.text("approximate", "none"))


def _round(call: Call) -> Tensor:
    return call[0] + (torch.round(call[0]) - call[0]).detach()


def _hard_sigmoid(call: Call) -> Tensor:
    return torch.clamp(call[0] * call.number("alpha", 0.2) + call.number("beta", 0.5), 0.0, 1.0)


ARITHMETIC: dict[str, Callable[[Call], Tensor]] = {
    "Abs": _unary(torch.abs),
    "Add": _binary(torch.add),
    "And": _binary(torch.logical_and),
    "Cast": _cast,
    "Ceil": _unary(torch.ceil),
    "Clip": _clip,
    "Cos": _unary(torch.cos),
    "Div": _divide,
    "Elu": lambda call: functional.elu(call[0], call.number("alpha", 1.0)),
    "Equal": _binary(torch.eq),
    "Erf": _unary(torch.erf),
    "Exp": _unary(torch.exp),
    "FastGelu": lambda call: functional.gelu(call[0], approximate="tanh"),
    "Floor": _unary(torch.floor),
    "Gelu": _gelu,
    "Greater": _binary(torch.gt),
    "GreaterOrEqual": _binary(torch.ge),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": lambda call: call[0] * torch.clamp(call[0] / 6.0 + 0.5, 0.0, 1.0),
    "LeakyRelu": lambda call: functional.leaky_relu(call[0], call.number("alpha", 0.01)),
    "Less": _binary(torch.lt),
    "LessOrEqual": _binary(torch.le),
    "Log": _unary(torch.log),
    "MatMul": _binary(torch.matmul),
    "Max": _fold(torch.maximum),
    "Min": _fold(torch.minimum),
    "Mul": _binary(torch.mul),
    "Neg": _unary(torch.neg),
    "Not": _unary(torch.logical_not),
    "Or": _binary(torch.logical_or),
    "PRelu": _prelu,
    "Pow": lambda call: torch.pow(call[0], call[1].to(call[0].dtype)),
    "Reciprocal": _unary(torch.reciprocal),
    "Relu": _unary(torch.relu),
    "Round": _round,
    "Sigmoid": _unary(torch.sigmoid),
    "Sign": _unary(torch.sign),
    "Sin": _unary(torch.sin),
    "Softplus": _unary(functional.softplus),
    "Softsign": _unary(functional.softsign),
    "Sqrt": _unary(torch.sqrt),
    "Sub": _binary(torch.sub),
    "Sum": _fold(torch.add),
    "Tan": _unary(torch.tan),
    "Tanh": _unary(torch.tanh),
    "Where": lambda call: torch.where(call[0], call[1], call[2]),
}
"""ONNX operator -> its result."""
