"""Shapes and types of tensors inside a graph as it was read, where a graph is cut."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

import onnx
import onnx.shape_inference
import onnx_ir as ir

from edgemm.converters.importers.input_shapes import fix_input_shapes
from edgemm.converters.passes.canonical import known_shapes
from edgemm.errors import EdgemmError, InputError


def give_types(model: ir.Model, values: Sequence[ir.Value], shapes: Mapping[str, Sequence[int]]) -> None:
    """Writes shape and type on the values, in place: inferred from the model's inputs, as far as their sizes are known;
    `shapes` has the last word on shapes.

    Raises:
        InputError: the type of one cannot be inferred.
    """
    inside = [value for value in values if not (value.is_graph_input() or value.is_initializer())]
    if not inside:
        return
    found = _inferred(model, shapes)
    if any(_is_open(found.get(str(value.name))) for value in inside):
        found |= _written_out(model, shapes)
    for value in inside:
        info = found.get(str(value.name))
        if info is not None:
            value.shape, value.type = info.shape, info.type or value.type
        if value.name in shapes:
            value.shape = None  # the given one is taken as it is
        if value.type is None:
            raise InputError(
                f"tensor {value.name!r}: its type cannot be inferred, so the graph cannot be cut there. Cut at a "
                "tensor before or behind it"
            )


def _is_open(value: ir.Value | None) -> bool:
    return value is None or value.type is None or value.shape is None or not value.shape.is_static()


def _fixed(model: ir.Model, shapes: Mapping[str, Sequence[int]]) -> ir.Model:
    """A copy whose inputs have the sizes that they get; as they are where those are not all known."""
    copy = model.clone()
    inputs = {str(value.name) for value in copy.graph.inputs}
    with contextlib.suppress(InputError):
        fix_input_shapes(copy, {name: shape for name, shape in shapes.items() if name in inputs})
    return copy


def _inferred(model: ir.Model, shapes: Mapping[str, Sequence[int]]) -> dict[str, ir.Value]:
    """By onnx's inference on the graph as it stands."""
    proto = ir.to_proto(_fixed(model, shapes))
    try:
        proto = onnx.shape_inference.infer_shapes(proto, data_prop=True)
    except (onnx.shape_inference.InferenceError, ValueError):
        return {}
    infos = (ir.from_proto(info) for info in (*proto.graph.value_info, *proto.graph.output))
    return {str(value.name): value for value in infos}


def _written_out(model: ir.Model, shapes: Mapping[str, Sequence[int]]) -> dict[str, ir.Value]:
    """By the passes, which know operators of other domains and compute shapes; {} where they cannot settle them."""
    copy = _fixed(model, shapes)
    try:
        values = known_shapes(copy)
    except EdgemmError:
        return {}
    return {str(value.name): value for value in values if not _is_open(value)}
