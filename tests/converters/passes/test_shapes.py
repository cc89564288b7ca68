from __future__ import annotations

from typing import Any

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
