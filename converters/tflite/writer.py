"""`write_tflite`: the canonical graph and a plan as a .tflite file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import onnx_ir as ir

from edgemm.converters.tflite.builder import build
from edgemm.converters.tflite.graph import Tensor
from edgemm.converters.tflite.lower import LOWERINGS
from edgemm.converters.tflite.lowering import (
    Lowering,
    Perm,
    channels_last,
    compose,
    identity,
    inverse,
    permuted,
)
from edgemm.converters.tflite.tidy import tidy
from edgemm.errors import UnsupportedOperator
from edgemm.quantize.functions import is_known
from edgemm.quantize.fusion import hosts
from edgemm.quantize.plan import Plan
from edgemm.tensors import TensorSpec

SPATIAL = frozenset({"Conv", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"})
"""Operators that want channels last: a model that has one takes its pictures that way."""


TO_CHANNELS_FIRST = (0, 3, 1, 2)


@dataclass(frozen=True, slots=True)
class TflitePort:
    """One input or output of the file."""

    spec: TensorSpec
    layout: Literal["NHWC", "NCHW", ""]
    """Of four dimensions; "" for others."""
    permutation: tuple[int, ...] | None
    """np.transpose axes from the ONNX-shaped array to the stored one; None: as it is."""


@dataclass(frozen=True, slots=True)
class TfliteFile:
    """A written model."""

    payload: bytes
    inputs: tuple[TflitePort, ...]
    outputs: tuple[TflitePort, ...]


FROM_TFLITE = "edgemm.tflite"
"""Producer of a graph that was read from a .tflite file: its inputs and outputs have that file's layout already."""


def write_tflite(
    model: ir.Model, plan: Plan, *, keep_layout: bool = False, states: Mapping[str, str] | None = None
) -> TfliteFile:
    """Writes a canonical graph with the plan's numbers.

    Args:
        keep_layout: inputs and outputs stay as in the graph; without it pictures are NHWC, which they are already
            in a graph that was read from a .tflite file.
        states: output -> input that takes it in the next step: the output has that input's layout.

    Raises:
        UnsupportedOperator: an operator, attribute or shape that TFLite cannot express; all the nodes
            without a lowering are named, before anything is written.
    """
    _require_lowerings(model)
    _require_elements(model)
    ctx = Lowering(model, plan)
    keep_layout = keep_layout or _channels_last_already(model)
    ins = [_input(ctx, value, keep_layout) for value in model.graph.inputs]
    inside = hosts(model)
    for node in model.graph:
        if str(node.name) not in inside and str(node.name) not in ctx.written:
            LOWERINGS[node.op_type](ctx, node)
    taken = {str(value.name): port.permutation for value, port in zip(model.graph.inputs, ins, strict=True)}
    outs = [
        _output(ctx, value, keep_layout, taken.get((states or {}).get(str(value.name), ""), ()))
        for value in model.graph.outputs
    ]
    for graph in (ctx.graph, *ctx.graph.subgraphs):
        tidy(graph)
    return TfliteFile(build(ctx.graph), tuple(ins), tuple(outs))


def _require_lowerings(model: ir.Model) -> None:
    missing = [
        f"{node.op_type} ({node.name})"
        for node in model.graph
        if node.op_type not in LOWERINGS or not is_known(node)
    ]
    if missing:
        raise UnsupportedOperator(
            f"TFLite: no form for {', '.join(missing[:12])}. Convert to .onnx instead, or replace the operators "
            "in the model"
        )


def _require_elements(model: ir.Model) -> None:
    for value in model.graph.outputs:
        node = value.producer()
        known = node is not None and node.inputs[0] is not None and node.inputs[0].const_value is not None
        if known and value.shape is not None and 0 in value.shape.numpy():
            raise UnsupportedOperator(
                f"output {value.name!r} is a constant without elements (shape {value.shape}), which TFLite cannot "
                "hold. Take it out of the model's outputs"
            )


