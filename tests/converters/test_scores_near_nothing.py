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


@pytest.mark.parametrize(("shift", "told"), [(-11.0, True), (0.0, False)])
def test_scores_that_are_lost_in_a_step_are_told(shift: float, told: bool, tmp_path: Path) -> None:
    source = flag(tmp_path / "source.onnx", shift, "Sigmoid")
    model = onnx.load(source)
    weights = (
        np.random.default_rng(1).normal(0, 0.1, (64, 1)).astype(np.float32)
    )  # scores of 0 to 0.0001, or all
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights, "w"))
    onnx.save(model, source)
    random = np.random.default_rng(2)
    data = [random.normal(0, 1, (1, 64)).astype(np.float32) for _ in range(64)]
    done = convert(source, output=tmp_path / "made.tflite", scheme="static", calibrate=data)
    (one,) = done.fidelity.outputs
    assert any("below a step of 1/256" in note for note in done.notes) is told
    assert (one.snr_db < 5) is told
    assert one.worst_db > 20
    other = convert(source, output=tmp_path / "other.tflite", scheme="dynamic")
    assert other.fidelity.outputs[0].snr_db > 25
