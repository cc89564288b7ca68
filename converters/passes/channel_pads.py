"""Channels of zeros that a Pad appends are computed as such by what is before it, so that the Pad goes.

A residual branch with fewer channels than the sum that it goes into is padded (BlazeFace, Bazarevsky et al. 2019;
shortcut A of ResNet, He et al. 2015). A Pad moves every number. A convolution with filters of zeros, and what is
behind it up to the Pad, compute the same zeros in lanes that are often idle.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.rewrite import (
    array_of,
    bypass,
    constant,
    data_of,
    graph_of,
    input_of,
    nodes_of,
    shape_of,
)
from edgemm.quantize.declared import declared

LANES = 16
"""Channels that the kernels of runtimes compute together: XNNPACK's of int8 on AVX-512 and NEON, and wider."""
_WORTH = 40
"""Multiplications of int8 that take as long as a Pad takes for one number (XNNPACK, AVX-512 with VNNI)."""
_SAME = ("Relu", "LeakyRelu", "HardSwish", "MaxPool", "AveragePool", "Clip")
"""Each channel by itself, and zeros stay zeros."""


def widen_channels(model: ir.Model) -> int:
    """A Pad that appends zeros to the channels goes where what computes its input can do so in idle lanes.

    No tensor gets more vectors of `LANES` channels than it had; only convolutions that read the wider tensors have more
    to multiply, in less time than the Pad takes.

    Precondition: canonical, in NCHW; a form that is to compute in integers.

    Returns:
        How many Pads went.
    """
    count = 0
    for node in nodes_of(model, "Pad"):
        added = _appended(node)
        group = _Group(added, node) if added else None
        if group is not None and group.closed() and group.fits_lanes() and group.pays():
            count += group.widen()
    return count


def _appended(node: ir.Node) -> int:
    """Channels of zeros behind the others; 0 where the Pad does anything else."""
    pads, fill = array_of(input_of(node, 1)), array_of(input_of(node, 2))
    value = data_of(node)
    if pads is None or node.attributes.get_string("mode", "constant") != "constant" or len(pads) != 8:
        return 0
    if (fill is not None and fill != 0) or input_of(node, 3) is not None or value.dtype != ir.DataType.FLOAT:
        return 0
    added = int(pads[5])
    return added if added > 0 and np.count_nonzero(pads) == 1 else 0


@dataclass
class _Group:
    """The tensors that must have the added channels where one of them has, and the nodes around them."""

    added: int
    pad: ir.Node
    tensors: list[ir.Value] = field(default_factory=list)
    inside: dict[ir.Node, None] = field(default_factory=dict)
    """Keep the channels as they are."""
    made_by: dict[ir.Node, None] = field(default_factory=dict)
    """Convolutions and other Pads whose output is wider."""
    read_by: dict[ir.Node, None] = field(default_factory=dict)
    """Convolutions and other Pads whose input is wider."""

    def closed(self) -> bool:
        """Finds the group; False where something in it cannot have channels of zeros."""
        open_, seen = [data_of(self.pad)], {data_of(self.pad)}
        while open_:
            value = open_.pop()
            self.tensors.append(value)
            found = self._around(value)
            if found is None:
                return False
            for each in found:
                if each not in seen:
                    seen.add(each)
                    open_.append(each)
        return True

    def _around(self, value: ir.Value) -> list[ir.Value] | None:
        """The tensors that are in the group since `value` is; None where it cannot be wider."""
        made = value.producer()
        if made is None or value.is_graph_output():
            return None
        more: list[ir.Value] = []
        for node in (made, *value.consumers()):
            kind = _kind(node, value)
            if node is self.pad and node is not made:
                continue
            if kind == "inside":
                self.inside[node] = None
                more += [each for each in node.inputs if each is not None and each.const_value is None]
                more += node.outputs
            elif kind == "end" and node is made:
                self.made_by[node] = None
            elif kind == "end" and (node.op_type == "Conv" or _appended(node) >= self.added):
                self.read_by[node] = None
            else:
                return None
        return more

    def fits_lanes(self) -> bool:
        """Whether no tensor gets more vectors."""
        counts = {shape_of(value)[1] for value in self.tensors}
        return all(math.ceil(count / LANES) == math.ceil((count + self.added) / LANES) for count in counts)

    def pays(self) -> bool:
        """Whether the convolutions behind take less time for the zeros than the Pad does."""
        more = 0
        for node in self.read_by:
            if node.op_type == "Conv":
                taps = math.prod(shape_of(data_of(node, 1))[2:])
                more += self.added * taps * math.prod(shape_of(node.outputs[0])[1:])
        return more <= _WORTH * math.prod(shape_of(self.pad.outputs[0])[1:])

    def widen(self) -> bool:
        """Does it."""
        if not bypass(self.pad, data_of(self.pad)):
            return False
        for node in self.inside:
            if node.op_type == "Conv":
                node.attributes.add(ir.AttrInt64("group", node.attributes["group"].as_int() + self.added))
                self._longer(node, (1, 2), 0)
        for node in self.made_by:
            if node.op_type == "Pad":
                self._other_pad(node, self.added)
            else:
                self._longer(node, (1, 2), 0)
        for node in self.read_by:
            if node.op_type == "Pad":
                self._other_pad(node, -self.added)
            else:
                self._longer(node, (1,), 1)
        for value in self.tensors:
            shape = list(shape_of(value))
            shape[1] += self.added
            value.shape = ir.Shape(shape)
        return True

    def _longer(self, node: ir.Node, places: Sequence[int], axis: int) -> None:
        """Zeros behind the constants of a convolution."""
        for place in places:
            value = input_of(node, place)
            array = array_of(value)
            if value is None or array is None:
                continue
            ends = [(0, self.added if at == axis else 0) for at in range(array.ndim)]
            node.replace_input_with(
                place, constant(graph_of(node), f"{value.name}_wider", np.pad(array, ends))
            )

    def _other_pad(self, node: ir.Node, change: int) -> None:
        pads = np.array(array_of(node.inputs[1]))
        pads[5] += change
        node.replace_input_with(1, constant(graph_of(node), f"{node.name}_pads", pads))


def _kind(node: ir.Node, value: ir.Value) -> str:
    """What a node does with the channels of its input or output `value`: "inside" where each goes through by itself,
    "end" where wider ones end or begin, "" where neither is known."""
    if node.domain != "" or any(declared(each) is not None for each in node.outputs):
        return ""
    if node.op_type in _SAME and len(node.outputs) == 1 and value in (node.inputs[0], node.outputs[0]):
        return "inside" if node.op_type != "Clip" or _keeps_zero(node) else ""
    if node.op_type == "Add":
        same = all(each is not None and each.shape == node.outputs[0].shape for each in node.inputs)
        return "inside" if same and not any(array_of(each) is not None for each in node.inputs) else ""
    if node.op_type == "Pad" and _appended(node):
        return "end"
    if node.op_type != "Conv" or array_of(node.inputs[1]) is None or node.inputs[1] is value:
        return ""
    if len(node.inputs) > 2 and node.inputs[2] is not None and array_of(node.inputs[2]) is None:
        return ""
    group, shape = node.attributes["group"].as_int(), shape_of(data_of(node, 1))
    if group == 1:
        return "end"
    return "inside" if group == shape[0] and shape[1] == 1 else ""


def _keeps_zero(clip: ir.Node) -> bool:
    low, high = (array_of(input_of(clip, at)) for at in (1, 2))
    return (low is None or float(low) <= 0) and (high is None or float(high) >= 0)
