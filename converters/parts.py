"""An output that joins parts of unlike meaning, boxes in pixels and scores of 0..1, is written as one output a part.

Quantized, a tensor has one scale. Where a Concat joins boxes of 0..640 with scores of 0..1, all scores fall on one or
two steps of it. Taken apart before the plan is made, each part has a scale of its own; the values are the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.converters.passes.dead_code import remove_dead_code, sort_nodes
from edgemm.converters.passes.rewrite import constant, data_of, shape_of
from edgemm.tasks.detection.recipe import DetectionRecipe

_UNARY = ("Sigmoid", "Identity", "Relu", "Clip")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an output of the source."""

    name: str
    """Of the output that it has become."""
    source: str
    """Name of the source's output."""
    axis: int
    begin: int
    end: int

    def of(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The part of what the source gave, for comparing with the file's."""
        return array[(slice(None),) * self.axis + (slice(self.begin, self.end),)]


def detection_parts(
    model: ir.Model, recipe: DetectionRecipe, labels: Sequence[str]
) -> tuple[DetectionRecipe, tuple[Part, ...]]:
    """Boxes, objectness, scores and key points become outputs of their own, in place.

    Precondition: the model is canonical, with static shapes. Nothing is changed, and there are no parts, where the head
    has no joined rows (yolo, grid and distances may), the model has several outputs, or no Concat joins the parts.

    Returns:
        The recipe that names the new outputs, and the parts, in the order of the model's outputs.
    """
    values = recipe.points * recipe.point_values
    joined = recipe.head in ("yolo", "grid", "distances") and not recipe.scores_outputs
    if not joined or len(model.graph.outputs) != 1:
        return recipe, ()
    output = model.graph.outputs[0]
    shape = shape_of(output)
    classes = len(labels) - recipe.label_offset if labels else 0
    side = 4 * max(recipe.bins, 1) if recipe.head == "distances" else 4
    first = side + recipe.objectness
    axis = _axis(shape, first + classes + values if classes else 0, recipe.layout)
    if axis is None:
        return recipe, ()
    size = shape[axis]
    cuts = {"boxes": (0, side), "scores": (first, size - values)}
    if recipe.scores_first:
        cuts = {"boxes": (size - values - side, size - values), "scores": (0, size - values - side)}
    if recipe.objectness:
        cuts["objectness"] = (4, 5)
    if values:
        cuts["points"] = (size - values, size)
    parts = split_output(model, axis, cuts)
    if not parts:
        return recipe, ()
    names: dict[str, Any] = {f"{kind}_outputs": (part.name,) for kind, part in zip(cuts, parts, strict=True)}
    names["layout"] = "rows" if axis == len(shape) - 1 else "columns"
    return replace(recipe, **names), parts


def _axis(shape: tuple[int, ...], width: int, layout: str) -> int | None:
    """Along which the parts are joined."""
    if len(shape) != 3 or shape[0] != 1:
        return None
    fitting = [axis for axis in (1, 2) if (shape[axis] == width if width else shape[axis] == min(shape[1:]))]
    if layout:
        fitting = [axis for axis in fitting if axis == (2 if layout == "rows" else 1)]
    return fitting[0] if len(fitting) == 1 else None


def split_output(model: ir.Model, axis: int, cuts: Mapping[str, tuple[int, int]]) -> tuple[Part, ...]:
    """The model's only output becomes one for each cut, "<output>_<name>".

    A cut is moved up through Concat, Transpose, Reshape and functions of single elements to where the part is made.

    Args:
        model: canonical.
        axis: of the output.
        cuts: name -> first and one behind the last place on that axis.

    Returns:
        The parts; none, and nothing is changed, where no Concat joins any two of them.
    """
    (output,) = model.graph.outputs
    if not _joined_at(output, axis, {place for cut in cuts.values() for place in cut}):
        return ()
    made, parts = [], []
    for name, (begin, end) in cuts.items():
        cutter = _Cutter(model.graph, f"{output.name}_{name}")
        made.append(cutter.named(cutter.cut(output, axis, begin, end)))
        parts.append(Part(f"{output.name}_{name}", str(output.name), axis, begin, end))
    model.graph.outputs[:] = made
    sort_nodes(model)
    remove_dead_code(model)
    return tuple(parts)


def _joined_at(value: ir.Value, axis: int, places: set[int]) -> bool:
    """Some Concat above joins at one of the places."""
    node, size = value.producer(), shape_of(value)[axis]
    if node is None or not places - {0, size}:
        return False
    if node.op_type == "Concat":
        along = _along(node, value)
        if along != axis:
            return any(_joined_at(data_of(node, at), axis, places) for at in range(len(node.inputs)))
        begins = np.cumsum(
            [0, *(shape_of(data_of(node, at))[axis] for at in range(len(node.inputs)))]
        ).tolist()
        return bool(places & set(begins[1:-1])) or any(
            _joined_at(data_of(node, at), axis, {place - begin for place in places})
            for at, begin in enumerate(begins[:-1])
        )
    above = _above(node, axis)
    return above is not None and _joined_at(data_of(node), above, places)


def _along(node: ir.Node, value: ir.Value) -> int:
    """Axis of a Concat, counted from the left."""
    return int(node.attributes.get_int("axis", 0)) % len(shape_of(value))


def _above(node: ir.Node, axis: int) -> int | None:
    """Where an axis of the node's output is in its input; None where it is not one there."""
    if node.op_type in _UNARY:
        return axis
    if node.op_type == "Transpose":
        return int(node.attributes["perm"].as_ints()[axis])
    if node.op_type == "Reshape":
        before, after = shape_of(data_of(node)), shape_of(node.outputs[0])
        left, right = int(np.prod(after[:axis])), int(np.prod(after[axis + 1 :]))
        for at, size in enumerate(before):
            same = int(np.prod(before[:at])) == left and int(np.prod(before[at + 1 :])) == right
            if same and size == after[axis]:
                return at
    return None


class _Cutter:
    """Writes the nodes of one part."""

    def __init__(self, graph: ir.Graph, name: str) -> None:
        self._graph, self._name, self._count = graph, name, 0

    def cut(self, value: ir.Value, axis: int, begin: int, end: int) -> ir.Value:
        """What holds the places `begin` to `end` of an axis."""
        shape = shape_of(value)
        if (begin, end) == (0, shape[axis]):
            return value
        node = value.producer()
        if node is not None and node.op_type == "Concat":
            return self._of_concat(node, value, axis, begin, end)
        above = None if node is None else _above(node, axis)
        cut = (*shape[:axis], end - begin, *shape[axis + 1 :])
        if node is None or above is None:
            return self._slice(value, axis, begin, end, cut)
        inside = self.cut(data_of(node), above, begin, end)
        if node.op_type == "Reshape":
            return self._node("Reshape", [inside, self._constant(np.array(cut, np.int64))], {}, cut, value)
        others = list(node.inputs[1:])
        return self._node(node.op_type, [inside, *others], dict(node.attributes), cut, value)

    def _of_concat(self, node: ir.Node, value: ir.Value, axis: int, begin: int, end: int) -> ir.Value:
        along, shape = _along(node, value), shape_of(value)
        pieces, at = [], 0
        for place in range(len(node.inputs)):
            piece = data_of(node, place)
            size = shape_of(piece)[axis]
            if along != axis:
                pieces.append(self.cut(piece, axis, begin, end))
                continue
            low, high = max(begin - at, 0), min(end - at, size)
            if low < high:
                pieces.append(self.cut(piece, axis, low, high))
            at += size
        if len(pieces) == 1:
            return pieces[0]
        cut = (*shape[:axis], end - begin, *shape[axis + 1 :])
        return self._node("Concat", pieces, {"axis": ir.AttrInt64("axis", along)}, cut, value)

    def _slice(self, value: ir.Value, axis: int, begin: int, end: int, shape: Sequence[int]) -> ir.Value:
        ends = [self._constant(np.array([number], np.int64)) for number in (begin, end, axis, 1)]
        return self._node("Slice", [value, *ends], {}, shape, value)

    def named(self, value: ir.Value) -> ir.Value:
        """The part under its name: a value of its own, that nothing else reads."""
        node = value.producer()
        if (
            node is None
            or value.uses()
            or value.is_graph_output()
            or not str(value.name).startswith(self._name)
        ):
            value = self._node("Identity", [value], {}, shape_of(value), value)
        value.name = self._name
        return value

    def _constant(self, array: npt.NDArray[Any]) -> ir.Value:
        self._count += 1
        return constant(self._graph, f"{self._name}_number_{self._count}", array)

    def _node(
        self,
        op_type: str,
        inputs: Sequence[ir.Value | None],
        attributes: Mapping[str, ir.Attr],
        shape: Sequence[int],
        like: ir.Value,
    ) -> ir.Value:
        self._count += 1
        name = f"{self._name}_{self._count}"
        output = ir.Value(name=name, shape=ir.Shape(tuple(shape)), type=like.type)
        node = ir.Node("", op_type, inputs, list(attributes.values()), outputs=[output], name=name)
        self._graph.append(node)
        return output
