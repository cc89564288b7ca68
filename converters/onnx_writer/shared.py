"""Constants of a written graph that hold the same are stored once, whoever reads them."""

from __future__ import annotations

import onnx_ir as ir

from edgemm.quantize.equal_constants import equal_constants


def share_constants(graph: ir.Graph) -> None:
    """Lets all readers of equal initializers read the first of them, and drops the others.

    What is an input or output of the graph stays.
    """
    ends = {id(value) for value in (*graph.inputs, *graph.outputs)}
    inside = [value for value in graph.initializers.values() if id(value) not in ends]
    first = equal_constants(inside)
    for value in inside:
        instead = first.get(str(value.name), value)
        if instead is not value:
            value.replace_all_uses_with(instead)
            del graph.initializers[str(value.name)]
