"""Turns quantized graphs into float ones; the clipping of their grids, and the grids themselves, are kept.

Read in the order it happens:
    runtime.py     operators on integers, as onnxruntime's quantizer writes them, become real ones between
                   DequantizeLinear and QuantizeLinear
    dynamic.py     layers that quantize their input while they run become real products
    moves.py       operators that only move integers move real numbers
    pairs.py       QuantizeLinear and DequantizeLinear go; the grid stands on the value, what it cuts off is a Clip
    reach.py       how far the values of a graph can go: where a grid provably cuts nothing off, there is no Clip
    joins.py       values of several grids that meet on one
    arithmetic.py  integers that are seen from outside are computed
    rounding.py    the float graph with the source's rounding put back: what a comparison with the source is held to
"""

from __future__ import annotations

import onnx_ir as ir

from edgemm.converters.passes.contract import QUANTIZED
from edgemm.converters.passes.contrib.blocks import rounds
from edgemm.converters.passes.quantized.arithmetic import compute_integers, compute_products
from edgemm.converters.passes.quantized.dynamic import read_dynamic_layers
from edgemm.converters.passes.quantized.joins import change_grids_at_joins
from edgemm.converters.passes.quantized.moves import lift_moves
from edgemm.converters.passes.quantized.pairs import RUNTIME, remove_pairs
from edgemm.converters.passes.quantized.rounding import rounded, rounding_error
from edgemm.converters.passes.quantized.runtime import OPERATORS, read_runtime_operators
from edgemm.quantize.declared import declared


def read_quantized(model: ir.Model) -> int:
    """Brings every operator of quantized graphs to float.

    Precondition: `read_runtime_operators` has run, constants are folded as far as they can be, shapes are static.

    Returns:
        How many nodes changed.
    """
    count = read_dynamic_layers(model) + compute_products(model)
    count += lift_moves(model) + remove_pairs(model)
    return count + compute_integers(model)


def is_quantized(model: ir.Model) -> bool:
    """True for a graph as it was read that rounds by itself: some of it computes on integer grids."""
    return any(
        (node.op_type in QUANTIZED and node.domain in ("", RUNTIME))
        or (node.domain, node.op_type) in OPERATORS
        or (node.domain == RUNTIME and rounds(node))
        for node in model.graph
    )


def declared_ranges(model: ir.Model) -> dict[str, tuple[float, float]]:
    """Value name -> the smallest and largest number that the source's grid for it had."""
    values = [*model.graph.inputs, *(value for node in model.graph for value in node.outputs)]
    told = ((str(value.name), declared(value)) for value in values)
    return {name: (found.low, found.high) for name, found in told if found is not None}


def grids_of_other_widths(model: ir.Model) -> int:
    """How many of the source's grids had more or fewer than 8 bits: these keep their ends, and not their steps."""
    values = [*model.graph.inputs, *(value for node in model.graph for value in node.outputs)]
    return sum((found := declared(value)) is not None and not found.step for value in values)


__all__ = [
    "change_grids_at_joins",
    "declared_ranges",
    "grids_of_other_widths",
    "is_quantized",
    "read_quantized",
    "read_runtime_operators",
    "rounded",
    "rounding_error",
]
