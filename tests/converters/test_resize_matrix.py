"""Resize in every form that exporters write, in both formats, against the source in onnxruntime.

A slice of the product runs here; all of it with EDGEMM_SWEEP=1.
"""

from __future__ import annotations

import logging
import warnings
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper
from sweep import WHOLE

from edgemm.converters.importers import read_onnx
from edgemm.converters.onnx_writer import check_onnx, write_onnx
from edgemm.converters.onnx_writer.transposed import spread_transposed
from edgemm.converters.passes import canonicalize
from edgemm.converters.tflite import check_tflite, write_tflite
from edgemm.converters.tflite.expand import expand_for_tflite
from edgemm.quantize import Plan, calibrate, check_plan, make_plan

Array = npt.NDArray[Any]
FLOAT_DB = 100.0
"""Float32 sums in another order leave 120 dB and more."""
STATIC_DB = 28.0
"""Two int8 convolutions of random weights leave 33 to 43 dB; a wrong row or mode leaves less than 20."""
SCALES = (1.5, 2.0, 3.0, 4.0, 0.6)
SIZE = (8, 10)


def normal(*shape: int, seed: int = 0, scale: float = 0.3) -> Array:
    return (np.random.default_rng([seed, *shape]).standard_normal(shape) * scale).astype(np.float32)


def samples(name: str) -> list[dict[str, Array]]:
    return [{name: normal(1, 3, *SIZE, seed=seed, scale=1.0)} for seed in range(12)]


def run_source(path: Path, feeds: list[dict[str, Array]]) -> list[Array]:
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    return [session.run(None, feed)[0] for feed in feeds]


def snr_db(truth: list[Array], found: list[Array]) -> float:
    assert [each.shape for each in truth] == [each.shape for each in found]
    expected = np.stack(truth).astype(np.float64)
    noise = np.square(expected - np.stack(found)).sum()
    return float(10 * np.log10(np.square(expected).sum() / max(noise, 1e-30)))


def written(path: Path, feeds: list[dict[str, Array]], format_: str, scheme: str) -> tuple[Any, Any]:
    """The canonical graph and the checked file."""
    model = read_onnx(path)
    canonicalize(model)
    if format_ == "tflite":
        expand_for_tflite(model)
    elif scheme == "static" and spread_transposed(model):
        canonicalize(model)
    plan: Plan = make_plan(model, calibrate(model, feeds) if scheme == "static" else None, scheme=scheme)
    check_plan(model, plan)
    if format_ == "tflite":
        file = write_tflite(model, plan)
        check_tflite(file.payload)
        return model, file
    exported = write_onnx(model, plan)
    check_onnx(exported.payload)
    return model, exported


def run_file(model: Any, file: Any, format_: str, feeds: list[dict[str, Array]]) -> list[Array]:
    if format_ == "onnx":
        session = ort.InferenceSession(file.payload, providers=["CPUExecutionProvider"])
        return [session.run(None, feed)[0] for feed in feeds]
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=file.payload, num_threads=1)
    interpreter.allocate_tensors()
    source, result = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    outputs = []
    for feed in feeds:
        port, array = file.inputs[0], next(iter(feed.values()))
        interpreter.set_tensor(source, port.spec.quantize(array.transpose(port.permutation)))
        interpreter.invoke()
        real = file.outputs[0].spec.dequantize(interpreter.get_tensor(result))
        outputs.append(real.transpose(np.argsort(file.outputs[0].permutation)))
    return outputs


def agrees(path: Path, combinations: list[tuple[str, str]]) -> None:
    name = onnx.load(path).graph.input[0].name
    feeds = samples(name)
    truth = run_source(path, feeds)
    for format_, scheme in combinations:
        model, file = written(path, feeds, format_, scheme)
        found = snr_db(truth, run_file(model, file, format_, feeds))
        assert found > (FLOAT_DB if scheme == "float" else STATIC_DB), (format_, scheme, found)


def resized(
    opset: int, region: str, *, scale: float = 0.0, size: tuple[int, int] | None = None, **attributes: Any
) -> onnx.ModelProto:
    """Conv, Relu, Resize (or Upsample), Conv. `region`: "absent", or "empty", a tensor without elements."""
    out = size or tuple(int(np.float32(scale) * np.float32(each)) for each in SIZE)
    constants = {"w": normal(8, 3, 3, 3), "v": normal(4, 8, 1, 1)}
    if opset < 11:
        inputs = ["b", "scales"]
    else:
        empty = "" if region == "absent" else "nothing"
        inputs = ["b", empty, "scales"] if size is None else ["b", empty, empty, "sizes"]
    if "nothing" in inputs:
        constants["nothing"] = np.zeros(0, np.float32)
    if "scales" in inputs:
        factors = [scale, scale] if size is None else [new / old for new, old in zip(size, SIZE, strict=True)]
        constants["scales"] = np.array([1, 1, *factors], np.float32)
    else:
        constants["sizes"] = np.array([1, 8, *out], np.int64)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], pads=[1] * 4),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Upsample" if opset == 9 else "Resize", inputs, ["c"], **attributes),
        helper.make_node("Conv", ["c", "v"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, *SIZE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, *out])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


