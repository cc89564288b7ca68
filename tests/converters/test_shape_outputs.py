"""Outputs in the form of the card's task, against the source in ONNX Runtime and plain NumPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx.parser
import onnxruntime as ort
import pytest

import edgemm
from edgemm import load
from edgemm.card import ModelCard
from edgemm.converters import convert
from edgemm.tasks.detection.recipe import DetectionRecipe
from edgemm.tasks.segmentation.recipe import SegmentationRecipe

RNG = np.random.default_rng(11)
HEAD = """g (float[1,3,12,10] x) => (float[1,7,120] out) {
    y = Conv<pads=[1,1,1,1]>(x, weights, bias)
    flat = Reshape(y, flat_shape)
    raw, logits = Split<axis=1>(flat, sizes)
    boxes = Mul(raw, stride)
    scores = Sigmoid(logits)
    out = Concat<axis=1>(boxes, scores)
}"""
"""As YOLOv8's: boxes of hundreds, scores of 0..1, in columns."""
JOINED = HEAD.replace("Sigmoid", "Relu")
JOINED_ROWS = JOINED.replace("[1,7,120] out", "[1,120,7] out").replace("    out = C", "    both = C").replace(
    "}", "    out = Transpose<perm=[0,2,1]>(both)\n}"
)  # fmt: skip
"""Scores of a Relu, whose grid is not prescribed: the joined output is stored as integers."""
SEGMENTER = """g (float[1,3,12,10] x) => (float[1,5,24,20] out) {
    y = Conv<pads=[1,1,1,1]>(x, weights, bias)
    a = Relu(y)
    z = Conv(a, mix)
    out = Resize<mode="linear">(z, empty, scales)
}"""
SOFTMAX = SEGMENTER.replace("    out = R", "    r = R").replace("}", "    out = Softmax<axis=1>(r)\n}")
LAST = SEGMENTER.replace("float[1,5,24,20]", "float[1,24,20,5]").replace("    out = R", "    r = R").replace(
    "}", "    out = Transpose<perm=[0,2,3,1]>(r)\n}"
)  # fmt: skip
DATA = [RNG.standard_normal((1, 3, 12, 10)).astype(np.float32) for _ in range(40)]
SCHEMES = ("float", "static", "dynamic")


def source(path: Path, text: str) -> Path:
    """A seeded ONNX file."""
    rng = np.random.default_rng(5)
    numbers: dict[str, Any] = {
        "weights": rng.standard_normal((7, 3, 3, 3)).astype(np.float32) / 3,
        "bias": np.array([0, 0, 3, 3, -1, -1, -1], np.float32),
        "flat_shape": [1, 7, 120],
        "sizes": [4, 3],
        "stride": np.float32(200),
        "mix": rng.standard_normal((5, 7, 1, 1)).astype(np.float32),
        "empty": np.zeros(0, np.float32),
        "scales": np.array([1, 1, 2, 2], np.float32),
    }
    proto = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]>\n{text}')
    proto.graph.initializer.extend(
        onnx.numpy_helper.from_array(np.asarray(value), name)
        for name, value in numbers.items()
        if name in text
    )
    onnx.save(proto, path)
    return path


def answers(path: Path) -> list[npt.NDArray[Any]]:
    """Of the source in ONNX Runtime."""
    options = ort.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    session = ort.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    return [session.run(None, {"x": each})[0] for each in DATA]


def detector(**more: Any) -> ModelCard:
    return ModelCard(
        "d", task="detection", labels=("cat", "dog", "owl"), recipe=DetectionRecipe(threshold=0.6, **more)
    )


def segmenter(**more: Any) -> ModelCard:
    return ModelCard(
        "s", task="segmentation", labels=tuple("abcde"), recipe=SegmentationRecipe(**more)
    )  # fmt: skip


def converted(tmp_path: Path, text: str, kind: str, scheme: Any, card: ModelCard, **more: Any) -> Any:
    return convert(
        source(tmp_path / "source.onnx", text),
        output=tmp_path / f"out.{kind}",
        calibrate=DATA,
        scheme=scheme,
        card=card,
        **more,
    )


def told(done: Any) -> list[str]:
    return [note for note in done.notes if "--keep-outputs" in note]


def raw(path: Path) -> list[dict[str, npt.NDArray[Any]]]:
    """Of the file, through edgemm, in real numbers."""
    with load(path) as model:
        specs = {spec.name: spec for spec in model.outputs}
        (entry,) = model.inputs
        feeds = [each if entry.shape == each.shape else each.transpose(0, 2, 3, 1) for each in DATA]
        runs = [model.run({entry.name: entry.quantize(np.ascontiguousarray(each))}) for each in feeds]
        return [{name: specs[name].dequantize(array) for name, array in run.items()} for run in runs]


