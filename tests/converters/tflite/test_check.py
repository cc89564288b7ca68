"""The checker refuses a file that breaks a rule which kernels do not check."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flatbuffers
import numpy as np
import pytest

from edgemm.converters.tflite import check_tflite
from edgemm.converters.tflite.builder import _buffer
from edgemm.converters.tflite.schema import enum, schema
from edgemm.errors import ConversionError

Change = Callable[[Any], None]


def operator(model: Any, code: str) -> Any:
    number = enum("BuiltinOperator", code)
    found = model.subgraphs[0].operators
    return next(each for each in found if model.operatorCodes[each.opcodeIndex].builtinCode == number)


def tensor(model: Any, index: int) -> Any:
    return model.subgraphs[0].tensors[index]


def rescale_pool(model: Any) -> None:
    tensor(model, operator(model, "MAX_POOL_2D").outputs[0]).quantization.scale = np.array([0.5], np.float32)


def rescale_reshape(model: Any) -> None:
    tensor(model, operator(model, "RESHAPE").outputs[0]).quantization.scale = np.array([0.5], np.float32)


def rescale_softmax(model: Any) -> None:
    tensor(model, operator(model, "SOFTMAX").outputs[0]).quantization.scale = np.array([1 / 200], np.float32)


def rescale_bias(model: Any) -> None:
    tensor(model, operator(model, "CONV_2D").inputs[2]).quantization.scale *= np.float32(1.01)


def scale_beyond_sense(model: Any) -> None:
    tensor(model, operator(model, "SOFTMAX").inputs[0]).quantization.scale = np.array([1e36], np.float32)


def scale_by_nothing(model: Any) -> None:
    tensor(model, operator(model, "SOFTMAX").inputs[0]).quantization.scale = np.array([0], np.float32)


def shift_weights(model: Any) -> None:
    tensor(model, operator(model, "CONV_2D").inputs[1]).quantization.zeroPoint += 1


def lose_a_scale(model: Any) -> None:
    tensor(model, operator(model, "SOFTMAX").inputs[0]).quantization = None


def write_late(model: Any) -> None:
    model.subgraphs[0].operators.reverse()


def cut_weights(model: Any) -> None:
    buffer = model.buffers[tensor(model, operator(model, "CONV_2D").inputs[1]).buffer]
    buffer.data = buffer.data[:-1]


def raise_version(model: Any) -> None:
    model.operatorCodes[0].version = 99


def point_outside(model: Any) -> None:
    operator(model, "CONV_2D").inputs = np.array([999, 1, 2], np.int32)


def point_to_no_operator(model: Any) -> None:
    operator(model, "CONV_2D").opcodeIndex = 77


def resize_output(model: Any) -> None:
    tensor(model, operator(model, "CONV_2D").outputs[0]).shape = np.array([1, 5, 5, 8], np.int32)


def resize_dense(model: Any) -> None:
    tensor(model, operator(model, "FULLY_CONNECTED").outputs[0]).shape = np.array([1, 11], np.int32)


def turn_axis(model: Any) -> None:
    weights = tensor(model, operator(model, "CONV_2D").inputs[1])
    weights.quantization.quantizedDimension = 3


def lose_signature(model: Any) -> None:
    model.signatureDefs = None


def grid_on(code: str, index: int) -> Change:
    """A scale where an operand is read as it is."""

    def change(model: Any) -> None:
        spoiled = tensor(model, operator(model, code).inputs[index])
        spoiled.quantization = schema().QuantizationParametersT()
        spoiled.quantization.scale = np.array([0.5], np.float32)
        spoiled.quantization.zeroPoint = np.array([0], np.int64)

    return change


def changed(payload: bytes, change: Change) -> bytes:
    """The file with one thing changed, its buffers aligned again."""
    model = schema().ModelT.InitFromPackedBuf(bytearray(payload), 0)
    for quantization in (each.quantization for each in model.subgraphs[0].tensors):
        if quantization is not None:
            quantization.scale = np.array(quantization.scale)
            quantization.zeroPoint = np.array(quantization.zeroPoint)
    change(model)
    model.buffers = [each if each.data is None else _buffer(each.data) for each in model.buffers]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.fixture
def payload(named: Callable[[str], Any]) -> bytes:
    network = named("plain")
    found: bytes = network.write(network.static_plan(target="coral")).payload  # its softmax is an integer one
    return found


def test_an_unchanged_file_passes(payload: bytes) -> None:
    check_tflite(changed(payload, lambda model: None))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (rescale_pool, "MAX_POOL_2D"),
        (rescale_reshape, "RESHAPE"),
        (rescale_softmax, "SOFTMAX"),
        (rescale_bias, "bias"),
        (scale_beyond_sense, "a scale that is not within"),
        (scale_by_nothing, "a scale that is not within"),
        (shift_weights, "zero point"),
        (lose_a_scale, "without a scale"),
        (write_late, "before it is written"),
        (cut_weights, "bytes of data"),
        (raise_version, "version 99"),
        (point_outside, "tensor 999"),
        (point_to_no_operator, "operator code 77"),
        (resize_output, "CONV_2D.*shape"),
        (resize_dense, "FULLY_CONNECTED.*shape"),
        (turn_axis, "dimension 3"),
        (lose_signature, "no signature"),
    ],
)
def test_a_broken_rule_is_refused(payload: bytes, change: Change, message: str) -> None:
    broken = changed(payload, change)
    with pytest.raises(ConversionError, match=message):
        check_tflite(broken)


@pytest.mark.parametrize(
    ("name", "code", "index"),
    [
        ("plain", "RESHAPE", 1),
        ("pad_value", "PADV2", 1),
        ("slice", "STRIDED_SLICE", 2),
        ("mean_of_width", "MEAN", 1),
        ("divide", "DIV", 1),
    ],
)
def test_a_grid_on_what_is_no_data_is_refused(
    named: Callable[[str], Any], name: str, code: str, index: int
) -> None:
    network = named(name)
    payload = network.write(network.static_plan()).payload
    with pytest.raises(ConversionError, match=f"{code}.*input {index}.*is not data"):
        check_tflite(changed(payload, grid_on(code, index)))


def test_constants_off_their_alignment_are_refused(payload: bytes) -> None:
    model = schema().ModelT.InitFromPackedBuf(payload, 0)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")  # the generated code does not align
    with pytest.raises(ConversionError, match="aligned"):
        check_tflite(bytes(builder.Output()))


def test_what_is_no_tflite_file_is_refused() -> None:
    with pytest.raises(ConversionError, match="identifier"):
        check_tflite(b"no model at all")


@pytest.mark.parametrize("length", [9, 100, 1000])
def test_a_cut_file_is_refused(payload: bytes, length: int) -> None:
    with pytest.raises(ConversionError):
        check_tflite(payload[:length])


def test_a_transpose_that_is_no_permutation_is_refused(named: Callable[[str], Any]) -> None:
    network = named("reshape")

    def repeat(model: Any) -> None:
        buffer = model.buffers[tensor(model, operator(model, "TRANSPOSE").inputs[1]).buffer]
        buffer.data = np.frombuffer(np.array([0, 3, 3, 9], np.int32).tobytes(), np.uint8)

    broken = changed(network.write(network.float_plan()).payload, repeat)
    with pytest.raises(ConversionError, match="not a permutation"):
        check_tflite(broken)
