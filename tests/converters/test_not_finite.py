"""Values that are infinite or NaN on the way and finite at the end, in every format and scheme."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import pytest

from edgemm.cli.output import fidelity_rows
from edgemm.converters import convert
from edgemm.errors import CalibrationError, FidelityMissed

Decibels = Callable[[Any, Any], float]
TRI = np.triu(np.ones((8, 8), bool), 1)
INF = np.inf

BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "log of 0, then clipped": ("r = Relu (s) l = Log (r) a = Clip (l, k)", {"k": -8.0}),
    "0 / 0, then Where": ("r = Relu (s) d = Div (r, r) n = IsNaN (d) a = Where (n, k, d)", {"k": 0.0}),
    "1 / 0, then clipped": ("r = Relu (s) d = Div (k, r) a = Min (d, k)", {"k": 1.0}),
    "a root of less than 0": ("q = Sqrt (s) n = IsNaN (q) a = Where (n, k, q)", {"k": 0.0}),
    "an overflow, then its inverse": (
        "b = Mul (s, k) e = Exp (b) f = Add (e, one) a = Reciprocal (f)", {"k": 20.0, "one": 1.0},
    ),
    "a constant of NaN": (
        "h = Where (t, k, s) n = IsNaN (h) a = Where (n, z, h)",
        {"t": TRI, "k": np.nan, "z": 0.0},
    ),
    "a constant that is compared with": ("c = Less (s, k) a = Where (c, s, z)", {"k": INF, "z": 0.0}),
    "a limit that is infinite": ("a = Min (s, k)", {"k": np.where(TRI, INF, 1.0)}),
    "sigmoid of -inf": ("h = Where (t, k, s) a = Sigmoid (h)", {"t": TRI, "k": -INF}),
    "the largest of what is left": (
        "h = Where (t, k, s) m = ReduceMax <axes = [1]> (h) a = Add (m, s)", {"t": TRI, "k": -INF},
    ),
    "a sign of huge numbers": ("b = Mul (s, k) a = Clip (b, low, high)", {"k": 1e38, "low": -1.0, "high": 1.0}),
}  # fmt: skip
"""From s to a, both [8, 8]."""


def normal(*shape: int, seed: int) -> Any:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def network(source: Any, body: str, constants: dict[str, Any]) -> Any:
    text = f"(float[8,16] x) => (float[8,4] y) {{ s = MatMul (x, w) {body} y = MatMul (a, u) }}"
    return source(text, w=normal(16, 8, seed=0), u=normal(8, 4, seed=1), **constants)


def data(seed: int) -> list[dict[str, Any]]:
    return [{"x": normal(8, 16, seed=seed + index)} for index in range(48)]


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize(("scheme", "least_db"), [("float", 100.0), ("dynamic", 15.0), ("static", 20.0)])
def test_what_is_finite_at_the_end_converts(
    source: Any, decibels: Decibels, form: str, name: str, scheme: str, least_db: float
) -> None:
    """Signs and logarithms of numbers near zero are lost to weights of 8 bits: 15 dB at worst."""
    model = network(source, *BODIES[name])
    found, _ = model.written(form, scheme, data(100), data(200))
    truth = model.truth(data(200))
    assert np.isfinite(truth).all()
    assert decibels(truth, found) > least_db


@pytest.mark.parametrize("form_", ["onnx", "tflite"])
def test_small_probabilities_are_not_rounded_to_a_logarithm_of_zero(source: Any, form_: str) -> None:
    model = network(source, "p = Softmax <axis = -1> (s) a = Log (p)", {})
    found, _ = model.written(form_, "static", data(100), data(200))
    assert np.isfinite(found).all()


def test_an_output_that_is_infinite_is_infinite_in_the_file(source: Any, form: str) -> None:
    model = source(
        "(float[8,16] x) => (float[8,8] y) { s = MatMul (x, w) r = Relu (s) y = Log (r) }",
        w=normal(16, 8, seed=0),
    )
    for scheme in ("float", "static"):
        found, _ = model.written(form, scheme, data(100), data(200)[:4])
        truth = model.truth(data(200)[:4])
        assert np.isneginf(truth).any()
        # a number that is 0 but for rounding may fall on either side
        assert (np.isneginf(found) == np.isneginf(truth)).mean() > 0.98


def test_a_row_of_nothing_is_refused_with_advice(source: Any) -> None:
    model = network(source, "b = Add (s, m) a = Softmax <axis = -1> (b)", {"m": np.full((8, 8), -INF)})
    with pytest.raises(CalibrationError, match="leave something in each row"):
        model.written("onnx", "static", data(100), [])


ONLY_NAN = {
    "{ s = MatMul (x, w) y = Mul (s, k) }": "The constant 'k', on which it depends, holds NaN",
    "{ s = Identity (k) y = Add (s, k) }": "'y' is a constant, which does not depend on the input",
    "{ m = ReduceMean <axes = [1]> (x) y = Mul (m, k) }": "The constant 'k', on which it depends, holds NaN",
    "{ s = MatMul (x, w) z = Sub (s, s) y = Div (z, z) }": "No conversion can repair that",
}
"""Graph -> the cause that the error names."""


def only_nan(folder: Path, body: str) -> Path:
    model = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : 17]> g (float[1,16] x) => (float y) {body}'
    )
    model.graph.output[0].type.CopyFrom(onnx.helper.make_tensor_type_proto(1, None))
    for name, array in {"w": normal(16, 4, seed=0), "k": np.full((1, 4), np.nan, np.float32)}.items():
        if name in body:
            model.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    onnx.save(model, folder / "nan.onnx")
    return folder / "nan.onnx"


@pytest.mark.parametrize("body", ONLY_NAN)
def test_a_source_that_answers_only_nan_is_named_as_the_cause_and_not_repaired(
    body: str, tmp_path: Path
) -> None:
    stages: list[str] = []
    with pytest.raises(FidelityMissed) as caught:
        convert(
            only_nan(tmp_path, body),
            output=tmp_path / "o.tflite",
            progress=lambda *now: stages.append(now[0]),
        )
    assert "values that the source itself answers are NaN" in str(caught.value)
    assert ONLY_NAN[body] in str(caught.value)
    assert "calibration data usually helps" not in str(caught.value)
    assert not any("repair" in stage for stage in stages)


def test_nothing_is_claimed_of_a_file_that_answers_only_nan(tmp_path: Path) -> None:
    done = convert(
        only_nan(tmp_path, next(iter(ONLY_NAN))), output=tmp_path / "o.tflite", gate="off", explain=True
    )
    assert done.to_json()["outputs"][0]["snr_db"] is None
    assert fidelity_rows(done.fidelity) == [("y", "-", "-", "-", "-")]
    assert any("nothing was measured" in note for note in done.notes)
