"""Trained numbers and grids, back in the canonical graph."""

from __future__ import annotations

import onnx_ir as ir
import torch

from edgemm.quantize.aware.network import QuantizedNetwork
from edgemm.quantize.declared import declare

ENDS = (-128, 127)


def trained_graph(model: ir.Model, network: QuantizedNetwork) -> ir.Model:
    """A copy of the graph with what was trained in it.

    Weights stand there as their grids make them, so that the planner finds these grids in the numbers
    (`edgemm.quantize.lattice`), and the grids of activations are written on their values (`edgemm.quantize.declared`):
    the graph is what a quantized source becomes when it is read.

    Args:
        model: the graph that the network was made of; left as it is.
    """
    copy = model.clone()
    with torch.no_grad():
        arrays = network.constants.arrays(network.ranges())
    for value in copy.graph.initializers.values():
        if str(value.name) in arrays:
            value.const_value = ir.tensor(arrays[str(value.name)], name=value.name)
    grids = network.grids()
    for value in [*copy.graph.inputs, *(each for node in copy.graph for each in node.outputs)]:
        grid = grids.get(str(value.name))
        if grid is not None:
            declare(value, grid.scalar, grid.zero_point, ENDS)
    return copy
