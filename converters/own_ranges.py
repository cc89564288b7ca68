"""Ranges that a quantized source brings along, where there is no calibration data."""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir

from edgemm.converters.evaluation import noise
from edgemm.converters.prepare import Prepared
from edgemm.errors import CalibrationError
from edgemm.quantize import Calibration, calibrate
from edgemm.quantize.cost import RECURRENT, WEIGHTED, macs
from edgemm.quantize.declared import prescribed
from edgemm.quantize.fusion import hosts, stored_output
from edgemm.quantize.legality import rule_of

LEAST = 0.9
"""Of all multiplications: a source of which the ranges are known for fewer is not static of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class OwnRanges:
    """What a quantized source knows of its activations."""

    calibration: Calibration
    """Ranges of the source; what it has none for has those of noise, and is only read by `unknown`."""
    unknown: frozenset[str]
    """Nodes that read or write a value without a range of the source: they stay float."""
    count: int
    """Ranges of the source."""


def own_ranges(prepared: Prepared) -> OwnRanges | None:
    """The source's ranges; None where they do not do for a static file.

    Those of grids of 16 bits do not count: whoever chose them wanted more than static 8 bits keep.
    """
    model = prepared.model
    told = {name: each for name, each in prescribed(model).items() if each.step}
    if not told:
        return None
    known = _known(model, set(told))
    layers = [node for node in model.graph if node.op_type in WEIGHTED or node.op_type in RECURRENT]
    inside = hosts(model)
    unknown = frozenset(
        str(node.name)
        for node in model.graph
        if str(node.name) not in inside and not all(name in known for name in _around(node))
    )
    whole = sum(macs(node) for node in layers)
    held = sum(macs(node) for node in layers if str(node.name) not in unknown)
    if not whole or held < LEAST * whole:
        return None
    try:
        measured = calibrate(model, noise(prepared).inputs)
    except CalibrationError:
        return None
    return OwnRanges(measured, unknown, len(told))


def _around(node: ir.Node) -> list[str]:
    """Names of the float values that a node computes on, and of the one that it leaves in memory."""
    values = [stored_output(node), *(value for value in node.inputs if value is not None)]
    return [
        str(value.name)
        for value in values
        if value.const_value is None and value.dtype in (None, ir.DataType.FLOAT)
    ]


def _known(model: ir.Model, told: set[str]) -> set[str]:
    """Names of the values with a range: the source's, one that the operator prescribes, or one of what it moves."""
    found = set(told)
    for node in model.graph:
        rule = rule_of(node)
        fed = [value for value in node.inputs if value is not None and value.const_value is None]
        moved = rule.moves and bool(fed) and all(str(value.name) in found for value in fed)
        if moved or rule.fixed is not None:
            found |= {str(value.name) for value in node.outputs}
    return found
