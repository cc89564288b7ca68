from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from edgemm.converters.passes import canonicalize
from edgemm.converters.passes.shapes import infer_shapes
from edgemm.errors import ConversionError, InputError


def test_what_the_file_says_of_inner_shapes_is_not_believed(build: Any) -> None:
    model = build("g (float[1,3] x) => (float[n,m] y) { r = Relu(x) y = Tanh(r) }")
    model.graph[0].outputs[0].shape = ir.Shape(["batch", 7])
    infer_shapes(model)
    assert model.graph[0].outputs[0].shape.numpy() == (1, 3)


def test_an_open_input_is_refused(build: Any) -> None:
    with pytest.raises(InputError, match="--shape x="):
        canonicalize(build("g (float[n,3] x) => (float[n,3] y) { y = Relu(x) }"))


def test_shapes_that_contradict_each_other_are_refused(build: Any) -> None:
    with pytest.raises(ConversionError, match="contradict"):
        canonicalize(build("g (float[2] x, float[3] z) => (float[2] y) { y = Add(x, z) }"))


def test_a_graph_holds_nothing_of_a_constant_that_has_gone(build: Any) -> None:
    """Shapes are inferred again and again while constants are replaced."""
    model = build("g (float[1,40] x) => (float[1,40] y) { y = MatMul(x, w) }")
    array = np.ones((40, 40), np.float32)
    weight = ir.Value(name="w", shape=ir.Shape([40, 40]), type=ir.TensorType(ir.DataType.FLOAT))
    weight.const_value = ir.Tensor(array, name="w")
    model.graph.register_initializer(weight)
    model.graph[0].replace_input_with(1, weight)
    infer_shapes(model)
    assert model.graph.outputs[0].shape.numpy() == (1, 40)
    assert list(model.graph.initializers) == ["w"]
    assert len(model.graph.inputs) == 1
    assert weight.const_value.numpy() is array
    gone = weakref.ref(array)
    other = ir.Value(name="v", shape=weight.shape, type=weight.type)
    other.const_value = ir.Tensor(2 * array, name="v")
    model.graph.register_initializer(other)
    model.graph[0].replace_input_with(1, other)
    del model.graph.initializers["w"], weight, array
    gc.collect()
    assert gone() is None
