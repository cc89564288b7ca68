"""Parts of .tflite files, cut by the names of tensors and of operators."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from needs import package
from tflite_operators import Given, Model, Step, constant

interpreter = package("ai_edge_litert.interpreter")
onnxruntime = package("onnxruntime")

from edgemm.converters import convert  # noqa: E402

RELU = 1
RNG = np.random.default_rng(0)
X = RNG.normal(size=(1, 5, 6, 2)).astype(np.float32)
KERNEL = RNG.normal(0, 0.3, (4, 3, 3, 2)).astype(np.float32)


def source(path: Path, *, upto: int = 2) -> Path:
    """A convolution with an activation, a pool, and a sum over the channels; "t3" is what the convolution makes."""
    pool = {"strideH": 2, "strideW": 2, "filterHeight": 2, "filterWidth": 2, "padding": 1}
    conv = {"strideH": 1, "strideW": 1, "fusedActivationFunction": RELU}
    steps = [
        Step("CONV_2D", [0, 1, 2], [3], ("Conv2DOptions", conv)),
        Step("AVERAGE_POOL_2D", [3], [4], ("Pool2DOptions", pool)),
    ]
    tensors = [Given((1, 5, 6, 2)), constant(KERNEL), constant(np.zeros(4, np.float32)), Given(), Given()]
    path.write_bytes(Model(tensors, steps[:upto], [0], [2 + upto]).payload())
    return path


def of_litert(path: Path) -> npt.NDArray[np.float32]:
    made = interpreter.Interpreter(model_path=str(path))
    made.allocate_tensors()
    made.set_tensor(made.get_input_details()[0]["index"], X)
    made.invoke()
    found: npt.NDArray[np.float32] = made.get_tensor(made.get_output_details()[0]["index"])
    return found


@pytest.mark.parametrize("name", ["CONV_2D_0", "CONV_2D_0_Conv", "CONV_2D_0_Relu", "t3"])
@pytest.mark.parametrize("ending", ["onnx", "tflite"])
def test_an_operator_stands_for_what_it_makes(name: str, ending: str, tmp_path: Path) -> None:
    """Its activation included, in the layout of the file."""
    out = tmp_path / f"o.{ending}"
    convert(source(tmp_path / "m.tflite"), output=out, scheme="float", outputs=[name])
    if ending == "onnx":
        session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
        (found,) = session.run(None, {session.get_inputs()[0].name: X})
    else:
        found = of_litert(out)
    right = of_litert(source(tmp_path / "part.tflite", upto=1))
    assert right.min() == 0  # the activation shows
    np.testing.assert_allclose(found, right, rtol=1e-5, atol=1e-6)


def test_an_operator_may_be_where_the_part_begins(tmp_path: Path) -> None:
    out = tmp_path / "o.onnx"
    convert(source(tmp_path / "m.tflite"), output=out, scheme="float", inputs=["CONV_2D_0_Conv"])
    session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
    between = of_litert(source(tmp_path / "part.tflite", upto=1))
    (found,) = session.run(None, {session.get_inputs()[0].name: between})
    np.testing.assert_allclose(found, of_litert(tmp_path / "m.tflite"), rtol=1e-5, atol=1e-6)
