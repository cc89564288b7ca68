"""`check_onnx`: the rules that every written file must fulfil.

ONNX's own checker, then the numbers (finite, scales above zero), then the rules that the plan is made by:
one scale through operators that have only one, the prescribed outputs, and the bias at the scale of the
accumulator. Runtimes do not check these; they compute something else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx.checker
import onnx.shape_inference
import onnx_ir as ir

from edgemm.converters.large_constants import emptied, parse, put_back
from edgemm.converters.onnx_writer.constants import UNSIGNED_SHIFT
from edgemm.converters.onnx_writer.placement import FLOAT_MARK
from edgemm.converters.passes.rewrite import array_of, input_of, sole_consumer
from edgemm.errors import ConversionError
from edgemm.quantize.addresses import ADDRESSES
from edgemm.quantize.fusion import FUSED_BOUNDS, bounds
from edgemm.quantize.grid import MAX_SCALE
from edgemm.quantize.legality import RECURRENT, RULES, Form, Rule
from edgemm.quantize.target import TARGETS

BIAS_TOLERANCE = 1e-6
"""Relative: the product of two float32 scales, rounded once."""

LAYERS = RECURRENT | {"InstanceNormalization", "LayerNormalization"}
"""Operators whose inputs after the first are trained, beside those of the table of rules."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredGrid:
    """Scale and zero point as the file has them."""

    scale: npt.NDArray[np.float32]
    zero_point: npt.NDArray[Any]
    """int32 zero where the file leaves it out."""

    def same_as(self, other: StoredGrid) -> bool:
        """True when both stand for the same numbers."""
        return (
            np.array_equal(self.scale, other.scale)
            and np.array_equal(self.zero_point, other.zero_point)
            and self.zero_point.dtype == other.zero_point.dtype
        )

    def __str__(self) -> str:
        return f"(scale {self.scale.reshape(-1)[:4]}, zero point {self.zero_point.reshape(-1)[:1]})"


def check_onnx(payload: bytes) -> None:
    """Checks a file that this writer made.

    Raises:
        ConversionError: the file breaks a rule; node and rule are in the message.
    """
    model = _parse(payload)
    for value in model.graph.initializers.values():
        array = array_of(value)
        if array is not None and array.dtype.kind == "f" and not np.isfinite(array).all():
            readers = [use.node for use in value.uses() if _is_trained(use.node, use.idx)]
            if readers:
                raise ConversionError(
                    f"constant {value.name!r}, a weight of node {readers[0].name!r} ({readers[0].op_type}), holds NaN "
                    "or infinity: the source model is damaged, export it again"
                )
    for node in model.graph:
        for complaint in _complaints(node):
            raise ConversionError(
                f"the written file breaks a rule at node {node.name!r} ({node.op_type}): {complaint}. "
                "This is a fault in the plan or the writer: please report the model"
            )


def _parse(payload: bytes) -> ir.Model:
    try:
        proto, constants = parse(payload)
        with emptied(proto, constants):
            onnx.checker.check_model(proto)
        onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True)
    except Exception as e:  # protobuf, the checker and shape inference raise types of their own
        raise ConversionError(f"the written file is not valid ONNX: {e}") from e
    model: ir.Model = ir.from_proto(proto)
    put_back(model, constants)
    return model


def _is_trained(node: ir.Node, index: int) -> bool:
    """True for a weight or a bias; masks, limits and what is compared with may well be infinite."""
    rule = RULES.get(node.op_type)
    if node.op_type in LAYERS:
        return index > 0
    return rule is not None and index in (rule.weight, rule.bias)


def _complaints(node: ir.Node) -> Iterator[str]:
    if node.domain != "":
        yield f"domain {node.domain!r} is not standard"
    if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
        yield from _check_pair(node)
        return
    rule = RULES.get(node.op_type)
    output = _stored_on(node)
    inputs = [grid_of(input_of(node, index)) for index in range(len(node.inputs))]
    yield from _check_operands(node, rule, inputs)
    if rule is None or output is None or node.doc_string == FLOAT_MARK:
        return
    if rule.form is Form.SAME and node.op_type != "Concat":  # its kernel looks at the grid of each input
        yield from _check_same(node, rule, inputs, output)
    if rule.fixed is not None and inputs[0] is not None:
        yield from _check_fixed(rule, output)
    if rule.bias is not None and rule.weight is not None and len(inputs) > rule.bias:
        yield from _check_bias(inputs[0], inputs[rule.weight], inputs[rule.bias])


