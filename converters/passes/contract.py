"""The canonical form: rules that every graph fulfils after the passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.axes import DEFAULT_AXIS, REDUCTIONS
from edgemm.converters.passes.contrib import is_fused
from edgemm.converters.passes.foreign import refuse_foreign
from edgemm.converters.passes.opset import OPSET, opset_of
from edgemm.converters.passes.rewrite import array_of, data_of, input_of, shape_of
from edgemm.errors import ConversionError, UnsupportedOperator
from edgemm.quantize.functions import is_function

GONE = frozenset({"Constant", "Identity", "Dropout", "Flatten", "Squeeze", "Unsqueeze", "BatchNormalization"})
QUANTIZED = frozenset(
    {
        "QuantizeLinear",
        "DequantizeLinear",
        "DynamicQuantizeLinear",
        "QLinearConv",
        "QLinearMatMul",
        "ConvInteger",
        "MatMulInteger",
    }
)


def check_canonical(model: ir.Model) -> None:
    """Checks the whole contract.

    Raises:
        UnsupportedOperator: an operator that no canonical graph has.
        ConversionError: a node that is not in canonical form; the message names it.
    """
    if opset_of(model) != OPSET:
        raise ConversionError(f"expected opset {OPSET}, found {opset_of(model)}; run canonicalize first")
    if model.functions:
        raise ConversionError("the model defines functions; run canonicalize first")
    for node in model.graph:
        _check_operator(node)
    _check_names(model)
    known = {id(value) for value in (*model.graph.inputs, *model.graph.initializers.values())}
    _check_values(model)
    for node in model.graph:
        if node.op_type in GONE | QUANTIZED:
            raise _broken(node, "this operator is expressed by others")
        if node.inputs and node.inputs[-1] is None:
            raise _broken(node, "its last input is left out, and named all the same")
        for value in node.inputs:
            if value is not None and id(value) not in known:
                raise _broken(node, f"reads {value.name!r}, which comes later or from nowhere")
        known.update(id(value) for value in node.outputs)
        for complaint in FORMS.get(node.op_type, _anything)(node):
            raise _broken(node, complaint)


def _broken(node: ir.Node, complaint: str) -> ConversionError:
    return ConversionError(
        f"node {node.name!r} ({node.op_type}) is not in canonical form: {complaint}; run canonicalize first"
    )


def _check_names(model: ir.Model) -> None:
    graph = model.graph
    values = [*graph.inputs, *graph.initializers.values(), *(v for node in graph for v in node.outputs)]
    for kind, names in (
        ("tensor", [value.name for value in values]),
        ("node", [node.name for node in graph]),
    ):
        seen: set[str] = set()
        for name in names:
            if not name or name in seen:
                raise ConversionError(f"{kind} name {name!r} is empty or used twice; run canonicalize first")
            seen.add(name)


def _check_values(model: ir.Model) -> None:
    graph = model.graph
    for value in (*graph.inputs, *(output for node in graph for output in node.outputs)):
        shape_of(value)
        if value.dtype is None:
            raise ConversionError(f"tensor {value.name!r} has no type; run canonicalize first")
        if value.dtype in (ir.DataType.FLOAT16, ir.DataType.BFLOAT16, ir.DataType.DOUBLE):
            raise UnsupportedOperator(
                f"tensor {value.name!r} is {value.dtype.name.lower()}, expected float32. "
                "Convert the model to float32 first (module.float() in torch)"
            )
    for value in graph.outputs:
        if value.producer() is None:
            raise UnsupportedOperator(
                f"output {value.name!r} is an input or a constant: take it out of the model's outputs"
            )
    for value in graph.inputs:
        if value.is_initializer():
            raise ConversionError(f"initializer {value.name!r} is also an input; run canonicalize first")


def refuse_inexpressible(model: ir.Model) -> int:
    """Refuses operators that no pass can bring to the canonical form; fused ones are written out later.

    Returns:
        0: nothing is changed.

    Raises:
        UnsupportedOperator: a foreign domain.
    """
    for node in model.graph:
        if not is_fused(node):
            _check_operator(node)
    return 0


def _check_operator(node: ir.Node) -> None:
    if node.domain != "" and not is_function(node):
        refuse_foreign(node)


def _anything(node: ir.Node) -> Iterator[str]:
    yield from ()


def _conv(node: ir.Node) -> Iterator[str]:
    for name in ("kernel_shape", "strides", "dilations", "group", "pads"):
        if name not in node.attributes:
            yield f"no {name}"
    if "auto_pad" in node.attributes:
        yield "auto_pad is set"
    if array_of(input_of(node, 1)) is None or array_of(input_of(node, 2)) is None:
        yield "weight or bias is not constant"


def _gemm(node: ir.Node) -> Iterator[str]:
    attributes = node.attributes
    if attributes.get_int("transA", 0) != 0 or attributes.get_int("transB", 0) != 1:
        yield "expected transA=0 and transB=1"
    if attributes.get_float("alpha", 1.0) != 1.0 or attributes.get_float("beta", 1.0) != 1.0:
        yield "expected alpha=beta=1"
    weight, bias = array_of(input_of(node, 1)), array_of(input_of(node, 2))
    if weight is None or bias is None or bias.shape != weight.shape[:1]:
        yield "expected constants B [out, in] and C [out]"


def _matmul(node: ir.Node) -> Iterator[str]:
    right = array_of(data_of(node, 1))
    left = shape_of(data_of(node))
    if right is not None and right.ndim == len(left) == 2 and right.dtype == np.float32:
        yield "a fully connected layer is a Gemm"


def _reshape(node: ir.Node) -> Iterator[str]:
    sizes = array_of(input_of(node, 1))
    if sizes is None or tuple(sizes) != shape_of(node.outputs[0]):
        yield "expected a constant shape of explicit sizes"


def _pool(node: ir.Node) -> Iterator[str]:
    attributes = node.attributes
    if attributes.get_int("ceil_mode", 0) or "auto_pad" in attributes:
        yield "ceil_mode or auto_pad is set"
    if "pads" not in attributes or "strides" not in attributes or "kernel_shape" not in attributes:
        yield "no pads, strides or kernel_shape"
    elif attributes.get_int("count_include_pad", 0) and any(attributes["pads"].as_ints()):
        yield "padding is counted"
    if set(attributes.get_ints("dilations") or (1,)) != {1}:
        yield "dilated"
    if len(node.outputs) != 1:
        yield "indices are an output"


def _resize(node: ir.Node) -> Iterator[str]:
    region, scales, sizes = (input_of(node, index) for index in (1, 2, 3))
    crops = node.attributes.get_string("coordinate_transformation_mode", "") == "tf_crop_and_resize"
    if (scales is None) == (sizes is None):
        yield "expected either scales or sizes"
    if region is not None and not crops:
        yield "it has a region, which only a crop reads"
    if any(value is not None and 0 in shape_of(value) for value in (region, scales, sizes)):
        yield "an optional input is empty"
    yield from _constant_inputs(1, 2, 3)(node)


def _constant_inputs(*indices: int) -> Callable[[ir.Node], Iterator[str]]:
    def check(node: ir.Node) -> Iterator[str]:
        for index in indices:
            value = input_of(node, index)
            if value is not None and value.const_value is None:
                yield f"input {index} is not constant"

    return check


def _pad(node: ir.Node) -> Iterator[str]:
    pads = array_of(input_of(node, 1))
    if pads is None or (pads < 0).any():
        yield "expected constant pads >= 0"
    if node.attributes.get_string("mode", "constant") == "constant" and array_of(input_of(node, 2)) is None:
        yield "expected a constant value"


def _axis(node: ir.Node) -> Iterator[str]:
    if node.attributes.get_int("axis", -1) < 0:
        yield "axis is negative or not written"


def _axes(node: ir.Node) -> Iterator[str]:
    axes = array_of(input_of(node, 1)) if node.op_type == "ReduceSum" else node.attributes.get_ints("axes")
    if axes is None or any(int(axis) < 0 for axis in axes):
        yield "axes are negative or not written"


def _transpose(node: ir.Node) -> Iterator[str]:
    if "perm" not in node.attributes:
        yield "no perm"


def _cast(node: ir.Node) -> Iterator[str]:
    if node.attributes["to"].as_int() == data_of(node).dtype:
        yield "it casts to the type that is there"


FORMS: dict[str, Callable[[ir.Node], Iterator[str]]] = {
    **dict.fromkeys(DEFAULT_AXIS, _axis),
    **dict.fromkeys(REDUCTIONS, _axes),
    "AveragePool": _pool,
    "Cast": _cast,
    "Clip": _constant_inputs(1, 2),
    "Conv": _conv,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "MaxPool": _pool,
    "Pad": _pad,
    "Reshape": _reshape,
    "Resize": _resize,
    "Transpose": _transpose,
}
"""Operator -> what is wrong with a node of it."""
