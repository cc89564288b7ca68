"""Turns Flatten, Squeeze and the like into a Reshape to explicit sizes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.rewrite import (
    array_of,
    bypass,
    constant,
    data_of,
    graph_of,
    insert_before,
    nodes_of,
    shape_of,
    take_place,
)

RENAMING = ("Reshape", "Flatten", "Squeeze", "Unsqueeze")


def normalize_reshapes(model: ir.Model) -> int:
    """Flatten, Squeeze, Unsqueeze, Reshape with 0 or -1, and a Gather of everything in order, as torch writes
    as_strided, become Reshape with a constant shape.

    Precondition: shapes are static.

    Returns:
        How many changed.
    """
    gathers = [node for node in nodes_of(model, "Gather") if _takes_all(node)]
    return sum(_normalize(node) for node in (*nodes_of(model, *RENAMING), *gathers))


def merge_reshapes(model: ir.Model) -> int:
    """A Reshape of a Reshape reads the first one's input; a Reshape to the shape that is there goes.

    Precondition: reshapes are in normal form.

    Returns:
        How many were merged or removed.
    """
    return sum(_merge(node) for node in nodes_of(model, "Reshape"))


def _takes_all(node: ir.Node) -> bool:
    """The numbers are 0, 1 ... to the last."""
    numbers, shape = array_of(node.inputs[1]), shape_of(data_of(node))
    if numbers is None or not shape or data_of(node).const_value is not None:
        return False
    size = shape[node.attributes.get_int("axis", 0)]
    return numbers.size == size and np.array_equal(numbers.reshape(-1), np.arange(size))


def _normalize(node: ir.Node) -> bool:
    wanted = np.array(shape_of(node.outputs[0]), np.int64)
    if node.op_type == "Reshape":
        found = array_of(node.inputs[1])
        node.attributes.pop("allowzero", None)
        if found is not None and np.array_equal(found, wanted):
            return False
        node.replace_input_with(1, constant(graph_of(node), f"{node.name}_shape", wanted))
        return True
    sizes = constant(graph_of(node), f"{node.name}_shape", wanted)
    reshaped = insert_before(
        node, "Reshape", [data_of(node), sizes], suffix="reshaped", shape=wanted.tolist()
    )
    take_place(node, reshaped)
    return True


def _merge(node: ir.Node) -> bool:
    before = data_of(node).producer()
    merged = before is not None and before.op_type == "Reshape" and before.domain == ""
    if before is not None and merged:
        node.replace_input_with(0, data_of(before))
    if shape_of(data_of(node)) == shape_of(node.outputs[0]):
        return bypass(node, data_of(node)) or merged
    return merged


def runs_of(before: Sequence[int], after: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """Axes of more than one element that a Reshape makes others of, and those others: 4 x 6 -> 24, or 24 -> 2 x 12.

    Precondition: both shapes have as many elements, and some.
    """
    sides = [[axis for axis, size in enumerate(shape) if size != 1] for shape in (before, after)]
    runs = []
    while sides[0]:
        taken, made = [sides[0].pop(0)], [sides[1].pop(0)]
        while (a := prod(before[axis] for axis in taken)) != (b := prod(after[axis] for axis in made)):
            if a < b:
                taken.append(sides[0].pop(0))
            else:
                made.append(sides[1].pop(0))
        runs.append((taken, made))
    return runs
