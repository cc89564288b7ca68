"""Samples that the file answers otherwise than the source, and the pictures they were."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper, parser

from edgemm.card import AudioRecipe, ImageRecipe, InputCard, ModelCard
from edgemm.converters import convert
from edgemm.converters.examples import _told, changed_answers, pixels_of
from edgemm.converters.fidelity import Role
from edgemm.converters.pipeline.used_data import samples_hash
from edgemm.converters.samples import Samples
from edgemm.converters.written import Written
from edgemm.preprocess import compile_image
from edgemm.tensors import TensorSpec


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize(
    "recipe",
    [
        ImageRecipe(mean=(127.5,), std=(127.5,)),
        ImageRecipe(mean=(123.7, 116.3, 103.5), std=(58.4, 57.1, 57.4), color="bgr"),
        ImageRecipe(color="gray", std=(255.0,)),
    ],
    ids=["one", "three", "gray"],
)
def test_a_picture_is_what_the_preprocessing_was_given(layout: str, recipe: ImageRecipe) -> None:
    channels = 1 if recipe.color == "gray" else 3
    shape = (1, 6, 5, channels) if layout == "NHWC" else (1, channels, 6, 5)
    entry = InputCard(name="x", modality="image", shape=shape, layout=layout, image=recipe)
    pixels = np.random.default_rng(0).integers(0, 256, (6, 5) if channels == 1 else (6, 5, 3), np.uint8)
    out = np.empty(shape, np.float32)
    color: Any = "gray" if channels == 1 else "rgb"
    compile_image(entry, TensorSpec("x", shape, "float32"))(pixels, color, out)
    found = pixels_of(entry, out)
    assert found is not None
    np.testing.assert_array_equal(found, pixels)


def test_what_is_no_picture_has_none() -> None:
    entry = InputCard(name="x", modality="image", image=ImageRecipe())
    assert pixels_of(entry, np.zeros((1, 5, 7, 9), np.float32)) is None
    assert pixels_of(entry, np.zeros((2, 3, 4, 4), np.float32)) is None
    assert pixels_of(InputCard(name="x"), np.zeros((1, 3, 4, 4), np.float32)) is None


FILE = Written("onnx", b"", (), ())


def classes(*rows: list[float]) -> tuple[dict[str, Any], ...]:
    return tuple({"y": np.array([row], np.float32)} for row in rows)


def test_the_surest_of_the_changed_come_first_and_labels_are_named() -> None:
    card = ModelCard(labels=("a", "b"))
    samples = Samples(
        tuple({"x": np.zeros((1, 4), np.float32)} for _ in range(3)),
        np.array([0, 1, 1]),
        names=("7", "8", "b/9.png"),
    )
    before = classes([0.6, 0.4], [0.1, 0.9], [0.2, 0.8])
    after = classes([0.4, 0.6], [0.2, 0.8], [0.9, 0.1])
    found = changed_answers(card, FILE, {"y": Role(class_axis=-1)}, samples, before, after)
    assert (found.compared, found.changed) == (3, 2)
    shown = [(each.name, each.source.label, each.file.label, each.right) for each in found.shown]
    assert shown == [("b/9.png", "b", "a", "b"), ("sample 7", "a", "b", "a")]
    assert [each.source.score for each in found.shown] == pytest.approx([0.8, 0.6])
    assert found.shown[0].about == "x [1, 4]"


def test_at_most_a_dozen_are_shown_and_numbers_are_not_compared() -> None:
    samples = Samples(tuple({"x": np.zeros((1, 4), np.float32)} for _ in range(30)))
    before, after = classes(*([[1.0, 0.0]] * 30)), classes(*([[0.0, 1.0]] * 30))
    found = changed_answers(ModelCard(), FILE, {"y": Role(class_axis=-1)}, samples, before, after)
    assert (found.changed, len(found.shown)) == (30, 12)
    assert found.shown[3].source.label == "class 0"
    assert found.shown[3].name == "sample 3 of those that were measured on"
    assert changed_answers(ModelCard(), FILE, {"y": Role()}, samples, before, after).compared == 0
    assert (
        changed_answers(ModelCard(), FILE, {"y": Role(class_axis=-2)}, samples, before, after).compared == 0
    )


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"label": "a", "score": 0.9}, {"label": "a", "score": 0.2}, True),
        ({"label": "a", "score": 0.9}, {"label": "b", "score": 0.9}, False),
        (
            {"label": "a", "score": 0.9, "detected": True},
            {"label": "a", "score": 0.4, "detected": False},
            False,
        ),
        ({"text": "one two"}, {"text": "one too"}, False),
        ({"scores": [0.9, 0.8], "class_ids": [1, 2]}, {"scores": [0.8, 0.7], "class_ids": [2, 1]}, True),
        ({"scores": [0.9, 0.8], "class_ids": [1, 1]}, {"scores": [0.8], "class_ids": [1]}, False),
    ],
)
def test_when_two_results_are_one_answer(one: Any, other: Any, same: bool) -> None:
    assert (_told(SimpleNamespace(**one)) == _told(SimpleNamespace(**other))) == same


def test_results_of_numbers_are_no_answer() -> None:
    assert _told(SimpleNamespace(values={"y": np.zeros(3)})) is None


@pytest.mark.parametrize(
    ("entry", "array", "about"),
    [
        (
            InputCard(name="x", modality="audio", audio=AudioRecipe(feature="waveform", sample_rate=8000)),
            np.zeros((1, 4000)),
            "0.50 s of sound",
        ),
        (InputCard(name="x", modality="text", role="mask"), np.zeros((1, 17)), "17 tokens"),
    ],
    ids=["sound", "text"],
)
def test_sound_and_texts_are_told_in_words(entry: InputCard, array: Any, about: str) -> None:
    told = ModelCard(inputs=(entry,))
    found = changed_answers(
        told,
        FILE,
        {"y": Role(class_axis=-1)},
        Samples(({"x": array},)),
        classes([1.0, 0.0]),
        classes([0.0, 1.0]),
    )
    assert found.shown[0].about == about
    assert found.shown[0].pixels is None


def test_all_that_was_measured_on_is_compared_and_named_as_it_was_given(tmp_path: Path) -> None:
    proto = parser.parse_model(
        """<ir_version: 8, opset_import: ["": 17]>
        net (float[1,6] x) => (float[1,9] y) { a = MatMul (x, w)  b = Relu (a)  c = MatMul (b, v)  y = Softmax (c) }"""
    )
    random = np.random.default_rng(7)
    for name, shape in (("w", (6, 24)), ("v", (24, 9))):
        array = (random.standard_normal(shape) * 0.3).astype(np.float32)
        proto.graph.initializer.append(numpy_helper.from_array(array, name))
    onnx.save(proto, tmp_path / "net.onnx")
    given = random.standard_normal((1300, 1, 6)).astype(np.float32)
    np.savez(tmp_path / "given.npz", x=given)
    done = convert(
        tmp_path / "net.onnx",
        output=tmp_path / "out.onnx",
        calibrate=list(given[:40]),
        evaluate=tmp_path / "given.npz",
        scheme="static",
        gate="off",
        explain=True,
    )
    found, (kept,) = done.examples, done.fidelity.outputs
    assert kept.top1_agreement is not None
    assert found.compared == done.fidelity.samples == 1000
    assert found.changed == round(1000 * (1 - kept.top1_agreement)) > len(found.shown) == 12
    source, file = (
        onnxruntime.InferenceSession(path) for path in (tmp_path / "net.onnx", tmp_path / "out.onnx")
    )
    for each in found.shown:
        number = int(each.name.removeprefix("sample "))
        answers = [int(one.run(None, {"x": given[number]})[0].argmax()) for one in (source, file)]
        assert [f"class {answer}" for answer in answers] == [each.source.label, each.file.label]


def test_the_hash_of_samples_is_that_of_their_tensors() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    by_hand = hashlib.sha256(b"x <f4 (2, 3)\n" + array.tobytes()).hexdigest()
    assert samples_hash(Samples(({"x": array},))) == by_hand
    assert samples_hash(Samples(({"x": array[:, ::-1]},))) != by_hand
    assert samples_hash(Samples(({"x": np.array(3.5, np.float32)},)))
