"""QuantizeLinear and DequantizeLinear of one grid: both go, what the grid cuts off stays.

A grid is more than rounding: it saturates. Quantizers drop a Relu or Clip in front of a grid that ends where it does,
so taking the pair away without a Clip in its place would take that Relu away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.quantized.reach import Reaches
from edgemm.converters.passes.rewrite import array_of, bypass, data_of
from edgemm.quantize.declared import KEY, declare
from edgemm.quantize.fusion import FUSED_BOUNDS, FUSES_ACTIVATION

RUNTIME = "com.microsoft"
ENDS = {
    ir.DataType.INT4: (-8, 7),
    ir.DataType.UINT4: (0, 15),
    ir.DataType.INT8: (-128, 127),
    ir.DataType.UINT8: (0, 255),
    ir.DataType.INT16: (-32768, 32767),
    ir.DataType.UINT16: (0, 65535),
}
"""Type of integers -> the smallest and the largest."""
MARGIN = 1.001
"""In steps: a value that passes the end of its grid by less loses less than two roundings do, and needs no Clip
(a sigmoid's 1.0 on a grid that ends at 255/256)."""


@dataclass(frozen=True, slots=True)
class Scale:
    """One scale and zero point for a whole tensor."""

    scale: float
    zero_point: int
    dtype: ir.DataType


def scale_of(node: ir.Node) -> Scale | None:
    """Of a QuantizeLinear or DequantizeLinear; None when it is computed, one by axis, or of an unknown type."""
    draft = Draft(node)
    scale, zero = array_of(draft.input(1)), array_of(draft.input(2)) if draft.has(2) else None
    if scale is None or scale.size != 1 or (draft.has(2) and (zero is None or zero.size != 1)):
        return None
    dtype = draft.input(2).dtype if draft.has(2) else _type_without_zero(node)
    step = float(scale.astype(np.float32).reshape(()))
    if dtype not in ENDS or not (np.isfinite(step) and step > 0):
        return None
    return Scale(step, 0 if zero is None else int(zero.astype(np.int64).reshape(())), dtype)


def _type_without_zero(node: ir.Node) -> ir.DataType | None:
    if node.op_type == "DequantizeLinear":
        return data_of(node).dtype
    named = node.attributes.get_int("output_dtype", 0)
    return ir.DataType(named) if named else ir.DataType.UINT8


def remove_pairs(model: ir.Model, domain: str = "") -> int:
    """Takes every QuantizeLinear away that only DequantizeLinears of the same grid read, and these with it.

    Precondition: constants are initializers, nodes are in order.

    Returns:
        How many went.
    """
    limits = Limits(Reaches())
    count = 0
    for node in tuple(model.graph):
        if node.domain == domain and node.op_type == "QuantizeLinear" and _remove(node, limits):
            count += 1
        elif node.graph is not None:
            limits.reaches.follow(node)
    return count


def _remove(node: ir.Node, limits: Limits) -> bool:
    output, grid = node.outputs[0], scale_of(node)
    readers = output.consumers()
    if output.is_graph_output() or not readers or grid is None:
        return False
    for reader in readers:
        if reader.op_type != "DequantizeLinear" or reader.inputs[0] is not output or scale_of(reader) != grid:
            return False
    value = limits.on_grid(node, grid)
    for reader in readers:
        if not bypass(reader, value):
            draft = Draft(reader)
            draft.becomes(draft.op("Identity", [value], _shape(value), value.dtype))
    node.graph.remove(node, safe=True)  # type: ignore[union-attr]
    return True


class Limits:
    """Values limited to what their grids hold, each once for each grid."""

    def __init__(self, reaches: Reaches) -> None:
        self.reaches = reaches
        self._made: dict[tuple[int, Scale], ir.Value] = {}

    def on_grid(self, node: ir.Node, grid: Scale) -> ir.Value:
        """What `node`, a QuantizeLinear, reads, limited to the grid, which is written on it."""
        source = data_of(node)
        key = (id(source), grid)
        if key not in self._made:
            self._made[key] = self._limited(Draft(node), source, grid)
        return self._made[key]

    def _limited(self, draft: Draft, source: ir.Value, grid: Scale) -> ir.Value:
        probe = ir.Value(name="grid")
        ends = declare(probe, grid.scale, grid.zero_point, ENDS[grid.dtype])
        reach, margin = self.reaches.of(source), MARGIN * grid.scale
        low = ends.low if reach[0] < ends.low - margin else -np.inf
        high = ends.high if reach[1] > ends.high + margin else np.inf
        limited = _clipped(draft, source, low, high)
        self.reaches.put(limited, (max(low, reach[0]), min(high, reach[1])))
        limited.metadata_props.setdefault(KEY, probe.metadata_props[KEY])
        return limited


def _clipped(draft: Draft, source: ir.Value, low: float, high: float) -> ir.Value:
    """With a Relu of its own where the lower limit is 0 and the layer in front computes that itself."""
    shape, maker = _shape(source), source.producer()
    fuses = (
        maker is not None and maker.op_type in FUSES_ACTIVATION and FUSED_BOUNDS.get((low, high)) != "RELU6"
    )
    if low == 0.0 and (fuses or np.isinf(high)):
        source, low = draft.op("Relu", [source], shape, source.dtype), -np.inf
    if np.isinf(low) and np.isinf(high):
        return source
    kind = source.dtype or ir.DataType.FLOAT
    limits = [None if np.isinf(each) else draft.constant(each, kind) for each in (low, high)]
    return draft.op("Clip", [source, *limits], shape, source.dtype)


def _shape(value: ir.Value) -> tuple[int, ...] | None:
    """None where it is not known yet."""
    return None if value.shape is None or not value.shape.is_static() else tuple(value.shape.numpy())