def _input(ctx: Lowering, value: ir.Value, keep_layout: bool) -> TflitePort:
    shape = ctx.shape(value)
    picture = len(shape) == 4 and any(node.op_type in SPATIAL for node in ctx.model.graph)
    picture = picture and not _has_channels_last(value)
    perm = channels_last(4) if picture and not keep_layout else identity(len(shape))
    grid = ctx.plan.activations.get(str(value.name))
    if not ctx.plan.target.io_integer:
        grid = None
    dtype = "int8" if grid is not None else value.dtype.numpy().name if value.dtype else "float32"
    tensor = ctx.graph.tensor(str(value.name), permuted(shape, perm), dtype, grid)
    ctx.graph.inputs.append(tensor)
    ctx.put(value, tensor, perm)
    return _port(tensor, perm, _has_channels_last(value) or _channels_last_already(ctx.model))


def _channels_last_already(model: ir.Model) -> bool:
    """The source is a .tflite file."""
    return model.producer_name == FROM_TFLITE


def _has_channels_last(value: ir.Value) -> bool:
    """The source's pictures have their channels last already: all that is done with the input begins with that."""
    readers = [each for each in value.consumers() if each.op_type not in ("Clip", "Identity")]
    inner = [each.outputs[0] for each in value.consumers() if each not in readers]
    turned = all(
        each.op_type == "Transpose" and tuple(each.attributes.get_ints("perm") or ()) == TO_CHANNELS_FIRST
        for each in readers
    )
    return bool(readers or inner) and turned and all(_has_channels_last(each) for each in inner)


def _output(ctx: Lowering, value: ir.Value, keep_layout: bool, state: tuple[int, ...] | None) -> TflitePort:
    """
    Args:
        state: permutation of the input that this output goes into; () where it is no state.
    """
    stored = ctx.stored(value)
    tensor, perm = stored.tensor, stored.perm
    if state != ():
        wanted = state if state is not None else identity(len(perm))
    else:
        wanted = identity(len(perm)) if keep_layout or len(perm) != 4 else _settled(ctx, perm)
    tensor, perm = ctx.transpose(tensor, compose(inverse(perm), wanted)), wanted
    if tensor in ctx.graph.inputs or tensor in ctx.graph.outputs:
        tensor = _copy(ctx, tensor)
    _name(ctx, tensor, str(value.name))
    ctx.graph.outputs.append(tensor)
    return _port(tensor, perm, _channels_last_already(ctx.model))


def _settled(ctx: Lowering, perm: Perm) -> Perm:
    """A layout that has a name: what is stored if it has one, else NHWC for pictures and ONNX's for others."""
    if perm in (identity(4), channels_last(4)):
        return perm
    pictures = any(node.op_type in SPATIAL for node in ctx.model.graph)
    return channels_last(4) if pictures else identity(4)


def _name(ctx: Lowering, tensor: Tensor, name: str) -> None:
    """Gives a graph's output its name in the source; what had it on the way there gives it up."""
    if tensor.name == name:
        return
    for each in ctx.graph.tensors():
        if each.name == name:
            each.name = ctx.graph.unique(f"{name}_inner")
    tensor.name = name


def _copy(ctx: Lowering, tensor: Tensor) -> Tensor:
    """A tensor of its own: a graph's outputs are neither its inputs nor each other."""
    made = ctx.graph.tensor(f"{tensor.name}_out", tensor.shape, tensor.dtype, tensor.grid)
    ctx.reshape_op(tensor, made)
    return made


def _port(tensor: Tensor, perm: Perm, last: bool = False) -> TflitePort:
    scale = tensor.grid.scalar if tensor.grid is not None else 0.0
    zero_point = tensor.grid.zero_point if tensor.grid is not None else 0
    layout: Literal["NHWC", "NCHW", ""] = ""
    if len(perm) == 4:
        layout = "NHWC" if perm == channels_last(4) or last else "NCHW"
    spec = TensorSpec(tensor.name, tensor.shape, tensor.dtype, scale, zero_point)
    return TflitePort(spec, layout, None if perm == identity(len(perm)) else perm)
