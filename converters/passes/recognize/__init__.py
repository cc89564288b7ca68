"""Functions that exporters write out in many operators become one operator each.

    x * 0.5 * (1 + erf(x / sqrt 2)) and its like    Gelu, FastGelu (edgemm.quantize.functions)
    x * clip(x + 3, 0, 6) / 6, clip(...) / 6         HardSwish, HardSigmoid
    1 / (1 + e^-x), log(1 + e^x)                     Sigmoid, Softplus
    (x - mean) / sqrt(variance + epsilon) ...        LayerNormalization
    x / sqrt(mean(x^2) + epsilon)                    Pow, ReduceMean, Add, Sqrt, Div: as ONNX Runtime fuses it
    x / max(|x|, limit)                             LpNormalization, and its limit (edgemm.quantize.functions)

polynomial.py      what a value is in powers of two others: all orders of factors and addends are one
activations.py     functions of one number
exponentials.py    Sigmoid and Softplus
norms.py           normalizations
place.py           what lies inside a match, and that nobody else reads it

A function is recognized only where the result is the same to float32's rounding; what is only near it stays.
"""

from __future__ import annotations

import onnx_ir as ir

from edgemm.converters.passes.dead_code import remove_dead_code
from edgemm.converters.passes.recognize.activations import recognize_activation
from edgemm.converters.passes.recognize.exponentials import recognize_sigmoid, recognize_softplus
from edgemm.converters.passes.recognize.norms import recognize_l2_norm, recognize_norm
from edgemm.converters.passes.rewrite import nodes_of
from edgemm.quantize.functions import DOMAIN, is_function

SEARCHES = (
    (("Div", "Reciprocal"), recognize_sigmoid),
    (("Log", "Where"), recognize_softplus),
    (("Erf", "Tanh", "Sigmoid", "Clip", "Min", "HardSigmoid"), recognize_activation),
    (("Sqrt", "Pow"), recognize_norm),
    (("Div",), recognize_l2_norm),
)
"""Operators to begin at, and the search from there, in order: the later ones find what the earlier ones made."""


def recognize_functions(model: ir.Model) -> int:
    """Replaces written-out functions by operators.

    Precondition: opset 17, float32, constants are folded, shapes are static.

    Returns:
        How many were recognized.
    """
    count = 0
    for op_types, search in SEARCHES:
        found = sum(search(node) for node in nodes_of(model, *op_types))
        if found:
            remove_dead_code(model)
        count += found
    if any(map(is_function, model.graph)):
        model.opset_imports.setdefault(DOMAIN, 1)
    return count
