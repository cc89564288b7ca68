"""A detector that ends in TFLite_Detection_PostProcess and has no metadata at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from foreign_models import POSTPROCESS, check_opens, image, real, tflite

from edgemm.foreign import ForeignCard, foreign_card
from edgemm.foreign.flexbuffer import read_options

OUTPUTS = [
    real(name, *shape) for name, shape in (("b", (1, 9, 4)), ("c", (1, 9)), ("s", (1, 9)), ("n", (1,)))
]
PICTURES = image((1, 32, 48, 3), "uint8", scale=1 / 128, zero_point=128)


def options(**numbers: Any) -> bytes:
    """Options of the custom operator, as FlatBuffers' own builder writes them."""
    flexbuffers = pytest.importorskip("flatbuffers.flexbuffers")
    builder = flexbuffers.Builder()
    builder.MapFromElements(numbers)
    return bytes(builder.Finish())


def made(folder: Path, *, files: Any = None, said: bytes = b"", inputs: Any = PICTURES) -> ForeignCard | None:
    operators = [(POSTPROCESS, [0], [1, 2, 3, 4])]
    model = tflite(folder / "ssd.tflite", [inputs], OUTPUTS, files=files, operators=operators, options=said)
    found = foreign_card(model)
    if found is not None:
        check_opens(found, model)
    return found


def test_it_is_recognised_by_its_operator(tmp_path: Path) -> None:
    found = made(tmp_path)
    assert found is not None
    assert found.origin == POSTPROCESS
    section = found.content["detection"]
    assert section == {
        "head": "postprocess",
        "box": "yxyx",
        "coordinates": "normalized",
        "boxes_outputs": ["b"],
        "classes_outputs": ["c"],
        "scores_outputs": ["s"],
        "count_outputs": ["n"],
    }
    assert (found.card.name, found.card.labels) == ("ssd", ())
    assert "no label file" in " ".join(found.said)


def test_float_pixels_without_a_normalisation_are_not_guessed(tmp_path: Path) -> None:
    assert made(tmp_path, inputs=image((1, 32, 48, 3))) is None


def test_labels_in_the_archive(tmp_path: Path) -> None:
    found = made(tmp_path, files={"labelmap.txt": "cat\ndog\n", "readme.md": "x"})
    assert found is not None
    assert found.card.labels == ("cat", "dog")


def test_two_label_files_leave_a_doubt(tmp_path: Path) -> None:
    found = made(tmp_path, files={"labelmap.txt": "cat\n", "labels.txt": "dog\n"})
    assert found is not None
    assert found.card.labels == ()


@pytest.mark.parametrize(
    "name", ["ssd.labels.txt", "ssd_labels.txt", "ssd.txt", "labelmap.txt", "labels.txt"]
)
def test_labels_beside_the_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("0  person\n2  cup, of tea\n", encoding="utf-8")
    found = made(tmp_path)
    assert found is not None
    assert found.card.labels == ("person", "???", "cup, of tea")
    assert any(name in said for said in found.said)


def test_labels_of_another_model_beside_it_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("\n".join(map(str, range(1000))), encoding="utf-8")
    found = made(tmp_path, said=options(num_classes=90, max_detections=10))
    assert found is not None
    assert found.card.labels == ()
    assert any("1000 labels" in said and "90 classes" in said for said in found.said)


@pytest.mark.parametrize(
    ("labels", "classes", "offset"),
    [
        ("???\ncat\ndog", 2, 1),
        ("???\ncat\ndog", 3, 0),
        ("???\ncat", 0, 1),
        ("cat\ndog", 0, 0),
        ("cat\n???", 2, 0),
        ("\ncat\ndog", 2, 1),
        ("\ncat\ndog", 3, 0),
        ("\ncat\ndog", 0, 1),
    ],
)
def test_a_first_label_of_no_class(tmp_path: Path, labels: str, classes: int, offset: int) -> None:
    said = options(num_classes=classes) if classes else b""
    found = made(tmp_path, files={"labelmap.txt": labels}, said=said)
    assert found is not None
    assert found.content["detection"].get("label_offset", 0) == offset
    assert len(found.card.labels) == len(labels.split("\n"))


@pytest.mark.parametrize("classes", [float("inf"), float("nan"), -1, 1 << 60, 2.5])
def test_a_number_of_classes_that_is_none(tmp_path: Path, classes: float) -> None:
    found = made(tmp_path, files={"labelmap.txt": "cat\ndog\n"}, said=options(num_classes=classes))
    assert found is not None
    assert found.card.labels == ("cat", "dog")


def test_options_are_read_as_flatbuffers_writes_them() -> None:
    told = {"num_classes": 90, "nms_iou_threshold": 0.6, "big": 1 << 40, "use_regular_nms": False}
    assert read_options(options(**told)) == told
    assert read_options(options(few=1, wide=-3)) == {"few": 1, "wide": -3}


@pytest.mark.parametrize("data", [b"", b"\0", b"\1\4", b"\xff" * 40, b"\0" * 40, bytes(range(256))])
def test_options_that_are_none(data: bytes) -> None:
    assert read_options(data) == {}
