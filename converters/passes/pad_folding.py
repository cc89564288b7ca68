"""Folds a Pad before a convolution into the convolution's padding."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.rewrite import array_of, bypass, data_of, nodes_of, set_ints, sole_consumer


def fold_pads(model: ir.Model) -> int:
    """A Pad with zeros of spatial dimensions that only a Conv reads is added to the Conv's pads.

    Precondition: Conv and Pad are in normal form. Runtimes compute Pad in float; the Conv pads for nothing.

    Returns:
        How many Pads went.
    """
    return sum(_fold(node) for node in nodes_of(model, "Pad"))


def _fold(node: ir.Node) -> bool:
    conv = sole_consumer(node.outputs[0])
    pads, fill = array_of(node.inputs[1]), array_of(node.inputs[2]) if len(node.inputs) > 2 else None
    if conv is None or conv.op_type != "Conv" or conv.domain != "" or pads is None or fill is None:
        return False
    if node.attributes.get_string("mode", "constant") != "constant" or fill != 0:
        return False
    begins, ends = np.split(pads, 2)
    if begins[:2].any() or ends[:2].any() or not bypass(node, data_of(node)):
        return False
    own = np.array(conv.attributes["pads"].as_ints())
    return set_ints(conv, pads=(own + np.concatenate([begins[2:], ends[2:]])).tolist())
