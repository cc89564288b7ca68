"""Inputs and outputs of a .tflite file keep their shapes when it is written as a .tflite file again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from needs import package
from tflite_operators import Given, Model, Step, constant

interpreter = package("ai_edge_litert.interpreter")
package("onnxruntime")

from edgemm.converters import convert  # noqa: E402


def padded_pool() -> Model:
    """What begins with PAD: nothing that is done with the input first says where its channels are."""
    pads = constant(np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32))
    pool = {"strideH": 2, "strideW": 2, "filterHeight": 3, "filterWidth": 3}
    steps = [
        Step("PAD", [0, 1], [2], ("PadOptions", {})),
        Step("AVERAGE_POOL_2D", [2], [3], ("Pool2DOptions", pool)),
    ]
    return Model([Given((1, 7, 8, 3)), pads, Given((1, 9, 10, 3)), Given()], steps, [0], [3])


def state_beside_a_convolution() -> Model:
    """A state of four dimensions that is no picture goes in and comes out."""
    kernel = constant(np.random.default_rng(0).normal(0, 0.3, (4, 3, 3, 2)).astype(np.float32))
    none = constant(np.zeros(4, np.float32))
    axis = constant(np.array([3], np.int32))
    steps = [
        Step("CONV_2D", [0, 1, 2], [4], ("Conv2DOptions", {"strideH": 1, "strideW": 1})),
        Step("SUM", [4, 3], [5], ("ReducerOptions", {"keepDims": True})),
        Step("ADD", [5, 6], [7], ("AddOptions", {})),
    ]
    given = [Given((1, 5, 6, 2)), kernel, none, axis, Given(), Given(), Given((1, 5, 6, 7)), Given()]
    return Model(given, steps, [0, 6], [7])


@pytest.mark.parametrize("model", [padded_pool(), state_beside_a_convolution()], ids=["pad", "state"])
def test_shapes_and_answers_stay(model: Model, tmp_path: Path) -> None:
    source, made = tmp_path / "source.tflite", tmp_path / "made.tflite"
    source.write_bytes(model.payload())
    convert(source, output=made, scheme="float")
    one, other = (interpreter.Interpreter(model_path=str(path)) for path in (source, made))
    rng = np.random.default_rng(1)
    shapes = [each["shape"] for each in one.get_input_details()]
    for each in (one, other):
        each.allocate_tensors()
    given = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    answers = []
    for each in (one, other):
        for detail, values in zip(each.get_input_details(), given, strict=True):
            each.set_tensor(detail["index"], values)
        each.invoke()
        answers.append(each.get_tensor(each.get_output_details()[0]["index"]))
    np.testing.assert_allclose(answers[0], answers[1], rtol=1e-5, atol=1e-6)
