"""Operators, and forms of them, that are newer than opset 17, written out in what it has.

One function per operator, in the file of its family; it puts new nodes in front of the old one and takes
its place. Both formats profit; the TFLite writer also uses these for forms of opset 17 that it lacks. To add
one: the function, and a line in NEWER.
"""

from __future__ import annotations

from collections.abc import Callable

import onnx_ir as ir

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
from edgemm.converters.passes.express.volumes import expand_col2im
from edgemm.converters.passes.rewrite import data_of, shape_of


def _has(*names: str) -> Callable[[ir.Node], bool]:
    """The node says something with these attributes."""

    def check(node: ir.Node) -> bool:
        return any(name in node.attributes for name in names)

    return check


def _always(node: ir.Node) -> bool:
    """Every node of the operator is newer."""
    return True


def _volume(node: ir.Node) -> bool:
    """More than pictures."""
    return len(shape_of(data_of(node))) > 4


def _dilated(node: ir.Node) -> bool:
    """Elements are left out between taps."""
    return set(node.attributes.get_ints("dilations") or (1,)) != {1}


NEWER: dict[str, tuple[Callable[[ir.Node], bool], Callable[[ir.Node], bool]]] = {
    "AffineGrid": (_always, expand_affine_grid),
    "AveragePool": (_dilated, expand_average_pool),
    "Col2Im": (_always, expand_col2im),
    "DeformConv": (_always, expand_deform_conv),
    "GridSample": (_volume, expand_grid_sample),
    "LpPool": (_has("dilations", "ceil_mode"), expand_lp_pool),
    "MaxUnpool": (_always, expand_max_unpool),
    "Resize": (_has("axes", "antialias", "keep_aspect_ratio_policy"), expand_resize),
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
    nodes = [node for node in model.graph if node.domain == "" and node.op_type in NEWER]
    return sum(NEWER[node.op_type][1](node) for node in nodes if NEWER[node.op_type][0](node))