MODES: dict[str, dict[str, Any]] = {
    "nearest": {"mode": "nearest"},
    "linear": {"mode": "linear"},
    "nearest, asymmetric": {
        "mode": "nearest",
        "coordinate_transformation_mode": "asymmetric",
        "nearest_mode": "floor",
    },
    "linear, corners": {"mode": "linear", "coordinate_transformation_mode": "align_corners"},
    "cubic": {"mode": "cubic", "coordinate_transformation_mode": "half_pixel"},
}
BUILT = [
    (opset, region, mode, wanted)
    for opset, region, mode, wanted in product(
        range(9, 21), ("absent", "empty"), MODES, (*SCALES, (12, 15), (5, 25))
    )
    if opset > 10 or (region == "absent" and mode in ("nearest", "linear"))
    if opset > 9 or not (wanted == 0.6 or wanted == (5, 25))  # an Upsample only enlarges
    if opset not in (11, 12) or region == "empty"  # which had to be given then
    if mode != "linear, corners" or wanted != 0.6  # no whole sizes: refused, since runtimes differ
]
EVERYTHING = list(product(("onnx", "tflite"), ("float", "static")))


def few(cases: list[Any], count: int) -> list[Any]:
    """So many, spread over the list; all of them in a sweep."""
    return cases if WHOLE else cases[:: max(1, len(cases) // count)]


@pytest.mark.parametrize(
    ("opset", "region", "mode", "wanted"), [*few(BUILT, 24), (10, "absent", "nearest", 0.6)]
)
def test_a_resize_of_any_opset(tmp_path: Path, opset: int, region: str, mode: str, wanted: Any) -> None:
    given = {"size": wanted} if isinstance(wanted, tuple) else {"scale": wanted}
    onnx.save(resized(opset, region, **given, **MODES[mode]), tmp_path / "m.onnx")
    agrees(tmp_path / "m.onnx", EVERYTHING)


@pytest.mark.parametrize("opset", [11, 13, 17])
def test_tensors_without_elements_for_what_is_not_given(tmp_path: Path, opset: int) -> None:
    onnx.save(resized(opset, "empty", size=(16, 20), mode="nearest"), tmp_path / "m.onnx")
    _, file = written(tmp_path / "m.onnx", samples("x"), "onnx", "static")
    node = next(
        each for each in onnx.load_model_from_string(file.payload).graph.node if each.op_type == "Resize"
    )
    assert list(node.input[1:3]) == ["", ""]
    assert len(node.input) == 4


@pytest.mark.parametrize("wanted", [2.0, 1.5])
@pytest.mark.parametrize("region", ["absent", "empty"])
def test_scales_are_read_as_they_are(tmp_path: Path, region: str, wanted: float) -> None:
    onnx.save(resized(17, region, scale=wanted, mode="nearest"), tmp_path / "m.onnx")
    _, file = written(tmp_path / "m.onnx", samples("x"), "onnx", "static")
    proto = onnx.load_model_from_string(file.payload)
    constants = {each.name for each in proto.graph.initializer}
    node = next(each for each in proto.graph.node if each.op_type == "Resize")
    assert node.input[2] in constants
    assert node.input[0] not in constants  # and what is resized is on a grid
    assert any(
        each.output[0] == node.input[0] for each in proto.graph.node if each.op_type == "DequantizeLinear"
    )


EXPORTED = [
    (dynamo, opset, mode, given)
    for dynamo, opsets in ((False, range(9, 21)), (True, (17, 18, 20)))
    for opset, mode, given in product(
        opsets,
        ("nearest", "bilinear"),
        (*({"scale_factor": each} for each in (1.5, 2, 3, 4)), {"size": (12, 15)}, {"size": (5, 25)}),
    )
    if opset > 9 or given != {"size": (5, 25)}
]
SLICE: list[Any] = [
    (False, 9, "bilinear", {"scale_factor": 3}),
    (False, 10, "nearest", {"size": (5, 25)}),
    (False, 11, "bilinear", {"size": (12, 15)}),
    (False, 17, "nearest", {"scale_factor": 1.5}),
    (True, 18, "nearest", {"scale_factor": 2}),
]


@pytest.mark.parametrize(("dynamo", "opset", "mode", "given"), EXPORTED if WHOLE else SLICE)
def test_what_torch_exports(
    tmp_path: Path, dynamo: bool, opset: int, mode: str, given: dict[str, Any]
) -> None:
    exported(tmp_path / "m.onnx", dynamo, opset, mode, given)
    agrees(tmp_path / "m.onnx", EVERYTHING)


def exported(path: Path, dynamo: bool, opset: int, mode: str, given: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")

    class Network(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.Conv2d(8, 4, 1)

        def forward(self, x: Any) -> Any:
            found = torch.relu(self.first(x))
            return self.last(torch.nn.functional.interpolate(found, mode=mode, **given))

    torch.manual_seed(1)
    example = (torch.from_numpy(normal(1, 3, *SIZE)),)
    more = {"external_data": False} if dynamo else {}
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                Network().eval(), example, path, dynamo=dynamo, opset_version=opset, verbose=False, **more
            )
    finally:
        logging.disable(logging.NOTSET)
