"""ONNX operators that TFLite has no operator for, written out in those that it has.

Done on the canonical graph before calibration, so that every tensor that will be stored has a measured
range. One function per operator, in the file of its family; it puts new nodes before the old one, in ONNX
terms, and takes its place. To add one: the function, and a line in EXPANSIONS.
"""

from __future__ import annotations

from collections.abc import Callable

import onnx_ir as ir

from edgemm.converters.passes import canonicalize
from edgemm.converters.passes.express.picking import expand_one_hot
from edgemm.converters.passes.express.pools import expand_average_pool, expand_lp_pool, expand_max_pool
from edgemm.converters.passes.express.sampling import expand_grid_sample, expand_roi_align
from edgemm.converters.passes.express.spectrum import expand_dft, expand_stft
from edgemm.converters.passes.express.volumes import expand_conv_3d, expand_conv_transpose_3d
from edgemm.converters.passes.rewrite import data_of, shape_of
from edgemm.converters.tflite.expand.combine import (
    PAIRS,
    WIDENED,
    expand_many,
    expand_power,
    expand_small_power,
    expand_vector_product,
    widen,
)
from edgemm.converters.tflite.expand.edges import expand_pad, expand_slice
from edgemm.converters.tflite.expand.elementwise import FORMULAS, expand_formula, expand_log_sigmoid
from edgemm.converters.tflite.expand.erf import expand_erf
from edgemm.converters.tflite.expand.functions import inline_definitions
from edgemm.converters.tflite.expand.integers import (
    expand_bit_shift,
    expand_clip,
    expand_integer_power,
    expand_integer_sign,
    expand_mod,
    expand_small_cast,
    expand_wide_abs,
)
from edgemm.converters.tflite.expand.layer_norm import (
    expand_determinant,
    expand_hardmax,
    expand_instance_norm,
    expand_layer_norm,
    expand_lp_norm,
    expand_mean_variance,
    expand_root_quotient,
)
from edgemm.converters.tflite.expand.rearrange import (
    expand_depth_to_space,
    expand_space_to_depth,
    expand_trilu,
)
from edgemm.converters.tflite.expand.reductions import expand_last_index, expand_reduction
from edgemm.converters.tflite.expand.resize import expand_resize
from edgemm.converters.tflite.expand.scatter import (
    expand_gather_elements,
    expand_gather_nd,
    expand_scatter_elements,
    expand_scatter_nd,
    expand_top_k,
)
from edgemm.converters.tflite.expand.wide import expand_wide_div
from edgemm.converters.tflite.lower import LOWERINGS
from edgemm.errors import ConversionError
from edgemm.quantize.functions import is_written_out, mark_written_out, stays_float


def _over_volumes(expand: Callable[[ir.Node], bool]) -> Callable[[ir.Node], bool]:
    """For nodes over three dimensions only."""

    def expand_volume(node: ir.Node) -> bool:
        return len(shape_of(data_of(node))) == 5 and expand(node)

    return expand_volume


def _first_of(*expand: Callable[[ir.Node], bool]) -> Callable[[ir.Node], bool]:
    """The first that concerns the node."""
    return lambda node: any(each(node) for each in expand)


