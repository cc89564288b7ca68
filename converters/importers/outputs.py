"""Outputs that no node of their own writes: an input, a constant, or a value that is an output twice."""

from __future__ import annotations

import math

import onnx_ir as ir

from edgemm.errors import UnsupportedOperator

MOST_ELEMENTS = 1 << 26
"""Of one input or output: 256 MB as float32; 4096 x 4096 pixels have three quarters of it."""
MOST_COMPUTED = 1 << 30
"""Of one value inside: 4 GB as float32."""


def separate_outputs(model: ir.Model) -> int:
    """Every output becomes a value of its own, in place: runtimes and cards tell outputs apart by their names.

    A copy of an input or of a value that is an output already gets a name of its own, "y_2".

    Returns:
        How many outputs are copies now.
    """
    graph, seen, copies = model.graph, set[int](), 0
    taken = {value.name for value in (*graph.inputs, *graph.initializers.values(), *graph.outputs)}
    taken |= {value.name for node in graph for value in node.outputs}
    for index, value in enumerate(tuple(graph.outputs)):
        if value.producer() is None or id(value) in seen:
            graph.outputs[index] = _copy(graph, value, taken)
            copies += 1
        seen.add(id(value))
    return copies


def _copy(graph: ir.Graph, value: ir.Value, taken: set[str | None]) -> ir.Value:
    count = 2
    while f"{value.name}_{count}" in taken:
        count += 1
    name = f"{value.name}_{count}"
    taken.add(name)
    output = ir.Value(name=name, shape=value.shape, type=value.type)
    graph.append(ir.node("Identity", [value], outputs=[output], name=f"{name}_copy"))
    return output


def require_memory(model: ir.Model) -> None:
    """Refuses values that no machine holds, before anything is made for them: a size in the file is wrong.

    Raises:
        UnsupportedOperator: there is one.
    """
    for node in model.graph:
        for value in node.outputs:
            _require_at_most(MOST_COMPUTED, value, f"{node.op_type} {node.name!r} makes {value.name!r} of")


def require_elements(model: ir.Model) -> None:
    """Refuses inputs and outputs without elements: runtimes hand out no memory for them, and a card has no such shape.
    Likewise those with more than `MOST_ELEMENTS`, before anything is made for them.

    Raises:
        UnsupportedOperator: there is one.
    """
    for what, values in (("input", model.graph.inputs), ("output", model.graph.outputs)):
        for value in values:
            if value.shape is not None and 0 in value.shape.dims:
                raise UnsupportedOperator(
                    f"{what} {value.name!r} has no elements (shape {value.shape}): expected at least one. "
                    f"Take it out of the model's {what}s"
                )
            _require_at_most(MOST_ELEMENTS, value, f"{what} {value.name!r} has")


def _require_at_most(most: int, value: ir.Value, begin: str) -> None:
    if value.shape is None or not value.shape.is_static():
        return
    count = math.prod(value.shape.numpy())
    if count > most:
        raise UnsupportedOperator(
            f"{begin} {count} elements (shape {value.shape}): expected at most {most}. Export the model for smaller "
            "sizes"
        )
