"""50,000 classes: the card is read, written, carried in both formats, and answered from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from decoding import answer

import edgemm
from edgemm.artifact import read_artifact, write_artifact
from edgemm.artifact.containers.contents import MAX_VALUE
from edgemm.card import MAX_CARD_BYTES, InputCard, ModelCard, OutputCard
from edgemm.results import Classification
from edgemm.tasks import open_decoder
from edgemm.tasks.classification import ClassificationRecipe
from edgemm.tensors import TensorSpec

pytestmark = pytest.mark.device
ASSETS = Path(__file__).parents[1] / "assets"
COUNT = 50_000
LABELS = tuple(f"class number {number}, an élan" for number in range(COUNT))
SPEC = TensorSpec("y", (1, COUNT), "float32")


def card(**fields: Any) -> ModelCard:
    outputs = (OutputCard("y", (1, COUNT), "probabilities"),)
    return ModelCard(task="classification", outputs=outputs, labels=LABELS, **fields)


@pytest.mark.parametrize("name", ["add.tflite", "add.onnx"])
def test_the_card_goes_through_a_file(tmp_path: Path, name: str) -> None:
    write_artifact(tmp_path / name, (ASSETS / name).read_bytes(), card())
    found = read_artifact(tmp_path / name).card
    assert found is not None
    assert found.labels == LABELS


def test_what_a_card_may_hold_a_file_can_carry() -> None:
    assert MAX_CARD_BYTES <= MAX_VALUE


def test_the_best_of_many_are_named_in_order() -> None:
    scores = np.random.default_rng(0).permutation(COUNT).astype(np.float32)[None] / COUNT
    found = answer(open_decoder(card(recipe=ClassificationRecipe(top_k=5)), (SPEC,)), (SPEC,), scores)
    assert isinstance(found, Classification)
    ids = np.argsort(-scores[0], kind="stable")[:5]
    assert found.class_ids.tolist() == ids.tolist()
    assert found.labels == tuple(LABELS[number] for number in ids)


@pytest.mark.parametrize("top_k", [1, 2, 3, 7, 8, 9])
def test_of_equal_scores_the_earlier_is_first_however_many_are_asked_for(top_k: int) -> None:
    rng = np.random.default_rng(top_k)
    spec = TensorSpec("y", (1, 8), "float32")
    read = open_decoder(card(recipe=ClassificationRecipe(top_k=top_k)).with_(labels=()), (spec,))
    for _ in range(50):
        scores = rng.integers(0, 3, (1, 8)).astype(np.float32) / 3
        found = answer(read, (spec,), scores)
        assert isinstance(found, Classification)
        assert found.class_ids.tolist() == np.argsort(-scores[0], kind="stable")[:top_k].tolist()


def test_a_model_of_many_classes_is_loaded_and_answers(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    weights = np.zeros((4, COUNT), np.float32)
    weights[0, 41_234] = weights[1, 7] = 1.0
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, size]) for name, size in
            (("x", 4), ("y", COUNT))]  # fmt: skip
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "g", ends[:1], ends[1:], [numpy_helper.from_array(weights, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = tmp_path / "many.onnx"
    onnx.save(model, path)
    given = {
        "task": "classification", "labels": list(LABELS), "inputs": [{}], "outputs": [{"decode": "probabilities"}],
    }  # fmt: skip
    (tmp_path / "card.json").write_text(json.dumps(given), encoding="utf-8")

    from edgemm.cli import main

    assert main(["card", "set", str(path), str(tmp_path / "card.json")]) == 0
    with edgemm.load(path) as loaded:
        found = loaded(np.array([[1, 0, 0, 0]], np.float32))
    assert isinstance(found, Classification)
    assert found.label == LABELS[41_234]
    assert loaded.card.inputs == (InputCard("x", "tensor", (1, 4)),)