EXPANSIONS: dict[str, Callable[[ir.Node], bool]] = {
    "Abs": expand_wide_abs,
    "ArgMax": expand_last_index,
    "ArgMin": expand_last_index,
    "AveragePool": _over_volumes(expand_average_pool),
    "BitShift": expand_bit_shift,
    "Cast": expand_small_cast,
    "Clip": expand_clip,
    "Conv": _over_volumes(expand_conv_3d),
    "ConvTranspose": _over_volumes(expand_conv_transpose_3d),
    "DFT": expand_dft,
    "DepthToSpace": expand_depth_to_space,
    "Det": expand_determinant,
    "Erf": expand_erf,
    "GatherElements": expand_gather_elements,
    "GatherND": expand_gather_nd,
    "GridSample": expand_grid_sample,
    "Hardmax": expand_hardmax,
    "InstanceNormalization": expand_instance_norm,
    "LayerNormalization": expand_layer_norm,
    "Log": expand_log_sigmoid,
    "LpNormalization": expand_lp_norm,
    "LpPool": expand_lp_pool,
    "MatMul": expand_vector_product,
    "MaxPool": _over_volumes(expand_max_pool),
    "MeanVarianceNormalization": expand_mean_variance,
    "Mod": expand_mod,
    "OneHot": expand_one_hot,
    "Pad": expand_pad,
    "Pow": _first_of(expand_power, expand_small_power, expand_integer_power),
    "Resize": expand_resize,
    "RoiAlign": expand_roi_align,
    "STFT": expand_stft,
    "ScatterElements": expand_scatter_elements,
    "ScatterND": expand_scatter_nd,
    "Slice": expand_slice,
    "Sign": expand_integer_sign,
    "SpaceToDepth": expand_space_to_depth,
    "TopK": expand_top_k,
    "Trilu": expand_trilu,
    **dict.fromkeys(FORMULAS, expand_formula),
    **dict.fromkeys(WIDENED, widen),
    "Div": _first_of(expand_root_quotient, expand_wide_div, widen),
    **dict.fromkeys(PAIRS, expand_many),
    **dict.fromkeys(
        ("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"), expand_reduction
    ),
}
"""ONNX operator -> what writes a node of it out; False where the node is fine as it is."""

WHOLE = frozenset(
    {
        "Div",
        "Erf",
        "InstanceNormalization",
        "LayerNormalization",
        "Log",
        "LpNormalization",
        "MeanVarianceNormalization",
        "ReduceL2",
        "ReduceLogSum",
        "ReduceLogSumExp",
        *(set(FORMULAS) - {"HardSigmoid", "ThresholdedRelu", "Shrink"}),
    }
)
"""Operators that compute in float as a whole: part of what they are written out in has no integer form, and the rest
holds numbers (e^x, 1 / x, a factor of 1e30) that fit no grid."""

RECOGNIZED = frozenset({"HardSigmoid", "Pow"})
"""Others of which canonicalize would make the operator again."""

MAX_ROUNDS = 8
"""Of expansions of what expansions leave."""


def expand_for_tflite(model: ir.Model) -> int:
    """Writes out what TFLite lacks, in place, and brings the graph back to canonical form.

    Returns:
        How many nodes were written out.
    """
    total = 0
    for _ in range(MAX_ROUNDS):
        known = dict.fromkeys(model.graph)
        nodes = [node for node in known if node.domain in ("", "ai.onnx") and node.op_type in EXPANSIONS]
        count = sum(_expand(node, known) for node in nodes)
        count += inline_definitions(model, {*LOWERINGS, *EXPANSIONS})
        if not count:
            return total
        total += count
        canonicalize(model)
    raise ConversionError(f"operators are still being written out after {MAX_ROUNDS} rounds")


def _expand(node: ir.Node, known: dict[ir.Node, None]) -> bool:
    """Writes a node out, and marks what it is written out in.

    Args:
        known: nodes that were there before; those that it is written out in join them.
    """
    graph, written = node.graph, is_written_out(node)
    whole = node.op_type in WHOLE or stays_float(node)
    marked = whole or written or node.op_type in RECOGNIZED
    if graph is None:
        return False
    readers = [(use.node, use.idx) for value in node.outputs for use in value.uses()]
    ends = [at for at, value in enumerate(graph.outputs) if value in node.outputs]
    if not EXPANSIONS[node.op_type](node):
        return False
    results = [reader.inputs[at] for reader, at in readers if at < len(reader.inputs)]
    results += [graph.outputs[at] for at in ends]
    for each in _made_for(node, results, known):
        known[each] = None
        if marked:
            mark_written_out(each, whole=whole)
    return True


def _made_for(node: ir.Node, results: list[ir.Value | None], known: dict[ir.Node, None]) -> list[ir.Node]:
    """The nodes behind what was a node's results that were not there before; a node that was kept is looked through."""
    found: dict[ir.Node, None] = {}
    waiting = [*results, *node.inputs]
    while waiting:
        value = waiting.pop()
        maker = None if value is None else value.producer()
        if maker is not None and maker not in known and maker not in found:
            found[maker] = None
            waiting += maker.inputs
    return list(found)
