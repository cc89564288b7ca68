"""Brings a graph of any opset to opset 17.

Older graphs go through onnx's own version converter. Newer ones are lowered here, because onnx has few
downward adapters: most newer operator versions only admit more types, and the few that changed form have
an entry in `LOWERING`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import onnx_ir as ir

from edgemm.converters.passes.hardmax import FIRST_ALONG_AXIS, mark_old_hardmaxes
from edgemm.converters.passes.resize import FIRST_WITH_MODES, mark_old_resizes
from edgemm.converters.passes.rewrite import array_of, constant, graph_of, input_of, shape_of
from edgemm.converters.passes.version_converter import convert_up
from edgemm.errors import ConversionError, UnsupportedOperator

OPSET = 17


def opset_of(model: ir.Model) -> int:
    """The version of the standard operators that the model uses."""
    return model.opset_imports.get("", OPSET)


def upgrade_opset(model: ir.Model) -> int:
    """Opset 9..16 to 17.

    Precondition: no model-local functions.

    Returns:
        How many versions the graph went up.

    Raises:
        ConversionError: onnx's converter does not know an operator of the graph.
    """
    found = opset_of(model)
    if found >= OPSET:
        return 0
    names = [value.name for value in model.graph.outputs]
    try:
        proto = ir.to_proto(model)
        proto.ir_version = max(proto.ir_version, 8)  # before 4, initializers had to be inputs
        proto = convert_up(proto, OPSET)
    except Exception as e:  # the C++ converter raises RuntimeError and its own ConvertError
        raise ConversionError(
            f"cannot bring opset {found} to {OPSET}: {str(e).splitlines()[-1]}. Export with opset {OPSET}"
        ) from e
    upgraded = ir.from_proto(proto)
    for value, name in zip(upgraded.graph.outputs, names, strict=True):
        value.name = name
    replace_graph(model, upgraded)
    if found < FIRST_WITH_MODES:
        mark_old_resizes(model)
    if found < FIRST_ALONG_AXIS:
        mark_old_hardmaxes(model)
    return OPSET - found


def replace_graph(model: ir.Model, other: ir.Model) -> None:
    """The content of `other` becomes that of `model`."""
    model.graph = other.graph
    model.functions.clear()
    model.functions.update(other.functions)


def lower_opset(model: ir.Model) -> int:
    """Opset 18 and newer to 17, for operators that mean the same in both.

    Precondition: constants are initializers, shapes are static, functions are expanded.

    Returns:
        How many nodes got another form (version changes that only admit more types count nothing).

    Raises:
        UnsupportedOperator: an operator, attribute or input that opset 17 does not have.
    """
    found = opset_of(model)
    if found <= OPSET:
        return 0
    changed = 0
    for node in tuple(model.graph):
        if node.domain == "":
            changed += _lower(node, found)
            node.version = None
    model.opset_imports[""] = OPSET
    return changed


def _lower(node: ir.Node, found: int) -> bool:
    if not onnx.defs.has(node.op_type, OPSET):
        raise UnsupportedOperator(
            f"node {node.name!r}: {node.op_type} came after opset {OPSET} and has no expansion into older operators. "
            f"Export the model with opset {OPSET}"
        )
    schema = onnx.defs.get_schema(node.op_type, OPSET)
    if onnx.defs.get_schema(node.op_type, found).since_version == schema.since_version:
        return False
    lower = LOWERING.get(node.op_type)
    changed = lower(node) if lower is not None else False
    _check_form(node, schema)
    return changed


def _check_form(node: ir.Node, schema: onnx.defs.OpSchema) -> None:
    extra = [name for name in node.attributes if name not in schema.attributes]
    extra += [f"input {index}" for index in range(schema.max_input, len(node.inputs)) if node.inputs[index]]
    if extra:
        raise UnsupportedOperator(
            f"node {node.name!r}: {node.op_type} with {', '.join(extra)} cannot be expressed in opset {OPSET}. "
            f"Export the model with opset {OPSET}"
        )


def _drop_default(**defaults: int | str) -> Callable[[ir.Node], bool]:
    """Attributes that say what opset 17 does anyway are removed."""

    def lower(node: ir.Node) -> bool:
        for name, default in defaults.items():
            attribute = node.attributes.get(name)
            if attribute is not None and attribute.value == default:
                del node.attributes[name]
        return False

    return lower


def _average_pool(node: ir.Node) -> bool:
    if set(node.attributes.get_ints("dilations") or (1,)) == {1}:
        node.attributes.pop("dilations", None)
    return False


def _lp_pool(node: ir.Node) -> bool:
    if node.attributes.get_int("ceil_mode", 0) == 0:
        node.attributes.pop("ceil_mode", None)
    return _average_pool(node)


def _cast(node: ir.Node) -> bool:
    """`saturate` and `round_mode` concern 8-bit floats alone."""
    node.attributes.pop("saturate", None)
    node.attributes.pop("round_mode", None)
    return False


def _grid_sample(node: ir.Node) -> bool:
    older = {"linear": "bilinear", "cubic": "bicubic"}
    mode = node.attributes.get_string("mode", "linear")
    node.attributes.add(ir.AttrString("mode", older.get(mode, mode)))
    return mode in older


def _pad(node: ir.Node) -> bool:
    """Axes become zero padding on the others."""
    axes = input_of(node, 3)
    if axes is None:
        return False
    rank = len(shape_of(_required(node, 0)))
    pads = _constant(node, 1).reshape(2, -1)
    full = np.zeros((2, rank), np.int64)
    full[:, _constant(node, 3).reshape(-1) % rank] = pads
    node.replace_input_with(1, constant(graph_of(node), f"{node.name}_pads", full.reshape(-1)))
    node.resize_inputs(3)
    return True


def _reduce(node: ir.Node) -> bool:
    """The axes input becomes an attribute."""
    given = input_of(node, 1)
    axes = [int(axis) for axis in _constant(node, 1).reshape(-1)] if given is not None else []
    noop = node.attributes.pop("noop_with_empty_axes", None)
    if noop is not None and noop.as_int() == 1 and not axes:
        raise UnsupportedOperator(
            f"node {node.name!r}: {node.op_type} over no axes is not a reduction; replace it by its elementwise form"
        )
    if axes:
        node.attributes.add(ir.AttrInt64s("axes", axes))
    node.resize_inputs(1)
    return True


def _split(node: ir.Node) -> bool:
    """A number of parts becomes their sizes."""
    if node.attributes.pop("num_outputs", None) is None:
        return False
    axis = node.attributes.get_int("axis", 0)
    sizes = [shape_of(output)[axis] for output in node.outputs]
    node.resize_inputs(2)
    node.replace_input_with(1, constant(graph_of(node), f"{node.name}_split", np.array(sizes, np.int64)))
    return True


def _required(node: ir.Node, index: int) -> ir.Value:
    value = input_of(node, index)
    if value is None:
        raise ConversionError(f"node {node.name!r} ({node.op_type}): input {index} is missing")
    return value


def _constant(node: ir.Node, index: int) -> np.ndarray:
    array = array_of(input_of(node, index))
    if array is None:
        raise UnsupportedOperator(
            f"node {node.name!r}: {node.op_type} takes input {index} from a computation; it must be constant. "
            "Export the model with fixed shapes"
        )
    return array


LOWERING: dict[str, Callable[[ir.Node], bool]] = {
    "AveragePool": _average_pool,
    "Cast": _cast,
    "CastLike": _cast,
    "DequantizeLinear": _drop_default(block_size=0, output_dtype=0),
    "GridSample": _grid_sample,
    "LpPool": _lp_pool,
    "Pad": _pad,
    "QuantizeLinear": _drop_default(saturate=1, block_size=0, output_dtype=0, precision=0),
    "Range": _drop_default(stash_type=1),
    "Resize": _drop_default(antialias=0, keep_aspect_ratio_policy="stretch"),
    "ScatterElements": _drop_default(),
    "SpaceToDepth": _drop_default(mode="DCR"),
    "Split": _split,
    **{
        f"Reduce{kind}": _reduce
        for kind in ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "SumSquare")
    },
}
"""Operators whose form changed after opset 17 -> what brings a node back; True when it was rewritten."""
