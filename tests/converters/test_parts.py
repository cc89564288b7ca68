"""Detectors whose boxes and scores are joined, taken apart: the same numbers, in outputs of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx.parser
import onnx_ir as ir
import onnxruntime as ort
import pytest

from edgemm.converters.parts import detection_parts
from edgemm.converters.passes import canonicalize
from edgemm.tasks.detection.recipe import DetectionRecipe

LABELS = ("cat", "dog", "owl")
V8 = """g (float[1,7,6,5] x) => (float[1,n,m] out) {
    flat = Reshape(x, flat_shape)
    raw, logits = Split<axis=1>(flat, sizes)
    boxes = Mul(raw, stride)
    scores = Sigmoid(logits)
    out = Concat<axis=1>(boxes, scores)
}"""
V8_ROWS = V8.replace("    out =", "    both =").replace("}", "    out = Transpose<perm=[0,2,1]>(both)\n}")
V5 = """g (float[1,2,3,4,8] x, float[1,2,2,2,8] z) => (float[1,n,m] out) {
    sx = Sigmoid(x)
    ax, bx, cx = Split<axis=4>(sx, sizes)
    ax2 = Mul(ax, stride)
    bx2 = Mul(bx, stride)
    jx = Concat<axis=4>(ax2, bx2, cx)
    rx = Reshape(jx, shape_x)
    sz = Sigmoid(z)
    az, bz, cz = Split<axis=4>(sz, sizes)
    az2 = Mul(az, stride)
    bz2 = Mul(bz, stride)
    jz = Concat<axis=4>(az2, bz2, cz)
    rz = Reshape(jz, shape_z)
    out = Concat<axis=1>(rx, rz)
}"""
NUMBERS: dict[str, dict[str, Any]] = {
    V8: {"flat_shape": [1, 7, 30], "sizes": [4, 3], "stride": np.float32(32)},
    V8_ROWS: {"flat_shape": [1, 7, 30], "sizes": [4, 3], "stride": np.float32(32)},
    V5: {"shape_x": [1, 24, 8], "shape_z": [1, 8, 8], "sizes": [2, 2, 4], "stride": np.float32(32)},
}


def built(text: str, **more: Any) -> ir.Model:
    proto = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]>\n{text}')
    constants = NUMBERS.get(text, {}) | more
    proto.graph.initializer.extend(
        onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()
    )
    model: ir.Model = ir.from_proto(proto)
    canonicalize(model)
    return model


def run(model: ir.Model) -> dict[str, npt.NDArray[Any]]:
    options = ort.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    session = ort.InferenceSession(ir.to_proto(model).SerializeToString(), options, ["CPUExecutionProvider"])
    rng = np.random.default_rng(3)
    feeds = {each.name: rng.standard_normal(each.shape).astype(np.float32) for each in session.get_inputs()}
    names = [each.name for each in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


@pytest.mark.parametrize("labels", [LABELS, ()])
@pytest.mark.parametrize(
    ("text", "objectness", "layout"), [(V8, False, "columns"), (V8_ROWS, False, "rows"), (V5, True, "rows")]
)
def test_the_parts_are_the_same_numbers(text: str, objectness: bool, layout: str, labels: Any) -> None:
    model = built(text)
    whole = run(model)["out"]
    recipe, parts = detection_parts(model, DetectionRecipe(objectness=objectness), labels)
    found = run(model)
    assert list(found) == [part.name for part in parts]
    for part in parts:
        np.testing.assert_array_equal(found[part.name], part.of(whole))
    assert (recipe.boxes_outputs, recipe.scores_outputs) == (("out_boxes",), ("out_scores",))
    assert recipe.objectness_outputs == (("out_objectness",) if objectness else ())
    assert recipe.layout == layout
    assert found["out_scores"].shape[2 if layout == "rows" else 1] == 3


@pytest.mark.parametrize("text", [V8, V8_ROWS, V5])
def test_no_concat_joins_boxes_and_scores_any_more(text: str) -> None:
    model = built(text)
    detection_parts(model, DetectionRecipe(objectness=text == V5), LABELS)
    concats = [node for node in model.graph if node.op_type == "Concat"]
    # of V5: xy with wh for each scale, and both scales for each of three parts
    assert len(concats) == (5 if text == V5 else 0)
    assert sum(node.op_type == "Slice" for node in model.graph) == (4 if text == V5 else 0)  # of cx and cz
    canonicalize(model)


def test_a_transpose_of_three_axes() -> None:
    text = """g (float[4,1,30] x, float[3,1,30] y) => (float[n,m,k] out) {
        scores = Sigmoid(y)
        both = Concat<axis=0>(x, scores)
        out = Transpose<perm=[1,2,0]>(both)
    }"""
    model = built(text)
    whole = run(model)["out"]
    recipe, parts = detection_parts(model, DetectionRecipe(), LABELS)
    found = run(model)
    assert recipe.layout == "rows"
    assert [found[part.name].shape for part in parts] == [(1, 30, 4), (1, 30, 3)]
    for part in parts:
        np.testing.assert_array_equal(found[part.name], part.of(whole))


def test_a_join_within_a_join() -> None:
    text = """g (float[1,2,30] xy, float[1,2,30] wh, float[1,3,30] s) => (float[1,n,m] out) {
        scores = Sigmoid(s)
        rest = Concat<axis=1>(wh, scores)
        out = Concat<axis=1>(xy, rest)
    }"""
    model = built(text)
    whole = run(model)["out"]
    parts = detection_parts(model, DetectionRecipe(), LABELS)[1]
    assert [part.name for part in parts] == ["out_boxes", "out_scores"]
    found = run(model)
    for part in parts:
        np.testing.assert_array_equal(found[part.name], part.of(whole))


def test_key_points_are_a_part() -> None:
    text = """g (float[1,9,30] x) => (float[1,n,m] out) {
        raw, logits, marks = Split<axis=1>(x, sizes)
        boxes = Mul(raw, stride)
        scores = Sigmoid(logits)
        points = Mul(marks, stride)
        out = Concat<axis=1>(boxes, scores, points)
    }"""
    model = built(text, sizes=[4, 1, 4], stride=np.float32(32))
    whole = run(model)["out"]
    recipe, parts = detection_parts(model, DetectionRecipe(points=2), ("face",))
    assert recipe.points_outputs == ("out_points",)
    found = run(model)
    assert {name: array.shape[1] for name, array in found.items()} == {
        "out_boxes": 4, "out_scores": 1, "out_points": 4
    }  # fmt: skip
    for part in parts:
        np.testing.assert_array_equal(found[part.name], part.of(whole))


@pytest.mark.parametrize(
    "recipe",
    [
        DetectionRecipe(head="boxes"),
        DetectionRecipe(head="end-to-end"),
        DetectionRecipe(scores_outputs=("out",)),
        DetectionRecipe(layout="rows"),
    ],
)
def test_other_heads_stay_as_they_are(recipe: DetectionRecipe) -> None:
    model = built(V8)
    assert detection_parts(model, recipe, LABELS) == (recipe, ())
    assert [value.name for value in model.graph.outputs] == ["out"]


def test_rows_that_nothing_joins_stay_as_they_are() -> None:
    text = "g (float[1,7,30] x) => (float[1,7,30] out) { out = Sigmoid(x) }"
    model = built(text)
    assert detection_parts(model, DetectionRecipe(), LABELS)[1] == ()
    assert [node.op_type for node in model.graph] == ["Sigmoid"]


def test_candidates_that_are_joined_are_no_parts() -> None:
    text = """g (float[1,7,30] x, float[1,7,20] y) => (float[1,n,m] out) {
        a = Sigmoid(x)
        b = Relu(y)
        out = Concat<axis=2>(a, b)
    }"""
    assert detection_parts(built(text), DetectionRecipe(), LABELS)[1] == ()


def cosine(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> float:
    """Of the angle between two arrays, each less its mean."""
    a, b = one.ravel() - one.mean(), other.ravel() - other.mean()
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-30))


def test_int8_keeps_the_scores_where_parts_are_apart(tmp_path: Any) -> None:
    """Boxes reach hundreds of pixels: on their scale one step would be more than a whole score."""
    from edgemm.converters import convert

    text = """g (float[1,3,6,5] x) => (float[1,n,m] out) {
        y = Conv(x, weights)
        flat = Reshape(y, flat_shape)
        raw, logits = Split<axis=1>(flat, sizes)
        boxes = Mul(raw, stride)
        scores = Sigmoid(logits)
        out = Concat<axis=1>(boxes, scores)
    }"""
    rng = np.random.default_rng(5)
    weights = rng.standard_normal((7, 3, 1, 1)).astype(np.float32)
    model = built(text, weights=weights, flat_shape=[1, 7, 30], sizes=[4, 3], stride=np.float32(200))
    reference = run(model)["out"][:, 4:]
    detection_parts(model, DetectionRecipe(), LABELS)
    data = [rng.standard_normal((1, 3, 6, 5)).astype(np.float32) for _ in range(32)]
    path = tmp_path / "out.onnx"
    convert(model, output=path, calibrate=data, scheme="static", gate="off", repair="off")
    assert cosine(run(ir.load(path))["out_scores"], reference) > 0.999
