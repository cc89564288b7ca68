"""What a source alone still has waits on disk once it has answered."""

from __future__ import annotations

import gc
import tempfile
import weakref
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from edgemm.converters import set_aside as module
from edgemm.converters.reference import GraphSource
from edgemm.converters.samples import Samples
from edgemm.converters.set_aside import set_aside

WIDTH = 96


def network(*extra: onnx.TensorProto) -> ir.Model:
    random = np.random.default_rng(0)
    weights = [
        onnx.numpy_helper.from_array(random.standard_normal((WIDTH, WIDTH)).astype(np.float32), f"w{at}")
        for at in range(2)
    ]
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, WIDTH])
    nodes = [
        onnx.helper.make_node("MatMul", ["x", "w0"], ["y0"]),
        onnx.helper.make_node("MatMul", ["y0", "w1"], ["y1"]),
    ]
    end = onnx.helper.make_tensor_value_info("y1", onnx.TensorProto.FLOAT, [1, WIDTH])
    graph = onnx.helper.make_graph(nodes, "g", [value], [end], [*weights, *extra])
    model: ir.Model = ir.from_proto(
        onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    )
    for each in model.graph.initializers.values():
        assert each.const_value is not None
        each.const_value = ir.Tensor(each.const_value.numpy().copy(), name=each.name)
    return model


def with_other(model: ir.Model, name: str) -> ir.Model:
    """A copy with a constant of its own."""
    copy = model.clone()
    value = copy.graph.initializers[name]
    assert value.const_value is not None
    value.const_value = ir.Tensor(value.const_value.numpy() * np.float32(2), name=name)
    return copy


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEAST_BYTES", 4 * WIDTH * WIDTH)


def held(model: ir.Model, name: str) -> np.ndarray[Any, Any]:
    tensor = model.graph.initializers[name].const_value
    assert tensor is not None
    return tensor.numpy()


def test_what_the_source_alone_has_is_let_go_of_and_reads_the_same() -> None:
    model = network()
    other = with_other(model, "w1")
    expected, gone = held(model, "w1").copy(), weakref.ref(held(model, "w1"))
    assert set_aside(model, other) == expected.nbytes
    assert gone() is None
    np.testing.assert_array_equal(held(model, "w1"), expected)
    tensor = model.graph.initializers["w1"].const_value
    assert tensor is not None
    assert (tensor.name, tensor.dtype, tensor.shape) == ("w1", ir.DataType.FLOAT, ir.Shape([WIDTH, WIDTH]))


def test_what_both_have_stays_where_it_is() -> None:
    model = network()
    other = with_other(model, "w1")
    set_aside(model, other)
    assert held(model, "w0") is held(other, "w0")


@pytest.mark.parametrize("side", ["source", "other", "both"])
def test_what_one_has_as_a_view_of_what_the_other_has_stays(side: str) -> None:
    """Nothing would be let go of."""
    model = network()
    other = model.clone()
    for graph, name in ((model, "source"), (other, "other")):
        value = graph.graph.initializers["w1"]
        assert value.const_value is not None
        if side in (name, "both"):
            value.const_value = ir.Tensor(value.const_value.numpy().T, name="w1")
    assert set_aside(model, other) == 0
    assert isinstance(model.graph.initializers["w1"].const_value, ir.Tensor)


def test_what_only_cycles_hold_is_let_go_of_too() -> None:
    model = network()
    gone = weakref.ref(held(model, "w1"))
    knot: list[object] = [held(model, "w1")]
    knot.append(knot)
    del knot
    set_aside(model, with_other(model, "w1"))
    assert gone() is None


@pytest.mark.parametrize("transposed", [False, True])
def test_a_source_that_waits_on_disk_answers_the_same(transposed: bool) -> None:
    model = network()
    if transposed:
        value = model.graph.initializers["w1"]
        value.const_value = ir.Tensor(held(model, "w1").T, name="w1")
    samples = Samples(({"x": np.random.default_rng(1).standard_normal((1, WIDTH)).astype(np.float32)},))
    before = GraphSource(model).answers(samples)[0]["y1"]
    assert set_aside(model, with_other(model, "w1"))
    for graph in (model, model.clone()):
        np.testing.assert_array_equal(GraphSource(graph).answers(samples)[0]["y1"], before)


def test_several_are_found_again_each_in_its_place() -> None:
    model = network()
    other = with_other(with_other(model, "w0"), "w1")
    expected = [held(model, name).copy() for name in ("w0", "w1")]
    set_aside(model, other)
    for name, array in zip(("w0", "w1"), expected, strict=True):
        np.testing.assert_array_equal(held(model, name), array)


def test_little_is_not_worth_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEAST_BYTES", 4 * WIDTH * WIDTH + 1)
    model = network()
    assert set_aside(model, with_other(model, "w1")) == 0
    assert isinstance(model.graph.initializers["w1"].const_value, ir.Tensor)


class _Full:
    def __enter__(self) -> _Full:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def tell(self) -> int:
        return 0

    def write(self, data: object) -> None:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("made", [_Full, None])
def test_where_nothing_can_be_written_everything_stays(monkeypatch: pytest.MonkeyPatch, made: Any) -> None:
    def open_(**_: object) -> Any:
        if made is None:
            raise FileNotFoundError(2, "No usable temporary directory found")
        return made()

    monkeypatch.setattr(tempfile, "TemporaryFile", open_)
    model = network()
    before = held(model, "w1")
    assert set_aside(model, with_other(model, "w1")) == 0
    gc.collect()
    assert held(model, "w1") is before
