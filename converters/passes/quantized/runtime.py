"""Operators on integers as onnxruntime's quantizer writes them: real operators between DequantizeLinear and
QuantizeLinear.

Read before shapes are known, because nobody else knows shapes of another domain's operators.
https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.folding import lift_constants
from edgemm.converters.passes.opset import opset_of
from edgemm.converters.passes.quantized.pairs import RUNTIME, remove_pairs
from edgemm.converters.passes.quantized.recurrent import read_lstm
from edgemm.converters.passes.rewrite import Array, array_of, graph_of, input_of

FLOAT = ir.DataType.FLOAT
SOFTMAX_CHANGED = 13
"""Before this opset, a softmax was over all dimensions from its axis on."""
AXES_ARE_INPUTS = 18


def read_runtime_operators(model: ir.Model) -> int:
    """Writes QLinear operators, QGemm and their like out in standard ones.

    Precondition: no model-local functions, names are unique.

    Returns:
        How many there were.

    Raises:
        UnsupportedOperator: a form that standard operators do not have.
    """
    found = [node for node in model.graph if (node.domain, node.op_type) in OPERATORS]
    if found:
        lift_constants(model)
    for node in found:
        OPERATORS[node.domain, node.op_type](Integers(node, opset_of(model)))
    count = len(found) + remove_pairs(model, RUNTIME)
    for node in model.graph:
        if node.domain == RUNTIME and node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            node.domain = ""
            count += 1
    return count


class Integers(Draft):
    """An operator on integers, each with its scale and zero point among the inputs."""

    def __init__(self, node: ir.Node, opset: int) -> None:
        super().__init__(node)
        self.opset = opset

    def real(self, index: int, scale: int, zero: int, axis: int | None = None) -> ir.Value:
        """An input made real; a constant one is computed here.

        Args:
            index: of the integers.
            scale: index of their scale.
            zero: index of their zero point.
            axis: that scales run along, where there are several.
        """
        array = array_of(self.input(index))
        if array is not None:
            return self.constant(self._numbers(array, scale, zero, axis))
        scales = array_of(self.input(scale))
        if scales is not None and scales.size != 1:
            self.refuse(f"input {index} is computed and has several scales", "Quantize per tensor")
        inputs = [self.input(index), self.step(scale), *([self.input(zero)] if self.has(zero) else [])]
        return self.op("DequantizeLinear", inputs, None, FLOAT)

    def _numbers(self, array: Array, scale: int, zero: int, axis: int | None) -> Array:
        steps, points = self.known(scale), self.known(zero)
        if steps is None:
            self.refuse(f"input {scale} is missing", "Quantize the model again")
        shape = [1] * array.ndim
        if axis is not None and array.ndim:
            shape[axis] = -1
        steps, points = (
            each if each.ndim > 1 else each.reshape(shape if each.size > 1 else ())
            for each in (steps, np.zeros((), np.int32) if points is None else points)
        )
        return ((array.astype(np.float32) - points.astype(np.float32)) * steps).astype(np.float32)

    def sums(self, index: int, *scales: int, factor: float = 1.0) -> ir.Value:
        """An int32 bias, on the product of several scales, made real."""
        bias, steps = self.known(index), np.array(factor, np.float64)
        for each in scales:
            known = self.known(each)
            if known is not None:
                steps = steps * known.reshape(-1 if known.size > 1 else ()).astype(np.float64)
        return self.constant((np.asarray(bias, np.float64) * steps).astype(np.float32))

    def make(self, op_type: str, *inputs: ir.Value | None, **attributes: object) -> ir.Value:
        """A real operator; shapes are inferred later."""
        return self.op(op_type, list(inputs), None, FLOAT, **attributes)

    def kept(self, *names: str) -> dict[str, object]:
        """Those attributes that the node has."""
        return {name: self.node.attributes[name].value for name in names if name in self.node.attributes}

    def step(self, index: int) -> ir.Value:
        """A scale in float32, as QuantizeLinear wants it; sources have it in half precision too."""
        value = self.input(index)
        if value.dtype in (None, FLOAT):
            return value
        known = array_of(value)
        if known is not None:
            return self.constant(known.astype(np.float32))
        return self.op("Cast", [value], None, FLOAT, to=int(FLOAT))

    def quantized(self, value: ir.Value, scale: int, zero: int) -> None:
        """`value`, on the grid of these inputs, takes the node's place."""
        point = self.input(zero) if self.has(zero) else self.constant(np.zeros((), np.uint8))
        self.becomes(self.op("QuantizeLinear", [value, self.step(scale), point], None, point.dtype))

    def require_channels_first(self) -> None:
        """Refuses the layout of another execution provider."""
        if self.integer("channels_last", 0):
            self.refuse("channels_last", "Save the model before a runtime optimizes it")


