"""Follows channels through the graph: which index of which tensor is the same channel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import onnx_ir as ir

from edgemm.errors import InputError
from edgemm.quantize.prune.graph.channels import Axes, Axis, Channels


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A layer with weights: its outputs are channels of its own, and its inputs can be made up for."""

    node: ir.Node
    out: Axis
    """Channels of the output."""
    into: Axis
    """Channels of the input that are summed up; None where they are fixed."""

    @property
    def name(self) -> str:
        """Of the node."""
        return str(self.node.name)


@dataclass(slots=True)
class Trace:
    """What is known of the channels of a graph."""

    channels: Channels = field(default_factory=Channels)
    axes: dict[ir.Value, Axes] = field(default_factory=dict)
    """Computed value -> its axes."""
    operands: dict[tuple[ir.Node, int], Axes] = field(default_factory=dict)
    """(node, input index) of a constant -> its axes: what is cut out of it."""
    layers: list[Layer] = field(default_factory=list)
    stopped: dict[str, str] = field(default_factory=dict)
    """Node at which channels were closed -> its operator."""

    def of(self, value: ir.Value | None) -> Axes:
        """The axes of a value; of a constant and of an input of the graph none can be cut."""
        if value is None:
            return ()
        return self.axes.get(value, (None,) * len(shape_of(value)))

    def close(self, node: ir.Node, *axes: Axis) -> None:
        """Nothing may be removed along these, because of this node."""
        opened = [self.channels.close(each) for each in axes]
        if any(opened):
            self.stopped[str(node.name)] = node.op_type

    def close_value(self, node: ir.Node, value: ir.Value | None) -> None:
        """Nothing may be removed of a value, because of this node."""
        self.close(node, *self.of(value))

    def join(self, node: ir.Node, axes: Sequence[Axis]) -> Axis:
        """Axes that are the same one; where one of them is fixed, all are."""
        known = [each for each in axes if each is not None]
        if not known:
            return None
        for other in known[1:]:
            self.channels.join(known[0], other)
        if len(known) < len(axes):
            self.close(node, known[0])
            return None
        return known[0]


Operator = Callable[[Trace, ir.Node], Sequence[Axes]]
"""Reads one node: the axes of its outputs."""


def trace(model: ir.Model, operators: Mapping[str, Operator]) -> Trace:
    """Reads a canonical graph from its inputs to its outputs."""
    found = Trace()
    for node in model.graph:
        if (
            any(value is not None and value in found.axes for value in node.inputs)
            or node.op_type in WEIGHTED
        ):
            read = operators.get(node.op_type, unknown)
            for value, axes in zip(node.outputs, read(found, node), strict=False):
                if any(axis is not None for axis in axes):
                    found.axes[value] = axes
        _close_captured(found, node)
    for value in model.graph.initializers.values():
        if is_shared(value):
            _join_users(found, value)
    for value in model.graph.outputs:
        for axis in found.of(value):
            found.channels.close(axis)
    return found


WEIGHTED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})


def unknown(found: Trace, node: ir.Node) -> Sequence[Axes]:
    """An operator whose channels cannot be followed: nothing is removed before it."""
    for value in node.inputs:
        found.close_value(node, value)
    return [(None,) * rank(value) for value in node.outputs]


def is_shared(value: ir.Value | None) -> bool:
    """Whether it is a constant matrix, or of more dimensions, that is used in several places: it stays one constant.

    Vectors are not counted: each layer that shares a bias may get its own.
    """
    if value is None or not is_constant(value) or len(value.uses()) < 2:
        return False
    return sum(size > 1 for size in shape_of(value)) > 1


def _join_users(found: Trace, value: ir.Value) -> None:
    """The same channels are removed of a constant wherever it is used; none, where one user needs all."""
    whole: Axes = (None,) * rank(value)
    uses = list(value.uses())
    used = [found.operands.get((node, index), whole) for node, index in uses]
    node = uses[0].node
    for axes in zip(*used, strict=True):
        found.join(node, axes)


def _close_captured(found: Trace, node: ir.Node) -> None:
    """Values that a branch or the body of a loop reads stay whole."""
    for attribute in node.attributes.values():
        if attribute.type == ir.AttributeType.GRAPH:
            for inner in ir.traversal.RecursiveGraphIterator(attribute.as_graph()):
                for value in inner.inputs:
                    if value is not None and value in found.axes:
                        found.close_value(node, value)


def shape_of(value: ir.Value) -> tuple[int, ...]:
    """The static shape.

    Raises:
        InputError: it is open.
    """
    if value.shape is None or not value.shape.is_static():
        raise InputError(f"tensor {value.name!r} has no static shape. Give the sizes of the inputs")
    return tuple(int(size) for size in value.shape.numpy())


def rank(value: ir.Value) -> int:
    """Dimensions; 0 where they are not known."""
    return 0 if value.shape is None else len(value.shape)


def is_constant(value: ir.Value | None) -> bool:
    """Whether its numbers are in the file."""
    return value is not None and value.const_value is not None
