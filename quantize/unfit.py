"""Why a node cannot be integer although its operator has a form: no grid holds what it reads or writes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx_ir as ir

from edgemm.quantize.calibration import Calibration
from edgemm.quantize.constants import constant_of, range_of
from edgemm.quantize.fusion import stored_output, stored_outputs
from edgemm.quantize.grid import Range
from edgemm.quantize.legality import Rule, activation_inputs, constant_inputs, operand
from edgemm.quantize.target import Target

REACHED = 1.05
"""Times the end of a prescribed grid: results beyond are not rounding any more."""


def why_float(
    node: ir.Node, rule: Rule, ranges: Mapping[str, Range], calibration: Calibration, target: Target
) -> str:
    """The first reason; "" when grids hold everything. An integer-only target takes what is merely coarse."""
    values = [str(value.name) for value in (*activation_inputs(node, rule), *stored_outputs(node))]
    reasons = [_why_not(name, ranges[name], calibration, target) for name in values]
    reasons += [_beyond_its_grid(node, rule, ranges, target)]
    for index in constant_inputs(node, rule):
        value = operand(node, index)
        if value is not None and node.op_type != "Clip":
            reasons.append(unfit(value, calibration.operands.get((str(node.name), index))))
    return next((each for each in reasons if each), "")


def _why_not(name: str, values: Range, calibration: Calibration, target: Target) -> str:
    if name in calibration.not_finite:
        return f"{name} is not finite"
    if name in calibration.coarse and not target.integer_only:
        return f"{name}: {calibration.coarse[name]}"
    return "" if values.fits else f"no grid holds {name}: {values.low:.4g}..{values.high:.4g}"


def _beyond_its_grid(node: ir.Node, rule: Rule, ranges: Mapping[str, Range], target: Target) -> str:
    if rule.fixed is None or target.integer_only:
        return ""
    output = ranges[str(stored_output(node).name)]
    if max(-output.low, output.high) <= REACHED * rule.fixed.reach:
        return ""
    return f"its results are {output.low:.4g}..{output.high:.4g}, and its prescribed grid ends before"


def unfit(value: ir.Value, sight: Range | None = None) -> str:
    """Why no grid can hold a constant; "" when one can."""
    array = constant_of(value)
    if np.isnan(array).any():
        return f"constant {value.name} holds NaN"
    found = range_of(value, sight)
    if not (np.isfinite(found.low) and np.isfinite(found.high)):
        return f"constant {value.name} is infinite"
    return "" if found.fits else f"constant {value.name} reaches {max(-found.low, found.high):.3g}"
