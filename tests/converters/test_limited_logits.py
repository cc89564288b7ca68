"""A detector that ends in logits: its grid is spent on those that a threshold tells apart."""

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
from edgemm.converters.limited_logits import Limited, _logits
from edgemm.tasks.detection.recipe import DetectionRecipe
from edgemm.tensors import TensorSpec

RNG = np.random.default_rng(3)
TEXT = """<ir_version: 8, opset_import: ["": 17]>
g (float[1,3,16,16] x) => (float[1,16,4] boxes, float[1,16,2] scores) {
    y = Conv<strides=[4,4], kernel_shape=[4,4]>(x, w)
    t = Transpose<perm=[0,2,3,1]>(y)
    flat = Reshape(t, rows)
    boxes, near, off = Split<axis=2>(flat, sizes)
    over = Sub(off, one)
    far = Relu(over)
    deep = Mul(far, gain)
    scores = Sub(near, deep)
}"""
"""Logits of -3 to 3, and down to some -10000 where a cell is switched off."""
DATA = [RNG.standard_normal((1, 3, 16, 16)).astype(np.float32) for _ in range(40)]
SPECS = [TensorSpec("boxes", (1, 16, 4), "float32"), TensorSpec("scores", (1, 16, 2), "float32")]


def source(path: Path) -> Path:
    proto = onnx.parser.parse_model(TEXT)
    weights = np.random.default_rng(5).standard_normal((8, 3, 4, 4)).astype(np.float32) / 7
    numbers: dict[str, Any] = {
        "w": weights, "rows": [1, 16, 8], "sizes": [4, 2, 2], "one": np.float32(1), "gain": np.float32(5000),
    }  # fmt: skip
    proto.graph.initializer.extend(
        onnx.numpy_helper.from_array(np.asarray(each), name) for name, each in numbers.items()
    )
    onnx.save(proto, path)
    return path


def card(**more: Any) -> ModelCard:
    recipe = {"head": "boxes", "coordinates": "pixels", "threshold": 0.3, "nms": "none", "box": "cxcywh"}
    return ModelCard("d", task="detection", recipe=DetectionRecipe(**{**recipe, **more}))


@pytest.mark.parametrize("kind", ["onnx", "tflite"])
@pytest.mark.parametrize(("activation", "within"), [("sigmoid", 0.95), ("none", 0.5)])
def test_scores_keep_their_steps(tmp_path: Path, kind: str, activation: str, within: float) -> None:
    path, given = source(tmp_path / "source.onnx"), card(activation=activation)
    done = convert(
        path, output=tmp_path / f"out.{kind}", calibrate=DATA, scheme="static", card=given, gate="off",
        repair="off",
    )  # fmt: skip
    good = []
    with load(path, card=given) as real, load(done.output) as model:
        (entry,) = model.inputs
        spec = next(each for each in model.outputs if each.name == "scores")
        for each in DATA:
            fed = each if entry.shape == each.shape else np.ascontiguousarray(each.transpose(0, 2, 3, 1))
            found = spec.dequantize(model.run({entry.name: entry.quantize(fed)})["scores"])
            wanted = real.run({"x": each})["scores"]
            good.append(np.abs(found - wanted)[wanted > -4] < 0.2)
    share = float(np.concatenate(good).mean())
    assert share > within if activation == "sigmoid" else share < within
    kept = done.fidelity.task[0].figure
    assert kept > 0.85 if activation == "sigmoid" else kept < 0.5


def names(given: ModelCard) -> list[str]:
    return _logits(given.recipe or DetectionRecipe(), 0, SPECS)


def test_which_outputs_are_logits() -> None:
    assert names(card(activation="sigmoid")) == ["scores"]
    of = {"head": "distances", "strides": (4,), "boxes_outputs": ("boxes",), "coordinates": "", "box": ""}
    assert names(card(activation="sigmoid", scores_outputs=("scores",), **of)) == ["scores"]


@pytest.mark.parametrize(
    "other",
    [
        card(),
        card(activation="softmax"),
        card(activation="sigmoid", head="yolo", boxes_outputs=("scores",)),
        card(activation="sigmoid", head="distances", strides=(4,), coordinates="", box=""),
    ],
)
def test_others_stay(other: ModelCard) -> None:
    """No sigmoid, or boxes in the same output."""
    assert names(other) == []


