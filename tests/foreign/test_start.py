"""The start of a card: what the file says first, then guesses."""

from __future__ import annotations

from pathlib import Path

import pytest
from foreign_models import image, metadata, onnx, real, tflite

from edgemm.artifact import read_payload
from edgemm.errors import DamagedArtifact
from edgemm.foreign.start import start
from edgemm.tensors import TensorSpec


def test_a_file_that_says_all(tmp_path: Path) -> None:
    path = tflite(
        tmp_path / "m.tflite",
        [image()],
        [real("o", 1, 2)],
        said=metadata("classifier"),
        files={"en.txt": "a\nb"},
    ).path
    card, said = start(read_payload(path))
    assert (card.task, card.labels, card.name) == ("classification", ("a", "b"), "birds")
    assert all(each.startswith("TFLite metadata: ") for each in said)


def test_a_file_that_describes_its_input_alone(tmp_path: Path) -> None:
    """The normalisation is the file's, the task a guess."""
    shapes = [real("r", 1, 896, 16), real("c", 1, 896, 1)]
    path = tflite(tmp_path / "m.tflite", [image((1, 128, 128, 3))], shapes, said=metadata("classifier")).path
    card, said = start(read_payload(path))
    assert card.inputs[0].image is not None
    assert card.inputs[0].image.std == pytest.approx([58.395, 57.12, 57.375])
    if card.task != "tensors":  # this version has that task
        assert (card.task, card.recipe.head) == ("detection", "anchors")
    assert card.name == "birds"
    assert "(likely)" in said[-1]
    assert len([each for each in said if "(likely)" in each or "(unsure)" in each]) == 1


@pytest.mark.parametrize(
    "outputs", [[real("o", 1, 37, 84)], [real("o", 1, 37, 84), real("p", 1, 32, 16, 16)]]
)
def test_rows_with_masks_are_guessed_to_be_no_classes(tmp_path: Path, outputs: list[TensorSpec]) -> None:
    """[1, 37, 84] looks like 33 classes, and the file has one label."""
    said = {"task": "segment", "names": {0: "cat"}, "stride": 32}
    path = onnx(tmp_path / "m.onnx", [image((1, 3, 64, 64))], outputs, said).path
    card, _ = start(read_payload(path))
    assert (card.task, card.labels) == ("tensors", ("cat",))
    assert card.inputs[0].image is not None
    assert card.inputs[0].image.resize == "letterbox"


def test_labels_of_the_file_fill_a_guess_of_as_many(tmp_path: Path) -> None:
    said = {"model_info model_type": "unheard-of", "model_info labels": "a b c d e"}
    path = onnx(tmp_path / "m.onnx", [image((1, 3, 32, 32))], [real("o", 1, 5)], said).path
    card, _ = start(read_payload(path))
    assert (card.task, card.labels) == ("classification", ("a", "b", "c", "d", "e"))


def test_a_file_that_says_nothing(tmp_path: Path) -> None:
    path = onnx(tmp_path / "m.onnx", [image((1, 3, 32, 32))], [real("o", 1, 5)], {}).path
    card, said = start(read_payload(path))
    assert (card.task, card.labels[4], card.name) == ("classification", "class 4", "m")
    assert len(said) == 2


def test_a_damaged_file(tmp_path: Path) -> None:
    path = onnx(tmp_path / "m.onnx", [image((1, 3, 32, 32))], [real("o", 1, 5)], {}).path
    artifact = read_payload(path)
    broken = artifact.__class__(path, "onnx", artifact.payload[:-9] + b"\xff" * 9, None, None, 0)
    with pytest.raises(DamagedArtifact):
        start(broken)
