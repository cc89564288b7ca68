"""Operators that ONNX Runtime's and Hugging Face's optimizers leave behind, written out in standard ones.

One function per operator, in the file of its family; it puts standard nodes in front of the fused one and takes its
place. They run when the shapes of the node's inputs are known, because nobody else infers the shapes of what another
domain's operators give. To add one: the function, and a line in FUSED. Operators on integers stand in
`converters/passes/quantized/runtime.py`, and give these where they are fused as well.
https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
"""

from __future__ import annotations

from collections.abc import Callable

import onnx_ir as ir

from edgemm.converters.passes.contrib.attention import expand_attention
from edgemm.converters.passes.contrib.blocks import expand_block_gather, expand_block_matmul
from edgemm.converters.passes.contrib.embedding import expand_embedding
from edgemm.converters.passes.contrib.gelu import (
    expand_bias_gelu,
    expand_fast_gelu,
    expand_gemm_fast_gelu,
    expand_quick_gelu,
    expand_split_gelu,
)
from edgemm.converters.passes.contrib.group_query import expand_group_query
from edgemm.converters.passes.contrib.multi_head import expand_multi_head
from edgemm.converters.passes.contrib.node import DOMAIN, FusedNode
from edgemm.converters.passes.contrib.norms import (
    expand_group_norm,
    expand_layer_norm,
    expand_simplified_norm,
    expand_skip_norm,
    expand_skip_simplified_norm,
)
from edgemm.converters.passes.contrib.products import (
    expand_bias_add,
    expand_bias_dropout,
    expand_bias_softmax,
    expand_conv,
    expand_gemm,
    expand_matmul,
    expand_nhwc_conv,
)
from edgemm.converters.passes.contrib.rotary import expand_rotary
from edgemm.converters.passes.contrib.standard import (
    expand_dims,
    expand_distances,
    expand_grid_sample,
    expand_pad,
)
from edgemm.converters.passes.opset import opset_of
from edgemm.errors import UnsupportedOperator
from edgemm.quantize.functions import is_function

FUSED: dict[str, Callable[[FusedNode], None]] = {
    "Attention": expand_attention,
    "BiasAdd": expand_bias_add,
    "BiasDropout": expand_bias_dropout,
    "BiasGelu": expand_bias_gelu,
    "BiasSoftmax": expand_bias_softmax,
    "BiasSplitGelu": expand_split_gelu,
    "CDist": expand_distances,
    "EmbedLayerNormalization": expand_embedding,
    "ExpandDims": expand_dims,
    "FastGelu": expand_fast_gelu,
    "FusedConv": expand_conv,
    "FusedGemm": expand_gemm,
    "FusedMatMul": expand_matmul,
    "FusedMatMulActivation": expand_matmul,
    "GatherBlockQuantized": expand_block_gather,
    "GemmFastGelu": expand_gemm_fast_gelu,
    "GridSample": expand_grid_sample,
    "GroupNorm": expand_group_norm,
    "GroupQueryAttention": expand_group_query,
    "LayerNormalization": expand_layer_norm,
    "MatMulNBits": expand_block_matmul,
    "MultiHeadAttention": expand_multi_head,
    "NhwcConv": expand_nhwc_conv,
    "Pad": expand_pad,
    "QuickGelu": expand_quick_gelu,
    "RotaryEmbedding": expand_rotary,
    "SimplifiedLayerNormalization": expand_simplified_norm,
    "SkipGroupNorm": expand_group_norm,
    "SkipLayerNormalization": expand_skip_norm,
    "SkipSimplifiedLayerNormalization": expand_skip_simplified_norm,
    "TransposeMatMul": expand_matmul,
}
"""Operator of com.microsoft -> what writes it out."""

IN_STANDARD_DOMAIN = {"LayerNormalization": 17, "SimplifiedLayerNormalization": None}
"""Operators that ONNX Runtime writes into the standard domain -> the opset that has them, if any."""

SAME = frozenset({"GatherND", "Range", "Trilu"})
"""Operators that are called the same and are the same in the standard domain."""


def adopt_operators(model: ir.Model) -> int:
    """Operators that ONNX Runtime writes as standard ones and that are none (yet) get its domain, and the other way
    round.

    Returns:
        How many nodes changed.
    """
    opset, count = opset_of(model), 0
    for node in model.graph.all_nodes():
        if node.domain == "" and runs_as_standard(node.op_type, opset):
            node.domain = DOMAIN
            model.opset_imports.setdefault(DOMAIN, 1)
        elif node.domain == DOMAIN and node.op_type in SAME:
            node.domain = ""
        else:
            continue
        count += 1
    return count


def runs_as_standard(op_type: str, opset: int) -> bool:
    """ONNX Runtime runs the operator in the standard domain, and that opset does not have it."""
    since = IN_STANDARD_DOMAIN.get(op_type, 0)
    return since is None or opset < since


def is_fused(node: ir.Node) -> bool:
    """This package writes such a node out. A Gelu, and a FastGelu without a bias, is canonical as it is."""
    return node.domain == DOMAIN and node.op_type in FUSED and not is_function(node)


def expand_fused(model: ir.Model) -> int:
    """Writes out the nodes whose inputs have known shapes.

    Precondition: constants are initializers; shapes are inferred as far as they can be.

    Returns:
        How many nodes were written out; what is behind them has no shapes yet.

    Raises:
        UnsupportedOperator: a form that standard operators do not have.
    """
    opset, count = opset_of(model), 0
    for node in tuple(model.graph):
        if is_fused(node) and not _unknown(node):
            FUSED[node.op_type](FusedNode(node, opset))
            count += 1
    return count


def require_expanded(model: ir.Model) -> int:
    """Refuses fused operators that are left when everything known is settled.

    Returns:
        0: nothing is changed.

    Raises:
        UnsupportedOperator: the shape of an input is open.
    """
    for node in model.graph:
        if is_fused(node):
            names = ", ".join(repr(value.name) for value in _unknown(node))
            raise UnsupportedOperator(
                f"node {node.name!r}: {node.op_type} of domain {node.domain!r} cannot be written out, because the "
                f"shape of {names} is open. Give the sizes of the inputs with --shape, or export the model without "
                "ONNX Runtime's optimizer"
            )
    return 0


def _unknown(node: ir.Node) -> list[ir.Value]:
    """The inputs whose shape or type is not known."""
    given = [value for value in node.inputs if value is not None]
    return [v for v in given if v.shape is None or not v.shape.is_static() or v.dtype is None]


__all__ = ["adopt_operators", "expand_fused", "is_fused", "require_expanded", "runs_as_standard"]
