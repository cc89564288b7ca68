"""`write_onnx`: writes the canonical graph and a plan as an .onnx file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import onnx
import onnx.version_converter
import onnx_ir as ir

from edgemm.card import io_grids
from edgemm.converters.large_constants import filled, hollow_out, set_apart
from edgemm.converters.onnx_writer.constants import Constants, stored_dtype, stored_zero_point
from edgemm.converters.onnx_writer.dynamic import make_dynamic
from edgemm.converters.onnx_writer.functions import write_functions
from edgemm.converters.onnx_writer.placement import FLOAT_MARK, Placement
from edgemm.converters.onnx_writer.saturation import drop_saturating
from edgemm.converters.onnx_writer.shared import share_constants
from edgemm.converters.passes.dead_code import remove_dead_code, sort_nodes
from edgemm.converters.passes.names import strip_grids, strip_metadata, unique_names
from edgemm.converters.passes.opset import OPSET
from edgemm.converters.passes.rewrite import shape_of
from edgemm.errors import ConversionError, InputError
from edgemm.quantize.functions import DOMAIN
from edgemm.quantize.grid import Grid
from edgemm.quantize.plan import Plan
from edgemm.tensors import TensorSpec

OLDEST_OPSET = 13
"""Scales per channel came with it."""

OTHER_MEANING = frozenset({"GridSample", "RoiAlign", "Split"})
"""Operators of which a version reads the same attributes otherwise, or asks for one more."""


@dataclass(frozen=True, slots=True, eq=False)
class OnnxFile:
    """A written model, without card."""

    payload: bytes
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


def write_onnx(
    model: ir.Model,
    plan: Plan,
    *,
    opset: int = OPSET,
    ir_version: int = 8,
    io: Literal["float", "int8"] = "float",
) -> OnnxFile:
    """Writes a canonical graph with the plan's numbers; the graph is not changed, equal calls give equal bytes.

    Args:
        opset: of the file, 13 or newer; 17 loads everywhere.
        ir_version: of the file, raised to what `opset` needs.
        io: "float" keeps the source's inputs and outputs; "int8" leaves those that are quantized as 8-bit
            integers, u8 or s8 as the target has them; the file's metadata tell their scales (`card/io_grids.py`).

    Raises:
        InputError: no such opset or io.
        ConversionError: the plan does not fit the graph, or the graph cannot be expressed in `opset`.
    """
    if io not in ("float", "int8"):
        raise InputError(f"io: expected 'float' or 'int8', found {io!r}")
    check_opset(opset)
    copy = model.clone()
    drop_saturating(copy, plan)
    strip_grids(copy)
    strip_metadata(copy)
    constants = Constants(copy.graph)
    placement = Placement(copy.graph, plan, io == "int8", constants)
    if plan.precision:
        placement.place()
        make_dynamic(copy.graph, plan, constants)
    write_functions(copy.graph, opset, FLOAT_MARK if plan.precision else "")
    copy.opset_imports.pop(DOMAIN, None)
    remove_dead_code(copy)
    share_constants(copy.graph)
    sort_nodes(copy)
    unique_names(copy)
    inputs, outputs = (
        _specs(values, placement.grids, unsigned=placement.unsigned)
        for values in (model.graph.inputs, model.graph.outputs)
    )
    return OnnxFile(_payload(copy, opset, ir_version, io_grids.tell((*inputs, *outputs))), inputs, outputs)


def check_opset(opset: int) -> None:
    """Refuses an operator set that this does not write.

    Raises:
        InputError: it is older, newer, or no number.
    """
    newest = onnx.defs.onnx_opset_version()
    if isinstance(opset, bool) or not isinstance(opset, int) or not OLDEST_OPSET <= opset <= newest:
        raise InputError(
            f"opset (--opset): expected {OLDEST_OPSET}..{newest}, found {opset!r}. 17 loads in every runtime"
        )


def _payload(model: ir.Model, opset: int, ir_version: int, grids: str) -> bytes:
    model.graph.name = "edgemm"
    constants = set_apart(model) if opset == OPSET else {}  # what changes the opset wants them in their place
    proto: onnx.ModelProto = ir.to_proto(model)
    hollow_out(proto, constants)
    if opset != OPSET:
        proto = _with_opset(proto, opset)
    proto.producer_name, proto.producer_version, proto.domain = "edgemm", "", ""
    proto.ClearField("model_version")
    if grids:
        proto.metadata_props.add(key=io_grids.KEY, value=grids)
    oldest = onnx.helper.find_min_ir_version_for(proto.opset_import, ignore_unknown=True)
    proto.ir_version = max(ir_version, oldest)
    return filled(proto, constants)


def _with_opset(proto: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    """The same graph in another opset; only the number changes where every node is valid there as it is."""
    moved = [node.op_type for node in proto.graph.node if not _same_form(node, opset)]
    if not moved:
        proto.opset_import[0].version = opset
        return proto
    try:
        return onnx.version_converter.convert_version(proto, opset)
    except Exception as e:  # the C++ converter raises RuntimeError and its own ConvertError
        raise ConversionError(
            f"the graph cannot be written in opset {opset} ({', '.join(sorted(set(moved)))} have another form there): "
            f"{str(e).splitlines()[-1]}. Use opset {OPSET}"
        ) from e


def _same_form(node: onnx.NodeProto, opset: int) -> bool:
    """True when the node means the same in that opset: versions mostly differ in the types that they admit."""
    if not onnx.defs.has(node.op_type, opset):
        return False
    if not onnx.defs.has(node.op_type, OPSET):
        return True  # written for that very opset
    schema = onnx.defs.get_schema(node.op_type, opset)
    if schema.since_version == onnx.defs.get_schema(node.op_type, OPSET).since_version:
        return True
    known = all(attribute.name in schema.attributes for attribute in node.attribute)
    return known and len(node.input) <= schema.max_input and node.op_type not in OTHER_MEANING


def _specs(
    values: Sequence[ir.Value], grids: Mapping[str, Grid], *, unsigned: bool
) -> tuple[TensorSpec, ...]:
    specs = []
    for value in values:
        name, shape, grid = str(value.name), shape_of(value), grids.get(str(value.name))
        if grid is not None:
            zero_point = stored_zero_point(grid, unsigned=unsigned)
            specs.append(TensorSpec(name, shape, stored_dtype(unsigned=unsigned), grid.scalar, zero_point))
            continue
        if value.dtype is None:
            raise ConversionError(f"tensor {name!r} has no type; run canonicalize first")
        specs.append(TensorSpec(name, shape, value.dtype.numpy().name))
    return tuple(specs)
