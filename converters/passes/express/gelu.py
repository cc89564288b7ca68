"""Gelu of opset 20 and Swish of opset 24 as the canonical graph holds them."""

from __future__ import annotations

import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.rewrite import data_of, insert_before, shape_of, take_place
from edgemm.quantize.functions import DOMAIN


def express_gelu(node: ir.Node) -> bool:
    """Gelu with its attribute becomes Gelu or FastGelu."""
    op_type = "FastGelu" if node.attributes.get_string("approximate", "none") == "tanh" else "Gelu"
    x = data_of(node)
    take_place(node, insert_before(node, op_type, [x], suffix="function", shape=shape_of(x), domain=DOMAIN))
    return True


def express_swish(node: ir.Node) -> bool:
    """x Sigmoid(alpha x)."""
    draft, x = Draft(node), data_of(node)
    alpha = draft.number("alpha", 1.0)
    return draft.becomes(draft("Mul", x, draft("Sigmoid", x if alpha == 1.0 else draft("Mul", x, alpha))))