def _pairwise(op_type: str) -> Callable[[Integers], None]:
    """Inputs A and B with their grids, then the grid of the result."""

    def read(draft: Integers) -> None:
        draft.quantized(draft.make(op_type, draft.real(0, 1, 2), draft.real(3, 4, 5)), 6, 7)

    return read


def _single(op_type: str, *attributes: str) -> Callable[[Integers], None]:
    """An input with its grid, then the grid of the result."""

    def read(draft: Integers) -> None:
        draft.require_channels_first()
        draft.quantized(draft.make(op_type, draft.real(0, 1, 2), **draft.kept(*attributes)), 3, 4)

    return read


def _conv(draft: Integers) -> None:
    draft.require_channels_first()
    inputs = [draft.real(0, 1, 2), draft.real(3, 4, 5, axis=0)]
    if draft.has(8):
        inputs.append(draft.sums(8, 1, 4))
    names = ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")
    draft.quantized(draft.make("Conv", *inputs, **draft.kept(*names)), 6, 7)


def _matmul(draft: Integers) -> None:
    draft.quantized(draft.make("MatMul", draft.real(0, 1, 2, axis=-2), draft.real(3, 4, 5, axis=-1)), 6, 7)


def _gemm(draft: Integers) -> None:
    """Its C is on the scale of the products, alpha included; without a grid the result is real."""
    columns = 0 if draft.integer("transB", 0) else 1
    inputs = [draft.real(0, 1, 2), draft.real(3, 4, 5, axis=columns)]
    if draft.has(6):
        inputs.append(draft.sums(6, 1, 4, factor=draft.number("alpha", 1.0)))
    made = draft.make("Gemm", *inputs, **draft.kept("alpha", "transA", "transB"))
    if draft.has(7):
        draft.quantized(made, 7, 8)
    else:
        draft.becomes(made)


def _concat(draft: Integers) -> None:
    """The grid of the result comes first."""
    parts = [draft.real(index, index + 1, index + 2) for index in range(2, len(draft.node.inputs), 3)]
    draft.quantized(draft.make("Concat", *parts, **draft.kept("axis")), 0, 1)


def _softmax(draft: Integers) -> None:
    meant = draft.integer("opset", draft.opset)
    if (meant < SOFTMAX_CHANGED) != (draft.opset < SOFTMAX_CHANGED):
        draft.refuse(f"the softmax of opset {meant} in a graph of opset {draft.opset}", "Quantize it again")
    draft.quantized(draft.make("Softmax", draft.real(0, 1, 2), **draft.kept("axis")), 3, 4)


def _reduce_mean(draft: Integers) -> None:
    axes = draft.node.attributes.get_ints("axes")
    kept = draft.kept("keepdims")
    inputs: list[ir.Value] = [draft.real(0, 1, 2)]
    if axes and draft.opset >= AXES_ARE_INPUTS:
        inputs.append(draft.constant(np.array(axes, np.int64)))
    elif axes:
        kept["axes"] = list(axes)
    draft.quantized(draft.make("ReduceMean", *inputs, **kept), 3, 4)


def _where(draft: Integers) -> None:
    draft.quantized(draft.make("Where", draft.input(0), draft.real(1, 2, 3), draft.real(4, 5, 6)), 7, 8)


def _dynamic_matmul(draft: Integers) -> None:
    """The left side is quantized while it runs; the right one is (1, scale 2, zero point 3), then a bias."""
    left = draft.input(0)
    maker = ir.node("DynamicQuantizeLinear", [left], num_outputs=3, name=f"{draft.node.name}_quantize")
    graph_of(draft.node).insert_before(draft.node, maker)
    for output, name, dtype in zip(
        maker.outputs,
        ("integers", "scale", "zero"),
        (ir.DataType.UINT8, FLOAT, ir.DataType.UINT8),
        strict=True,
    ):
        output.name, output.type = f"{draft.node.name}_{name}", ir.TensorType(dtype)
    real = draft.op("DequantizeLinear", list(maker.outputs), None, FLOAT)
    _product(draft, real, draft.real(1, 2, 3, axis=-1), 4)


