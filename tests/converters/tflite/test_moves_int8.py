"""Operators that only move numbers keep them on one grid in int8, and move the right ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx.parser
import onnx_ir as ir
import pytest

from edgemm.converters.measure import run_artifact, run_float
from edgemm.converters.prepare import prepare
from edgemm.converters.samples import Samples
from edgemm.converters.written import Settings, write_plan
from edgemm.quantize import calibrate, make_plan

HEAD = '<ir_version: 8, opset_import: ["": 17]>\n'
CONV = "c = Conv<kernel_shape=[3,3], pads=[1,1,1,1]>(x, w)"
MOVES: dict[str, tuple[str, dict[str, Any]]] = {
    "split": (
        f"g (float[1,3,6,6] x) => (float[1,4,6,6] y) {{ {CONV} a, b = Split<axis=1>(c) y = Concat<axis=1>(b, a) }}",
        {},
    ),
    "tile": (f"g (float[1,3,6,6] x) => (float[1,4,12,6] y) {{ {CONV} y = Tile(c, n) }}", {"n": [1, 1, 2, 1]}),
    "gather": (
        f"g (float[1,3,6,6] x) => (float[1,2,6,6] y) {{ {CONV} y = Gather<axis=1>(c, n) }}",
        {"n": [3, 0]},
    ),
    "expand": (
        f"g (float[1,3,6,6] x) => (float[2,4,6,6] y) {{ {CONV} y = Expand(c, n) }}",
        {"n": [2, 4, 6, 6]},
    ),
    "slice": (
        f"g (float[1,3,6,6] x) => (float[1,4,3,6] y) {{ {CONV} y = Slice(c, s, n, a) }}",
        {"s": [1], "n": [4], "a": [2]},
    ),
    "nearest": (
        f'g (float[1,3,6,6] x) => (float[1,4,12,12] y) {{ {CONV} y = Resize<mode="nearest">(c, , f) }}',
        {"f": np.array([1, 1, 2, 2], np.float32)},
    ),
    "space to depth": (
        f"g (float[1,3,6,6] x) => (float[1,16,3,3] y) {{ {CONV} y = SpaceToDepth<blocksize=2>(c) }}",
        {},
    ),
}


@pytest.mark.parametrize("moves", MOVES)
def test_what_moves_is_right(moves: str) -> None:
    text, constants = MOVES[moves]
    proto = onnx.parser.parse_model(HEAD + text)
    generator = np.random.default_rng(0)
    arrays = {"w": generator.standard_normal((4, 3, 3, 3)).astype(np.float32) * np.float32(0.3)}
    arrays |= {name: np.asarray(value) for name, value in constants.items()}
    proto.graph.initializer.extend(
        onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()
    )
    model = prepare(ir.from_proto(proto), format_="tflite").model
    samples = Samples(
        tuple({"x": generator.standard_normal((1, 3, 6, 6)).astype(np.float32)} for _ in range(8))
    )
    plan = make_plan(model, calibrate(model, samples.inputs), scheme="static")
    file = write_plan(model, plan, "tflite", Settings())
    step = file.outputs[0].spec.scale
    found, expected = run_artifact(file, samples), run_float(model, samples)
    for mine, truth in zip(found.outputs, expected, strict=True):
        # Half a step of the input through 27 weights, and half a step of the output.
        np.testing.assert_allclose(mine["y"], truth["y"], rtol=0, atol=4 * step)
