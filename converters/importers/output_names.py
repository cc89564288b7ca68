"""Names of outputs that a torch module gives in a dictionary: its keys; the exporter names them by their layers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import onnx_ir as ir


def name_outputs(model: ir.Model, exported: Any) -> int:
    """Gives each output the key that the module returns it under, in place; nested ones joined by "_".

    An output that is an input too, or that stands under two keys, keeps its name.

    Args:
        exported: what torch.onnx.export gave, which knows the structure.

    Returns:
        How many were renamed.
    """
    names = _keys(exported)
    outputs = tuple(model.graph.outputs)
    if len(names) != len(outputs) or len(set(names)) != len(names):
        return 0
    renamed, seen = 0, set[int]()
    for value, name in zip(outputs, names, strict=True):
        if value.producer() is None or id(value) in seen or value.name == name:
            continue
        seen.add(id(value))
        renamed += _rename(model.graph, value, name)
    return renamed


def _rename(graph: ir.Graph, value: ir.Value, name: str) -> int:
    """1, or 0 where an input or a weight has that name; a value inside gives way."""
    if name in {each.name for each in graph.inputs} | graph.initializers.keys():
        return 0
    values = {each.name: each for node in graph for each in node.outputs}
    other, count = values.get(name), 1
    if other is not None:
        while f"{name}_inner_{count}" in values:
            count += 1
        other.name = f"{name}_inner_{count}"
    value.name = name
    return 1


def _keys(exported: Any) -> list[str]:
    """The name of each leaf of what the module returns; empty where that is no dictionary, or is not told."""
    try:
        from torch.utils import _pytree

        spec = exported.exported_program.call_spec.out_spec
        tree = _pytree.tree_unflatten(list(range(spec.num_leaves)), spec)
    except (ImportError, AttributeError, TypeError, ValueError):
        return []
    found = dict(_leaves(tree, "")) if isinstance(tree, Mapping) else {}
    return [found[place] for place in sorted(found)]


def _leaves(tree: Any, path: str) -> Iterator[tuple[int, str]]:
    """Place of each leaf, and its name."""
    if isinstance(tree, Mapping):
        parts = [(str(key), each) for key, each in tree.items()]
    elif isinstance(tree, list | tuple):
        parts = [(str(number), each) for number, each in enumerate(tree)]
    else:
        if isinstance(tree, int):
            yield tree, path
        return
    for key, each in parts:
        plain = re.sub(r"[^0-9A-Za-z_.\-]", "_", key)
        yield from _leaves(each, f"{path}_{plain}" if path else plain)