def grid_of(value: ir.Value | None) -> StoredGrid | None:
    """The grid of a tensor that comes out of a DequantizeLinear."""
    producer = value.producer() if value is not None else None
    return _parameters(producer) if producer is not None and producer.op_type == "DequantizeLinear" else None


def _stored_on(node: ir.Node) -> StoredGrid | None:
    """The grid that the node's output is quantized on, its fused activation between."""
    value = node.outputs[0]
    consumer = sole_consumer(value)
    if consumer is not None and bounds(consumer) in FUSED_BOUNDS:
        value = consumer.outputs[0]
    grids = [_parameters(each) for each in value.consumers() if each.op_type == "QuantizeLinear"]
    return grids[0] if grids else None


def _parameters(node: ir.Node) -> StoredGrid | None:
    scale, zero_point = array_of(input_of(node, 1)), array_of(input_of(node, 2))
    if scale is None:
        return None
    return StoredGrid(scale, np.zeros(scale.shape, np.int32) if zero_point is None else zero_point)


def _check_pair(node: ir.Node) -> Iterator[str]:
    grid = _parameters(node)
    if grid is None:
        yield "the scale is not constant"
    elif not (np.isfinite(grid.scale).all() and (grid.scale > 0).all()):
        yield f"every scale must be above 0, found {grid.scale.min()}"
    elif (grid.scale > MAX_SCALE).any():
        yield f"no scale may be above {MAX_SCALE:.3g}, found {grid.scale.max():.3g}"


def _check_operands(node: ir.Node, rule: Rule | None, inputs: list[StoredGrid | None]) -> Iterator[str]:
    """Only data, weights and biases come from integers; constants only where they are stored so to be small."""
    known = None if rule is None else {*_data(node, rule), rule.weight, rule.bias}
    for index, grid in enumerate(inputs):
        if grid is None:
            continue
        if index in ADDRESSES.get(node.op_type, ()) or (known is not None and index not in known):
            yield f"input {index} comes from a DequantizeLinear, and is not data: it must be read as it is"
        elif rule is None and _is_stored(node.inputs[index]) and index not in _packed(node):
            yield f"input {index} is a constant behind a DequantizeLinear, and no weight"


def _data(node: ir.Node, rule: Rule) -> tuple[int, ...]:
    return tuple(range(len(node.inputs))) if rule.data is None else rule.data


def _is_stored(value: ir.Value | None) -> bool:
    """True for a constant that is stored as integers."""
    producer = value.producer() if value is not None else None
    return producer is not None and array_of(input_of(producer, 0)) is not None


def _packed(node: ir.Node) -> tuple[int, ...]:
    return (1, 2) if node.op_type in RECURRENT else ()


def _check_same(
    node: ir.Node, rule: Rule, inputs: list[StoredGrid | None], output: StoredGrid
) -> Iterator[str]:
    for index in _data(node, rule):
        found = inputs[index]
        if found is not None and not found.same_as(output):
            yield f"input {index} is on {found}, the output on {output}; they must be one grid"


def _check_fixed(rule: Rule, output: StoredGrid) -> Iterator[str]:
    if rule.fixed is None:
        return
    symmetric = output.zero_point.dtype == np.int8
    expected = rule.fixed.grid(TARGETS["tensorrt" if symmetric else "cpu"])
    zero_point = expected.zero_point + (0 if symmetric else UNSIGNED_SHIFT)
    if not np.isclose(output.scale, expected.scalar) or int(output.zero_point) != zero_point:
        yield f"its output must be on (scale {expected.scalar}, zero point {zero_point}), found {output}"


def _check_bias(
    source: StoredGrid | None, weight: StoredGrid | None, bias: StoredGrid | None
) -> Iterator[str]:
    if source is None or weight is None or bias is None:
        return
    expected = source.scale * weight.scale
    if not np.allclose(bias.scale, expected, rtol=BIAS_TOLERANCE, atol=0.0):
        yield f"the bias must have the scale of input times weight {expected}, found {bias}"
