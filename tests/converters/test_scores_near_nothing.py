"""An output in 0..1 that is next to nothing on noise: decibels of it say nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from needs import package
from onnx import numpy_helper

package("onnxruntime")
package("ai_edge_litert.interpreter")

from edgemm.converters import convert  # noqa: E402
from edgemm.errors import FidelityMissed  # noqa: E402


def flag(path: Path, shift: float, last: str) -> Path:
    """A layer with large weights and one outcome, far on one side."""
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> g (float[1,64] x) => (float[1,1] y)'
        f"{{ a = MatMul(x, w) b = Add(a, c) y = {last}(b) }}"
    )
    weights = np.random.default_rng(0).normal(0, 0.2, (64, 1)).astype(np.float32)
    weights[0] = 12  # the others have few steps left
    for name, array in (("w", weights), ("c", np.array([shift], np.float32))):
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
def test_scores_next_to_nothing_hold(suffix: str, tmp_path: Path) -> None:
    source = flag(tmp_path / "source.onnx", -60.0, "Sigmoid")
    done = convert(source, output=tmp_path / f"made.{suffix}", scheme="dynamic")
    assert done.fidelity.outputs[0].max_abs_error < 1e-6


def test_numbers_of_any_size_do_not(tmp_path: Path) -> None:
    source = flag(tmp_path / "source.onnx", -60.0, "Exp")
    with pytest.raises(FidelityMissed):
        convert(source, output=tmp_path / "made.onnx", scheme="dynamic", repair="off")
