"""PRelu written out: the same numbers, in operators that runtimes have kernels for."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx_ir as ir
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edgemm.converters.passes import canonicalize
from edgemm.converters.passes.express.prelu import spread_prelus
from edgemm.quantize.declared import declare

SLOPES = np.array([-0.5, 0.0, 0.25, 1.5], np.float32).reshape(4, 1, 1)
TEXT = """net (float[1,4,8,8] x) => (float[1,4,8,8] y) {
  [one] a = Conv <pads = [1, 1, 1, 1]> (x, w)
  [act] b = PRelu (a, s)
  [two] y = Conv <pads = [1, 1, 1, 1]> (b, w)
}"""


def weights() -> Any:
    return (np.random.default_rng(1).standard_normal((4, 4, 3, 3)) * 0.3).astype(np.float32)


def test_it_computes_exactly_the_same(build: Any, computed: Any, operators: Any) -> None:
    model = build(TEXT, w=weights(), s=SLOPES)
    canonicalize(model)
    before = computed(model)
    assert spread_prelus(model) == 1
    assert operators(model) == ["Conv", "Relu", "Sub", "Mul", "Add", "Conv"]
    np.testing.assert_array_equal(computed(model)[0], before[0])
    assert spread_prelus(model) == 0


def test_slopes_that_are_computed_stay(build: Any, operators: Any) -> None:
    model = build("net (float[1,4] x, float[4] s) => (float[1,4] y) { y = PRelu (x, s) }")
    assert spread_prelus(model) == 0
    assert operators(model) == ["PRelu"]


def test_one_that_has_a_grid_of_its_own_stays(build: Any) -> None:
    model = build(TEXT, w=weights(), s=SLOPES)
    declare(model.graph.node("act").outputs[0], 0.1, 3, (-128, 127))
    assert spread_prelus(model) == 0


def written(model: ir.Model, output: Path, scheme: Literal["float", "static", "mixed"], target: str) -> Any:
    from edgemm.converters import convert

    random = np.random.default_rng(0)
    samples = [random.standard_normal((1, 4, 8, 8)).astype(np.float32) for _ in range(16)]
    return convert(model, output=output, scheme=scheme, calibrate=samples, target=target)


@pytest.mark.parametrize(
    ("scheme", "ending", "target", "kept"),
    [
        ("float", "tflite", "cpu", True),
        ("static", "tflite", "cpu", False),
        ("mixed", "tflite", "cpu", False),
        ("static", "tflite", "coral", True),
        ("float", "onnx", "cpu", False),
        ("static", "onnx", "cpu", False),
    ],
)
def test_which_files_have_it(
    build: Any, tmp_path: Path, scheme: Any, ending: str, target: str, kept: bool
) -> None:
    done = written(build(TEXT, w=weights(), s=SLOPES), tmp_path / f"net.{ending}", scheme, target)
    assert done.fidelity.worst_db > (100 if scheme == "float" else 25)
    if ending == "tflite":
        interpreter = Interpreter(
            str(done.output), experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        )
        names = {each["op_name"] for each in interpreter._get_ops_details()}
    else:
        names = {node.op_type.upper() for node in ir.load(done.output).graph}
    assert ("PRELU" in names) is kept
