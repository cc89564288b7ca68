"""Pools: explicit pads, no ceil_mode, no dilation, and averages whose divisor every runtime agrees on."""

from __future__ import annotations

from math import prod

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.express.pools import expand_average_pool, expand_max_pool
from edgemm.converters.passes.rewrite import (
    Array,
    constant,
    data_of,
    drop,
    graph_of,
    insert_before,
    nodes_of,
    set_ints,
    shape_of,
    take_place,
)
from edgemm.converters.passes.window import Window, pads_of, windows_of


def normalize_pools(model: ir.Model) -> int:
    """MaxPool and AveragePool get explicit pads; ceil_mode becomes padding at the end.

    An AveragePool that counts its padding becomes Pad, AveragePool without padding, and, where ceil_mode
    reaches beyond the padding, a Mul that corrects the divisor of the last windows.

    A MaxPool that is dilated, or whose indices are used, is written out.

    Precondition: shapes are static.

    Returns:
        How many changed.
    """
    return sum(_normalize(node) for node in nodes_of(model, "MaxPool", "AveragePool"))


def round_up_pools(model: ir.Model) -> int:
    """The first pool with a last window that onnx's shape inference counts and no runtime does gets explicit pads.

    With ceil_mode a window that would start in the padding at the end is left out; onnx infers its result all the
    same. One at a time: what is behind such a pool has wrong shapes until they are inferred again.

    Precondition: shapes are inferred, nodes are sorted.

    Returns:
        1 where there was one.
    """
    return int(any(_round_up(node) for node in nodes_of(model, "MaxPool", "AveragePool", "LpPool")))


def _round_up(node: ir.Node) -> bool:
    if node.attributes.get_int("ceil_mode", 0) == 0 or _auto_pad(node) != "NOTSET":
        return False
    known = data_of(node).shape
    if known is None or not known.is_static():
        return False  # behind an operator that is still to be written out
    channels, sizes = shape_of(data_of(node))[:2], shape_of(data_of(node))[2:]
    declared = windows_of(node, sizes, tuple(node.attributes["kernel_shape"].as_ints()))
    windows = tuple(window.rounded_up() for window in declared)
    steps = tuple(window.steps for window in windows)
    if shape_of(node.outputs[0])[2:] == steps:
        return False
    if node.op_type != "AveragePool" or node.attributes.get_int("count_include_pad", 0) == 0:
        set_ints(node, pads=pads_of(windows))
        return drop(node, "ceil_mode")
    node.outputs[0].shape = ir.Shape((*channels, *steps))
    return _normalize(node) if _is_plain(node) else expand_average_pool(node)


def _normalize(node: ir.Node) -> bool:
    if not _is_plain(node):
        return expand_max_pool(node)
    node.resize_outputs(1)
    kernel = tuple(node.attributes["kernel_shape"].as_ints())
    declared = windows_of(node, shape_of(data_of(node))[2:], kernel)
    ceil = node.attributes.get_int("ceil_mode", 0) == 1 and _auto_pad(node) == "NOTSET"
    windows = tuple(window.rounded_up() for window in declared) if ceil else declared
    counts_padding = node.op_type == "AveragePool" and node.attributes.get_int("count_include_pad", 0) == 1
    changed = set_ints(node, strides=[window.stride for window in windows], pads=pads_of(windows))
    changed |= drop(node, "auto_pad", "ceil_mode", "dilations", "storage_order", "count_include_pad")
    if counts_padding and any(pads_of(windows)):
        _pad_outside(node, declared, windows)
        changed = True
    return changed


def _auto_pad(node: ir.Node) -> str:
    return node.attributes.get_string("auto_pad", "NOTSET")


def _is_plain(node: ir.Node) -> bool:
    used = any(value.uses() or value.is_graph_output() for value in node.outputs[1:])
    return not used and set(node.attributes.get_ints("dilations") or (1,)) == {1}


def _pad_outside(node: ir.Node, declared: tuple[Window, ...], windows: tuple[Window, ...]) -> None:
    """Zeros come from a Pad, so that the pool divides by its whole kernel everywhere."""
    graph, value = graph_of(node), data_of(node)
    shape = shape_of(value)
    begins = [0, 0, *(window.begin for window in windows)]
    ends = [0, 0, *(window.end for window in windows)]
    padded = insert_before(
        node,
        "Pad",
        [
            value,
            constant(graph, f"{node.name}_pads", np.array([*begins, *ends], np.int64)),
            constant(graph, f"{node.name}_pad_value", np.zeros((), np.float32)),
        ],
        {"mode": "constant"},
        suffix="padded",
        shape=[size + begin + end for size, begin, end in zip(shape, begins, ends, strict=True)],
    )
    node.replace_input_with(0, padded)
    set_ints(node, pads=[0] * 2 * len(windows))
    correction = _correction(declared, windows)
    if not np.all(correction == 1.0):
        _multiply(node, correction)


def _correction(declared: tuple[Window, ...], windows: tuple[Window, ...]) -> Array:
    """[1, 1, *spatial]: kernel size by the number of taps that the original divides by."""
    counts: Array = np.ones(())
    for before, after in zip(declared, windows, strict=True):
        counts = np.multiply.outer(counts, after.counts(before.end))
    whole = prod(window.kernel for window in windows)
    corrected: Array = (whole / counts).astype(np.float32)[None, None]
    return corrected


def _multiply(node: ir.Node, correction: Array) -> None:
    pool_attributes = {name: attribute.as_ints() for name, attribute in node.attributes.items()}
    shape = shape_of(node.outputs[0])
    pooled = insert_before(
        node, "AveragePool", [data_of(node)], pool_attributes, suffix="pooled", shape=shape
    )
    factors = constant(graph_of(node), f"{node.name}_divisors", correction)
    take_place(node, insert_before(node, "Mul", [pooled, factors], suffix="corrected", shape=shape))