@pytest.mark.parametrize("kind", ["onnx", "tflite"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_detectors_parts_have_outputs_of_their_own(tmp_path: Path, kind: str, scheme: str) -> None:
    done = converted(tmp_path, HEAD, kind, scheme, detector())
    assert told(done) == [
        "output 'out' is written in parts, out_boxes, out_scores; --keep-outputs leaves it as it is"
    ]
    with load(done.output) as model:
        assert [entry.name for entry in model.card.outputs] == ["out_boxes", "out_scores"]
        recipe = model.card.recipe
        assert (recipe.boxes_outputs, recipe.scores_outputs) == (("out_boxes",), ("out_scores",))
        assert all(golden.ok for golden in model.replay_goldens())
    exact = scheme == "float"
    for expected, found in zip(answers(tmp_path / "source.onnx"), raw(done.output), strict=True):
        np.testing.assert_allclose(found["out_scores"], expected[:, 4:], atol=1e-4 if exact else 0.06)
        np.testing.assert_allclose(found["out_boxes"], expected[:, :4], atol=0.1 if exact else 60)
    (figure,) = done.fidelity.task
    assert figure.holds
    assert figure.report["reference"] > 100


@pytest.mark.parametrize(
    ("text", "target"), [(JOINED_ROWS, "cpu"), (JOINED_ROWS, "coral"), (JOINED, "coral")]
)
def test_stored_as_integers_on_one_scale_the_scores_are_lost(tmp_path: Path, text: str, target: str) -> None:
    """What the parts are for: the same network, with its output as the source has it, and in parts."""
    more: dict[str, Any] = {"target": target, "gate": "off", "repair": "off"}
    whole = converted(tmp_path, text, "tflite", "static", detector(), keep_outputs=True, **more)
    assert told(whole) == []
    assert whole.fidelity.task[0].figure < 0.1
    with load(whole.output) as model:
        assert [(spec.name, spec.dtype) for spec in model.outputs] == [("out", "int8")]
        assert model.card.recipe == detector().recipe
    done = converted(tmp_path, text, "tflite", "static", detector(), **more)
    assert done.fidelity.task[0].figure > 0.95
    with load(done.output) as model:
        assert [(spec.name, spec.dtype) for spec in model.outputs] == [
            ("out_boxes", "int8"),
            ("out_scores", "int8"),
        ]


def test_scores_stay_for_machines_that_pick_no_integers(tmp_path: Path) -> None:
    done = converted(tmp_path, SEGMENTER, "tflite", "static", segmenter(), target="coral")
    assert told(done) == []
    with load(done.output) as model:
        assert [(spec.name, spec.dtype) for spec in model.outputs] == [("out", "int8")]


@pytest.mark.parametrize("kind", ["onnx", "tflite"])
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("text", [SEGMENTER, SOFTMAX, LAST])
def test_a_segmenters_scores_become_classes(tmp_path: Path, kind: str, scheme: str, text: str) -> None:
    done = converted(tmp_path, text, kind, scheme, segmenter())
    assert told(done) == [
        "output 'out' is written as the class with the highest score for each pixel, out_classes; --keep-outputs "
        "leaves it as it is"
    ]
    with load(done.output) as model:
        assert [(s.name, s.shape, s.dtype) for s in model.outputs] == [("out_classes", (1, 24, 20), "uint8")]
        assert (model.card.recipe.kind, model.card.recipe.output) == ("classes", "out_classes")
        assert all(golden.ok for golden in model.replay_goldens())
    same = [
        found["out_classes"] == expected.argmax(3 if text is LAST else 1)
        for expected, found in zip(answers(tmp_path / "source.onnx"), raw(done.output), strict=True)
    ]
    assert np.mean(same) >= (0.9999 if scheme == "float" else 0.98)
    (figure,) = done.fidelity.task
    assert figure.measure == "same pixels"
    assert figure.holds
    assert done.fidelity.outputs[0].top1_agreement >= 0.98


def test_a_softmax_before_the_classes_is_left_out(tmp_path: Path) -> None:
    done = converted(tmp_path, SOFTMAX, "onnx", "static", segmenter())
    assert "Softmax" not in {node.op_type for node in onnx.load(done.output).graph.node}


@pytest.mark.parametrize(
    "card",
    [
        ModelCard("s"),
        segmenter(smooth=True),
        ModelCard("s", task="landmarks"),
        None,
    ],
)
def test_outputs_stay_where_no_task_says_otherwise(tmp_path: Path, card: Any) -> None:
    done = converted(tmp_path, SEGMENTER, "onnx", "float", card, gate="off")
    assert told(done) == []
    with load(done.output) as model:
        assert [(spec.name, spec.shape) for spec in model.outputs] == [("out", (1, 5, 24, 20))]


def test_what_another_exporter_says_of_itself_names_no_task(tmp_path: Path) -> None:
    """As Ultralytics writes it into the file: a guess when it is run, no word of the user's."""
    path = source(tmp_path / "source.onnx", HEAD)
    proto = onnx.load(path)
    told_by = {
        "task": "detect",
        "names": "{0: 'cat', 1: 'dog', 2: 'owl'}",
        "stride": "32",
        "imgsz": "[12, 10]",
    }
    onnx.helper.set_model_props(proto, {"author": "Ultralytics", **told_by})
    onnx.save(proto, path)
    done = convert(path, output=tmp_path / "out.onnx", calibrate=DATA, scheme="float")
    assert told(done) == []
    assert [each.name for each in done.fidelity.outputs] == ["out"]


def test_without_data_outputs_of_a_quantized_file_stay(tmp_path: Path) -> None:
    path = source(tmp_path / "source.onnx", SEGMENTER)
    for scheme, name in (("dynamic", "out"), ("float", "out_classes")):
        done = convert(path, output=tmp_path / "out.onnx", scheme=scheme, card=segmenter())  # type: ignore[arg-type]
        assert [each.name for each in done.fidelity.outputs] == [name]


def test_keep_outputs(tmp_path: Path) -> None:
    done = converted(tmp_path, SEGMENTER, "onnx", "static", segmenter(), keep_outputs=True)
    with load(done.output) as model:
        assert [(spec.name, spec.shape) for spec in model.outputs] == [("out", (1, 5, 24, 20))]
        assert model.card.recipe == segmenter().recipe


def test_of_other_outputs_nothing_is_made(tmp_path: Path) -> None:
    """Two outputs, of which the recipe names one."""
    text = SEGMENTER.replace("(float[1,5,24,20] out)", "(float[1,5,12,10] z, float[1,5,24,20] out)")
    done = converted(tmp_path, text, "onnx", "float", segmenter(output="out"))
    with load(done.output) as model:
        assert [(spec.name, spec.shape) for spec in model.outputs] == [
            ("z", (1, 5, 12, 10)),
            ("out_classes", (1, 24, 20)),
        ]


@pytest.mark.parametrize("scheme", ["float", "static"])
def test_a_converter_that_scores_wrongly_is_found(
    tmp_path: Path, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Classes hide small faults of the scores; the float file is held against the source by its scores."""
    from edgemm.converters import shape_outputs as module
    from edgemm.errors import ConversionError

    shape = module.shape_outputs

    def faulty(model: Any, card: Any, **more: Any) -> Any:
        import onnx_ir as ir

        mix = model.graph.initializers["bias"]
        mix.const_value = ir.tensor(mix.const_value.numpy() + np.float32(0.02), name="bias")
        return shape(model, card, **more)

    monkeypatch.setattr("edgemm.converters.prepare.shape_outputs", faulty)
    with pytest.raises(ConversionError, match="output 'out' of the float onnx differs from the source"):
        converted(tmp_path, SEGMENTER, "onnx", scheme, segmenter())


@pytest.mark.parametrize("kind", ["onnx", "tflite"])
def test_a_torch_module_answers_by_its_classes(tmp_path: Path, kind: str) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(3)
    module = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(8, 5, 1)
    ).eval()
    path = tmp_path / f"out.{kind}"
    example = (torch.from_numpy(DATA[0]),)
    done = convert(module, example, output=path, calibrate=DATA, scheme="static", card=segmenter())
    assert done.fidelity.task[0].holds
    (name,) = [each.name for each in done.fidelity.outputs]
    with torch.no_grad():
        same = [
            found[name] == module(torch.from_numpy(each)).numpy().argmax(1)
            for each, found in zip(DATA, raw(path), strict=True)
        ]
    assert np.mean(same) >= 0.98


def test_many_classes_are_int32() -> None:
    from edgemm.converters.shape_outputs import ClassMap, pieces_of

    scores = np.random.default_rng(2).standard_normal((1, 300, 4, 5))
    found = pieces_of({"out": scores, "z": scores}, [ClassMap("c", "out", 1, "int32")])
    assert list(found) == ["z", "c"]
    np.testing.assert_array_equal(found["c"], scores.argmax(1))
    assert found["c"].dtype == np.int32


@pytest.mark.parametrize(
    ("text", "card", "outputs"),
    [(HEAD, detector(), 2), (SEGMENTER, segmenter(), "uint8"), (SEGMENTER, ModelCard("s"), "float32")],
)
def test_outputs_of_a_tflite_source_get_their_form_too(
    tmp_path: Path, text: str, card: ModelCard, outputs: int | str
) -> None:
    first = converted(tmp_path, text, "tflite", "float", card, keep_outputs=True)
    data = [np.ascontiguousarray(each.transpose(0, 2, 3, 1)) for each in DATA]
    for keep in (False, True):
        path = tmp_path / f"second{keep}.tflite"
        convert(first.output, output=path, calibrate=data, scheme="dynamic", keep_outputs=keep, gate="off")
        with edgemm.load(path) as model:
            made = [each.dtype for each in model.outputs]
        if keep:
            assert made == ["float32"]
        else:
            assert outputs in (len(made), made[0])
