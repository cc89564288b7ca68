"""Weights that several layers share, where making a graph canonical gave each layer a copy."""

from __future__ import annotations

import onnx_ir as ir

from edgemm.quantize.prune.graph.cost import total_parameters
from edgemm.quantize.prune.graph.trace import shape_of


def share_again(model: ir.Model, source: ir.Model) -> int:
    """Makes equal weights of a canonical graph one again, in place, where the source holds fewer numbers than it.

    Vectors are left as they are.

    Args:
        source: what the graph was made of.

    Returns:
        How many weights were left out.
    """
    if total_parameters(model) <= total_parameters(source):
        return 0
    first: dict[tuple[tuple[int, ...], str, bytes], ir.Value] = {}
    left_out = 0
    for name, value in list(model.graph.initializers.items()):
        if value.const_value is None or sum(size > 1 for size in shape_of(value)) < 2:
            continue
        array = value.const_value.numpy()
        same = first.setdefault((array.shape, str(array.dtype), array.tobytes()), value)
        if same is value or value.is_graph_output():
            continue
        for node, index in list(value.uses()):
            node.replace_input_with(index, same)
        model.graph.initializers.pop(name)
        left_out += 1
    return left_out
