"""Operators, and forms of them, that are newer than opset 17, written out in what it has.

One function per operator, in the file of its family; it puts new nodes in front of the old one and takes
its place. Both formats profit; the TFLite writer also uses these for forms of opset 17 that it lacks. To add
one: the function, and a line in NEWER.
"""

from __future__ import annotations

from collections.abc import Callable

import onnx_ir as ir

from edgemm.converters.passes.express.bits import expand_bitwise, expand_bitwise_not
from edgemm.converters.passes.express.einsum import expand_einsum
from edgemm.converters.passes.express.gelu import express_gelu, express_swish
from edgemm.converters.passes.express.picking import (
    expand_bool_extreme,
    expand_compress,
    expand_tensor_scatter,
)
from edgemm.converters.passes.express.pools import (
    expand_average_pool,
    expand_lp_pool,
    expand_max_unpool,
)
from edgemm.converters.passes.express.resize import expand_resize
from edgemm.converters.passes.express.sampling import (
    expand_affine_grid,
    expand_deform_conv,
    expand_grid_sample,
)
from edgemm.converters.passes.express.shift import expand_signed_shift, use_signed_words
from edgemm.converters.passes.express.spectrum import expand_newer_dft
from edgemm.converters.passes.express.volumes import expand_col2im
from edgemm.converters.passes.opset import opset_of
from edgemm.converters.passes.rewrite import array_of, data_of, shape_of
from edgemm.quantize.functions import DOMAIN, is_function


def _has(*names: str) -> Callable[[ir.Node, int], bool]:
    """The node says something with these attributes."""

    def check(node: ir.Node, opset: int) -> bool:
        return any(name in node.attributes for name in names)

    return check


def _always(node: ir.Node, opset: int) -> bool:
    """Every node of the operator is newer."""
    return True


def _volume(node: ir.Node, opset: int) -> bool:
    """More than pictures."""
    return len(shape_of(data_of(node))) > 4


def _of_bools(node: ir.Node, opset: int) -> bool:
    """Truth values, which opset 17 takes no extremes of."""
    return data_of(node).dtype == ir.DataType.BOOL


def _signed(node: ir.Node, opset: int) -> bool:
    """Numbers with a sign, which opset 17 does not shift."""
    return data_of(node).dtype in (ir.DataType.INT8, ir.DataType.INT16, ir.DataType.INT32, ir.DataType.INT64)


def _dilated(node: ir.Node, opset: int) -> bool:
    """Elements are left out between taps."""
    return set(node.attributes.get_ints("dilations") or (1,)) != {1}


def _since(version: int) -> Callable[[ir.Node, int], bool]:
    """The operator has another form since that opset."""
    return lambda node, opset: opset >= version


def _known_condition(node: ir.Node, opset: int) -> bool:
    """A Compress whose size is known."""
    return array_of(node.inputs[1]) is not None


NEWER: dict[str, tuple[Callable[[ir.Node, int], bool], Callable[[ir.Node], bool]]] = {
    "AffineGrid": (_always, expand_affine_grid),
    "AveragePool": (_dilated, expand_average_pool),
    "BitShift": (_signed, expand_signed_shift),
    "BitwiseAnd": (_always, expand_bitwise),
    "BitwiseNot": (_always, expand_bitwise_not),
    "BitwiseOr": (_always, expand_bitwise),
    "BitwiseXor": (_always, expand_bitwise),
    "Col2Im": (_always, expand_col2im),
    "Compress": (_known_condition, expand_compress),
    "DFT": (_since(20), expand_newer_dft),
    "DeformConv": (_always, expand_deform_conv),
    "Einsum": (_always, expand_einsum),
    "Gelu": (_always, express_gelu),
    "GridSample": (_volume, expand_grid_sample),
    "LpPool": (_has("dilations", "ceil_mode"), expand_lp_pool),
    "MaxUnpool": (_always, expand_max_unpool),
    "ReduceMax": (_of_bools, expand_bool_extreme),
    "ReduceMin": (_of_bools, expand_bool_extreme),
    "Resize": (_has("axes", "antialias", "keep_aspect_ratio_policy"), expand_resize),
    "Swish": (_always, express_swish),
    "TensorScatter": (_always, expand_tensor_scatter),
}
"""Operator -> which nodes of it, and what writes them out."""


def express_newer(model: ir.Model) -> int:
    """Writes out what opset 17 cannot say.

    Precondition: constants are initializers, shapes are static.

    Returns:
        How many nodes were written out.

    Raises:
        UnsupportedOperator: a form that cannot be expressed.
    """
    opset, count = opset_of(model), use_signed_words(model)
    for node in tuple(model.graph):
        if node.domain != "" or node.op_type not in NEWER:
            continue
        concerns, expand = NEWER[node.op_type]
        count += concerns(node, opset) and expand(node)
    if any(map(is_function, model.graph)):
        model.opset_imports.setdefault(DOMAIN, 1)
    return count