def _integer_product(draft: Integers) -> None:
    """MatMulIntegerToFloat: A, B, both scales, both zero points, bias."""
    _product(draft, draft.real(0, 2, 4), draft.real(1, 3, 5, axis=-1), 6)


def _product(draft: Integers, left: ir.Value, right: ir.Value, bias: int) -> None:
    made = draft.make("MatMul", left, right)
    draft.becomes(draft.make("Add", made, draft.input(bias)) if draft.has(bias) else made)


def _attention(draft: Integers) -> None:
    """Attention on integers: X, weights, bias, both scales, a mask, both zero points, the past. The result is real."""
    inputs: list[ir.Value | None] = [draft.real(0, 3, 6), draft.real(1, 4, 7, axis=-1)]
    inputs += [input_of(draft.node, index) for index in (2, 5, 8)]
    _as_real(draft, "Attention", inputs)


def _embedding(draft: Integers) -> None:
    """Ids, then tables, gamma and beta on integers (2 to 6), a mask (7), scales (8 to 12), zero points (13 to 17)."""
    tables = [draft.real(2 + i, 8 + i, 13 + i) if draft.has(2 + i) else None for i in range(5)]
    ids = [input_of(draft.node, index) for index in (0, 1)]
    _as_real(draft, "EmbedLayerNormalization", [*ids, *tables, input_of(draft.node, 7)])


def _as_real(draft: Integers, op_type: str, inputs: Sequence[ir.Value | None]) -> None:
    """The node itself becomes the fused operator on real numbers, which `converters/passes/contrib` writes out."""
    node = draft.node
    node.resize_inputs(len(inputs))
    for index, value in enumerate(inputs):
        node.replace_input_with(index, value)
    node.op_type = op_type


def _lstm(draft: Integers) -> None:
    read_lstm(draft.node, lambda index, scale, zero: _rows(draft, index, scale, zero))


def _rows(draft: Integers, index: int, scale: int, zero: int) -> Array:
    """Weights of a recurrent layer as real numbers: one scale by direction, or by direction and column."""
    array, steps, points = draft.known(index), draft.known(scale), draft.known(zero)
    if array is None or steps is None:
        draft.refuse(f"input {index} or {scale} is missing", "Quantize the model again")
    steps, points = (
        each.reshape(each.shape[0] if each.ndim else 1, 1, -1)
        for each in (steps, np.zeros(steps.shape, np.int32) if points is None else points)
    )
    return ((array.astype(np.float32) - points.astype(np.float32)) * steps).astype(np.float32)


POOL = ("auto_pad", "ceil_mode", "count_include_pad", "kernel_shape", "pads", "strides")

OPERATORS: dict[tuple[str, str], Callable[[Integers], None]] = {
    ("", "QLinearConv"): _conv,
    ("", "QLinearMatMul"): _matmul,
    (RUNTIME, "DynamicQuantizeLSTM"): _lstm,
    (RUNTIME, "DynamicQuantizeMatMul"): _dynamic_matmul,
    (RUNTIME, "MatMulIntegerToFloat"): _integer_product,
    (RUNTIME, "QAttention"): _attention,
    (RUNTIME, "QEmbedLayerNormalization"): _embedding,
    (RUNTIME, "QGemm"): _gemm,
    (RUNTIME, "QLinearAdd"): _pairwise("Add"),
    (RUNTIME, "QLinearAveragePool"): _single("AveragePool", *POOL),
    (RUNTIME, "QLinearConcat"): _concat,
    (RUNTIME, "QLinearConv"): _conv,
    (RUNTIME, "QLinearGlobalAveragePool"): _single("GlobalAveragePool"),
    (RUNTIME, "QLinearLeakyRelu"): _single("LeakyRelu", "alpha"),
    (RUNTIME, "QLinearMatMul"): _matmul,
    (RUNTIME, "QLinearMul"): _pairwise("Mul"),
    (RUNTIME, "QLinearReduceMean"): _reduce_mean,
    (RUNTIME, "QLinearSigmoid"): _single("Sigmoid"),
    (RUNTIME, "QLinearSoftmax"): _softmax,
    (RUNTIME, "QLinearWhere"): _where,
}
"""(domain, operator) -> what writes it out. To add one: the function, and a line here."""
