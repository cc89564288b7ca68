"""Ranges that nobody measured: good enough to predict what an integer plan takes, and not to write one."""

from __future__ import annotations

import onnx_ir as ir

from edgemm.quantize.calibration import Calibration, float_values
from edgemm.quantize.declared import prescribed
from edgemm.quantize.grid import Range
from edgemm.quantize.legality import Form, activation_inputs, rule_of

USUAL = Range(-1.0, 1.0)
"""Of a value of which nothing is known."""


def nominal(model: ir.Model) -> Calibration:
    """A range for every value: what its operator prescribes, that of the value which the operator moves or picks from,
    or -1..1. So the same operators can be integer as on measured ranges, but for those whose values fit no grid."""
    ranges = {str(value.name): USUAL for value in float_values(model)}
    for node in model.graph:
        rule = rule_of(node)
        if rule.fixed is not None:
            low = (-128 - rule.fixed.zero_point) * rule.fixed.scale
            found = Range(low, low + 255 * rule.fixed.scale)
        elif rule.form is Form.SAME:
            moved = [ranges.get(str(value.name), USUAL) for value in activation_inputs(node, rule)]
            found = moved[0] if len(set(moved)) == 1 else USUAL
        else:
            continue
        ranges |= {str(value.name): found for value in node.outputs if str(value.name) in ranges}
    return Calibration(ranges | {name: each for name, each in prescribed(model).items() if name in ranges}, 0)
