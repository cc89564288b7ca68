"""Grids (scales and zero points) of a quantized source, kept in the metadata of the values.

A grid stands in the metadata of its value, so no rewrite that keeps a value, copies a graph or puts one value in
another's place can lose it. What a grid cuts off is a Clip in the graph: where that Clip's limits are the ends of
the grid of its output, integers saturate at them by themselves, and the Clip costs nothing.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.quantize.fusion import bounds
from edgemm.quantize.grid import Grid, Range

KEY = "edgemm.grid"
"""In a value's metadata: "scale zero_point smallest_integer largest_integer", the scale as float.hex writes it."""

STEPS = 255
"""Of an 8-bit grid; one of more or fewer bits gives its ends, not its steps."""

FOLLOWS = frozenset(
    {
        "Relu",
        "Clip",
        "MaxPool",
        "GlobalMaxPool",
        "ReduceMax",
        "ReduceMin",
        "Reshape",
        "Transpose",
        "Squeeze",
        "Unsqueeze",
        "Flatten",
        "Slice",
        "DepthToSpace",
        "SpaceToDepth",
        "Tile",
        "Expand",
    }
)
"""f(limited(x)) = limited(f(x)) for limits around zero: these pick or move what is in their first input."""


def declare(value: ir.Value, scale: float, zero_point: int, ends: tuple[int, int]) -> Range:
    """Writes a grid on a value.

    Args:
        ends: the smallest and the largest integer of its type.

    Returns:
        Its ends in real numbers.
    """
    value.metadata_props[KEY] = f"{float(scale).hex()} {zero_point} {ends[0]} {ends[1]}"
    return _range(scale, zero_point, ends)


def declared(value: ir.Value) -> Range | None:
    """The ends, and the step where it has 8 bits, of the grid that is written on a value; None without one."""
    text = value.metadata_props.get(KEY, "")
    try:
        scale, zero_point, low, high = text.split()
        found = _range(float.fromhex(scale), int(zero_point), (int(low), int(high)))
    except (ValueError, OverflowError):
        return None
    usable = np.isfinite([found.low, found.high]).all() and found.low <= 0.0 <= found.high and found.width > 0
    return found if usable else None


def _range(scale: float, zero_point: int, ends: tuple[int, int]) -> Range:
    """As float32 holds them: these are the numbers that a runtime makes of the first and the last integer."""
    low, high = (float(np.float32((end - zero_point) * float(scale))) for end in ends)
    return Range(low, high, float(scale) if ends[1] - ends[0] == STEPS else 0.0)


def move(old: ir.Value, new: ir.Value) -> None:
    """`new` stands where `old` stood: it takes over its grid, unless it has one."""
    text = old.metadata_props.pop(KEY, None)
    if text is not None and old is not new:
        new.metadata_props.setdefault(KEY, text)


def copy(old: ir.Value, new: ir.Value) -> None:
    """`new` holds numbers of `old`: it is on its grid as well."""
    if KEY in old.metadata_props:
        new.metadata_props[KEY] = old.metadata_props[KEY]


def saturates(node: ir.Node) -> bool:
    """A Clip to the ends of the grid that is prescribed for its output; a side that nothing passes may be open."""
    told = declared(node.outputs[0]) if node.op_type == "Clip" and node.domain == "" else None
    limits = bounds(node) if told is not None else None
    if told is None or limits is None:
        return False
    return limits[0] in (-np.inf, told.low) and limits[1] in (np.inf, told.high)


def cuts(grid: Grid | None, limits: tuple[float, float]) -> bool:
    """True when numbers on the grid end where the limits are, to half a step; an infinite limit asks for nothing."""
    if grid is None:
        return False
    ends = ((-128 - grid.zero_point) * grid.scalar, (127 - grid.zero_point) * grid.scalar)
    pairs = zip(ends, limits, strict=True)
    return all(np.isinf(limit) or abs(end - limit) <= grid.scalar / 2 for end, limit in pairs)


def prescribed(model: ir.Model) -> dict[str, Range]:
    """Value name -> the range to store it in, for every value with a grid, and for those of which nothing is seen
    but what a saturating Clip behind them leaves."""
    values = [*model.graph.inputs, *(value for node in model.graph for value in node.outputs)]
    told = {str(value.name): found for value in values if (found := declared(value)) is not None}
    limited: dict[str, Range] = {}
    for node in reversed(list(model.graph)):
        name = str(node.outputs[0].name)
        if saturates(node):
            ends: Range | None = told[name]
        else:
            ends = limited.get(name) if node.op_type in FOLLOWS and node.domain == "" else None
        source = node.inputs[0] if node.inputs else None
        if ends is not None and source is not None and _is_sole_reader(source, node):
            limited[str(source.name)] = ends
    return limited | told


def _is_sole_reader(value: ir.Value, node: ir.Node) -> bool:
    uses = list(value.uses())
    return (
        not value.is_graph_output() and value.const_value is None and len(uses) == 1 and uses[0].node is node
    )
