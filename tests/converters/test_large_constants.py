"""Large constants are found in the bytes of a file, and the rest of it is as onnx parses it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx.checker
import onnx_ir as ir
import pytest
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import TensorProto, helper, numpy_helper

from edgemm.converters.importers import read_onnx
from edgemm.converters.large_constants import (
    LARGE_BYTES,
    beside,
    emptied,
    filled,
    hollow_out,
    is_hollow,
    parse,
    put_back,
    set_apart,
)
from edgemm.errors import DamagedArtifact
from edgemm.quantize.reference import Apart, Reference, apart

COUNT = LARGE_BYTES // 4


def made(*tensors: TensorProto, inputs: tuple[str, ...] = ()) -> onnx.ModelProto:
    """A sum of x and constants [COUNT]."""
    nodes, before = [], "x"
    for at, tensor in enumerate(tensors):
        nodes.append(helper.make_node("Add", [before, tensor.name], [f"y{at}"]))
        before = f"y{at}"
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [COUNT]) for name in ("x", *inputs)]
    ends = [helper.make_tensor_value_info(before, TensorProto.FLOAT, [COUNT])]
    graph = helper.make_graph(nodes, "g", values, ends, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def ramp(name: str, count: int = COUNT) -> TensorProto:
    return numpy_helper.from_array(np.arange(count, dtype=np.float32), name)


def test_a_large_constant_is_a_view_of_the_file_and_the_rest_is_the_same() -> None:
    whole = made(ramp("a"), ramp("b"))
    payload = whole.SerializeToString()
    proto, constants = parse(payload)
    assert list(constants) == ["a", "b"]
    assert all(is_hollow(each, constants) for each in proto.graph.initializer)
    assert np.shares_memory(constants["b"], np.frombuffer(payload, np.uint8))
    for tensor in proto.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(constants[tensor.name], tensor.name))
    assert proto == whole


@pytest.mark.parametrize("kind", ["float16", "float64", "int8", "uint8", "int32"])
def test_every_plain_type_has_its_numbers_and_its_shape(kind: str) -> None:
    array = (np.arange(4 * COUNT) % 99).astype(kind).reshape(2, -1, 4)
    _, constants = parse(made(numpy_helper.from_array(array, "a")).SerializeToString())
    assert constants["a"].dtype == kind
    assert np.array_equal(constants["a"], array)


def test_what_is_small_or_a_size_or_of_another_type_stays() -> None:
    sizes = numpy_helper.from_array(np.arange(COUNT), "sizes")
    half = helper.make_tensor("half", TensorProto.BFLOAT16, [COUNT * 2], b"\1\2" * COUNT * 2, raw=True)
    listed = helper.make_tensor("listed", TensorProto.FLOAT, [COUNT], np.ones(COUNT))
    whole = made(ramp("small", COUNT - 1), sizes, half, listed)
    proto, constants = parse(whole.SerializeToString())
    assert (proto, constants) == (whole, {})


def test_a_name_that_comes_twice_and_content_that_does_not_fit_stay() -> None:
    other, short = ramp("a"), ramp("c")
    other.raw_data = b"\7" * len(other.raw_data)
    short.raw_data = short.raw_data[:-4]
    proto, constants = parse(made(ramp("a"), other, short).SerializeToString())
    assert list(constants) == ["a"]
    assert [len(each.raw_data) for each in proto.graph.initializer] == [1, LARGE_BYTES, LARGE_BYTES - 4]


def test_a_file_in_two_parts_is_what_protobuf_joins_it_to() -> None:
    first, second = made(ramp("a")), onnx.ModelProto()
    second.graph.doc_string = "more"
    payload = first.SerializeToString() + second.SerializeToString()
    proto, constants = parse(payload)
    assert (proto, constants) == (onnx.ModelProto.FromString(payload), {})


@pytest.mark.parametrize("at", [1, 40, 3000, -1])
def test_a_file_that_is_cut_short_is_refused_as_onnx_refuses_it(at: int) -> None:
    payload = made(ramp("a")).SerializeToString()[:at]
    with pytest.raises(DecodeError):
        onnx.ModelProto.FromString(payload)
    with pytest.raises(DecodeError):
        parse(payload)


def test_the_check_sees_hollow_constants_as_empty_and_leaves_the_file_as_it_was() -> None:
    proto, constants = parse(made(ramp("a")).SerializeToString())
    before = proto.SerializeToString()
    with emptied(proto, constants):
        assert list(proto.graph.initializer[0].dims) == [0]
        onnx.checker.check_model(proto)
    assert proto.SerializeToString() == before


def test_a_source_has_its_weights_once_and_nobody_can_write_into_them(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(made(ramp("a")).SerializeToString())
    tensor = read_onnx(path).graph.initializers["a"].const_value
    assert tensor is not None
    found = tensor.numpy()
    assert np.array_equal(found, np.arange(COUNT, dtype=np.float32))
    assert np.shares_memory(found, tensor.numpy())
    assert (found.flags.writeable, found.flags.aligned) == (False, True)


def test_weights_beside_the_file_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(
        made(ramp("a"), ramp("b")), path, save_as_external_data=True, location="model.data", size_threshold=0
    )
    graph = read_onnx(path).graph
    for name in ("a", "b"):
        tensor = graph.initializers[name].const_value
        assert tensor is not None
        assert np.array_equal(tensor.numpy(), np.arange(COUNT, dtype=np.float32))


def test_a_large_constant_that_does_not_fit_its_shape_is_named(tmp_path: Path) -> None:
    wrong = ramp("a")
    wrong.raw_data = wrong.raw_data[:-4]
    path = tmp_path / "model.onnx"
    path.write_bytes(made(wrong).SerializeToString())
    with pytest.raises(DamagedArtifact, match=r"\ba\b"):
        read_onnx(path)


def test_what_was_set_apart_comes_back_to_the_bytes_that_protobuf_writes() -> None:
    order = numpy_helper.from_array(np.arange(COUNT, dtype=np.float32).reshape(2, -1).T, "turned")
    model = ir.from_proto(made(ramp("a"), ramp("small", COUNT - 1), ramp("b"), order))
    turned = model.graph.initializers["turned"]
    turned.const_value = ir.Tensor(np.arange(COUNT, dtype=np.float32).reshape(-1, 2).T, name="turned")
    whole = ir.to_proto(model).SerializeToString(deterministic=True)
    constants = set_apart(model)
    assert list(constants) == ["a", "b", "turned"]
    proto = ir.to_proto(model)
    assert len(proto.SerializeToString()) < len(whole) // 2
    hollow_out(proto, constants)
    assert filled(proto, constants) == whole
    again = ir.from_proto(parse(whole)[0])
    put_back(again, parse(whole)[1])
    assert ir.to_proto(again).SerializeToString(deterministic=True) == whole


def test_nothing_large_is_what_protobuf_writes() -> None:
    proto = made(ramp("small", 7))
    assert filled(proto, {}) == proto.SerializeToString(deterministic=True)


@pytest.mark.parametrize("optimize", [False, True])
def test_a_runtime_computes_the_same_with_constants_beside_the_file(optimize: bool) -> None:
    whole = made(ramp("a"), ramp("small", 1), ramp("b"))
    payload = whole.SerializeToString()
    sample = {"x": np.linspace(-1, 1, COUNT, dtype=np.float32)}
    expected = Reference(payload, optimize=optimize).run(sample)["y2"]
    assert np.isclose(expected[5], sample["x"][5] + 10)
    for parts in (beside(payload), apart(ir.from_proto(whole))):
        assert list(parts.weights) == ["a", "b"]
        assert len(parts.payload) < len(payload) // 8
        assert np.array_equal(Reference(parts, optimize=optimize).run(sample)["y2"], expected)


def test_constants_that_nothing_reads_stay_in_the_file() -> None:
    """The runtime drops them, and then does not find them."""
    whole = made(ramp("a"))
    whole.graph.initializer.append(ramp("left over"))
    model, payload = ir.from_proto(whole), whole.SerializeToString()
    assert list(apart(model).weights) == ["a"]
    assert beside(payload).weights == {}
    sample = {"x": np.zeros(COUNT, np.float32)}
    for parts in (model, beside(payload)):
        assert Reference(parts).run(sample)["y0"][3] == 3


def test_the_model_that_is_taken_apart_is_left_as_it_is_and_not_copied() -> None:
    model = ir.from_proto(made(ramp("a")))
    value, tensor = model.graph.initializers["a"], ir.Tensor(np.arange(COUNT, dtype=np.float32), name="a")
    value.const_value = tensor
    parts = apart(model)
    assert value.const_value is tensor
    assert np.shares_memory(parts.weights["a"], tensor.numpy())


def test_constants_in_another_order_of_memory_are_put_in_order() -> None:
    whole = made(ramp("a"))
    parts = beside(whole.SerializeToString())
    crooked = {"a": np.repeat(parts.weights["a"], 2)[::2]}
    assert not crooked["a"].flags.c_contiguous
    assert Reference(Apart(parts.payload, crooked)).run({"x": np.zeros(COUNT, np.float32)})["y0"][9] == 9
