"""A head of distances whose scores and boxes share an output: taken apart, both keep their steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import pytest

from edgemm import load
from edgemm.card import ModelCard
from edgemm.converters import convert
from edgemm.tasks.detection.recipe import DetectionRecipe

RNG = np.random.default_rng(6)
CLASSES, BINS = 2, 4
TEXT = f"""<ir_version: 8, opset_import: ["": 17]>
g (float[1,3,64,64] x) => (float[1,64,{CLASSES + 4 * BINS}] out) {{
    y = Conv<strides=[8,8], kernel_shape=[8,8]>(x, w, b)
    t = Transpose<perm=[0,2,3,1]>(y)
    flat = Reshape(t, rows)
    logits, raw = Split<axis=2>(flat, sizes)
    scores = Sigmoid(logits)
    boxes = Mul(raw, steep)
    out = Concat<axis=2>(scores, boxes)
}}"""
"""As NanoDet's: scores of 0..1 and numbers of a distribution, far larger here than there."""
DATA = [RNG.standard_normal((1, 3, 64, 64)).astype(np.float32) for _ in range(40)]
RECIPE = DetectionRecipe(
    head="distances", strides=(8,), bins=BINS, scores_first=True, layout="rows", threshold=0.55
)


@pytest.mark.parametrize("kind", ["onnx", "tflite"])
@pytest.mark.parametrize("scheme", ["float", "static"])
def test_it_is_taken_apart(tmp_path: Path, kind: str, scheme: Any) -> None:
    proto = onnx.parser.parse_model(TEXT)
    count = CLASSES + 4 * BINS
    numbers: dict[str, Any] = {
        "w": np.random.default_rng(7).standard_normal((count, 3, 8, 8)).astype(np.float32) / 14,
        "b": np.concatenate([np.full(CLASSES, -1), np.zeros(4 * BINS)]).astype(np.float32),
        "rows": [1, 64, count], "sizes": [CLASSES, 4 * BINS], "steep": np.float32(20),
    }  # fmt: skip
    proto.graph.initializer.extend(
        onnx.numpy_helper.from_array(np.asarray(each), name) for name, each in numbers.items()
    )
    onnx.save(proto, tmp_path / "source.onnx")
    done = convert(
        tmp_path / "source.onnx", output=tmp_path / f"out.{kind}", calibrate=DATA, scheme=scheme,
        card=ModelCard("n", task="detection", labels=("cat", "dog"), recipe=RECIPE),
    )  # fmt: skip
    (figure,) = done.fidelity.task
    assert figure.holds
    assert figure.report["reference"] > 100
    with load(done.output) as model:
        assert {spec.name: spec.shape for spec in model.outputs} == {
            "out_boxes": (1, 64, 4 * BINS),
            "out_scores": (1, 64, CLASSES),
        }
        recipe = model.card.recipe
        assert (recipe.boxes_outputs, recipe.scores_outputs) == (("out_boxes",), ("out_scores",))
        assert all(golden.ok for golden in model.replay_goldens())
