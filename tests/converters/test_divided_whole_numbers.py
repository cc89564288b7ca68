"""Whole models of whole numbers that divide by an input: on noise, on data, and when the file is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from needs import package

onnxruntime = package("onnxruntime")
package("ai_edge_litert.interpreter")

import edgemm  # noqa: E402
from edgemm.converters import convert  # noqa: E402


def divided(path: Path, operator: str, dtype: str) -> Path:
    text = f'<ir_version: 8, opset_import: ["": 17]> g ({dtype}[4,5] a, {dtype}[4,5] b) => ({dtype}[4,5] y)'
    onnx.save(onnx.parser.parse_model(f"{text} {{ y = {operator}(a, b) }}"), path)
    return path


def numbers(dtype: str, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    signs = rng.choice([-1, 1], (4, 5))
    return {
        "a": rng.integers(-50, 50, (4, 5)).astype(dtype),
        "b": (rng.integers(1, 9, (4, 5)) * signs).astype(dtype),
    }


@pytest.mark.parametrize("with_data", [False, True], ids=["noise", "data"])
@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("operator", ["Div", "Mod"])
def test_it_converts_loads_and_divides(
    operator: str, dtype: str, suffix: str, with_data: bool, tmp_path: Path
) -> None:
    source = divided(tmp_path / "source.onnx", operator, dtype)
    data = [numbers(dtype, seed) for seed in range(8)] if with_data else None
    done = convert(source, output=tmp_path / f"made.{suffix}", calibrate=data)
    session = onnxruntime.InferenceSession(source)
    with edgemm.load(done.output) as model:
        for seed in range(20, 24):
            given = numbers(dtype, seed)
            np.testing.assert_array_equal(model.run(given)["y"], session.run(None, given)[0])