def test_the_source_is_limited_alike_before_it_is_compared() -> None:
    array = np.array([-30000.0, -8.5, -7.5, 3, 40])
    np.testing.assert_array_equal(Limited("a", "a").of(array), [-8, -8, -7.5, 3, 16])


def test_data_in_which_nothing_is_found_is_judged_by_what_is_left(tmp_path: Path) -> None:
    """Then the gate asks for decibels, and -10000 is not -8."""
    given = card(activation="sigmoid", threshold=0.9999999)
    done = convert(
        source(tmp_path / "source.onnx"), output=tmp_path / "out.onnx", calibrate=DATA, scheme="static",
        card=given, gate="off", repair="off",
    )  # fmt: skip
    (scores,) = [each for each in done.fidelity.outputs if each.name == "scores"]
    assert (
        scores.snr_db > 8
    )  # of a network whose cells are switched off at a steep edge; without the limits 0
    (said,) = [note for note in done.notes if "--keep-outputs" in note]
    assert said.startswith("output 'scores' is limited to -8..16")


@pytest.mark.parametrize("more", [{"keep_outputs": True}, {"scheme": "float"}, {"scheme": "dynamic"}])
def test_elsewhere_nothing_is_limited(tmp_path: Path, more: dict[str, Any]) -> None:
    done = convert(
        source(tmp_path / "source.onnx"), output=tmp_path / "out.onnx", calibrate=DATA, gate="off", repair="off",
        card=card(activation="sigmoid"), **{"scheme": "static", **more},
    )  # fmt: skip
    assert "Clip" not in {node.op_type for node in onnx.load(done.output).graph.node}


JOINED = """<ir_version: 8, opset_import: ["": 17]>
g (float[1,3,16,16] x) => (float[1,6,16] out) {
    y = Conv<strides=[4,4], kernel_shape=[4,4]>(x, w)
    flat = Reshape(y, rows)
    raw, near = Split<axis=1>(flat, sizes)
    boxes = Mul(raw, gain)
    cube = Mul(near, gain)
    scores = Sub(near, cube)
    out = Concat<axis=1>(boxes, scores)
}"""


@pytest.mark.parametrize("kind", ["onnx", "tflite"])
def test_logits_that_share_an_output_with_boxes_are_taken_apart_and_limited(
    tmp_path: Path, kind: str
) -> None:
    proto = onnx.parser.parse_model(JOINED)
    weights = np.random.default_rng(5).standard_normal((6, 3, 4, 4)).astype(np.float32) / 7
    numbers: dict[str, Any] = {"w": weights, "rows": [1, 6, 16], "sizes": [4, 2], "gain": np.float32(30)}
    proto.graph.initializer.extend(
        onnx.numpy_helper.from_array(np.asarray(each), name) for name, each in numbers.items()
    )
    onnx.save(proto, tmp_path / "source.onnx")
    given = card(head="yolo", activation="sigmoid", layout="columns")
    done = convert(
        tmp_path / "source.onnx", output=tmp_path / f"out.{kind}", calibrate=DATA, scheme="static", card=given,
        gate="off", repair="off",
    )  # fmt: skip
    with load(tmp_path / "source.onnx", card=given) as real, load(done.output) as model:
        (entry,) = model.inputs
        specs = {spec.name: spec for spec in model.outputs}
        assert sorted(specs) == ["out_boxes", "out_scores"]
        for each in DATA[:8]:
            fed = each if entry.shape == each.shape else np.ascontiguousarray(each.transpose(0, 2, 3, 1))
            found = model.run({entry.name: entry.quantize(fed)})
            logits = specs["out_scores"].dequantize(found["out_scores"])
            wanted = real.run({"x": each})["out"][:, 4:]
            assert -8.1 < logits.min() <= -7.9
            assert logits.max() < 16.1
            np.testing.assert_allclose(logits, np.clip(wanted, -8, 16), atol=4)  # of a gain of 30
    scores = next(each for each in done.fidelity.outputs if each.name == "out_scores")
    assert scores.snr_db > 20
