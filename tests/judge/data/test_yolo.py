"""Truths of YOLO, and names of classes."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgemm.errors import InputError
from edgemm.judge.data import read_truth, truth_kind
from edgemm.judge.data.names import names_beside, yaml_names
from edgemm.judge.data.yolo import read_yolo


def made(folder: Path, texts: dict[str, str], images: str = "images", labels: str = "labels") -> Path:
    """A data set whose pictures are empty files: nothing here decodes them."""
    (folder / images).mkdir(parents=True)
    (folder / labels).mkdir(parents=True)
    for name, text in texts.items():
        (folder / images / f"{name}.jpg").touch()
        if text is not None:
            (folder / labels / f"{name}.txt").write_text(text)
    return folder


def test_boxes_become_pixels_of_the_picture(tmp_path: Path) -> None:
    data = read_truth(made(tmp_path, {"a": "3 0.5 0.5 0.2 0.4\n\n1 0.25 0.5 0.5 1\n"}), "detection")
    truth: Any = data.samples[0].truth((100, 50))
    assert data.samples[0].picture == tmp_path / "images" / "a.jpg"
    np.testing.assert_allclose(truth.boxes_xyxy, [[40, 15, 60, 35], [0, 0, 50, 50]], atol=1e-12)
    assert truth.class_ids.tolist() == [3, 1]


def test_a_picture_without_a_list_shows_nothing_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = made(tmp_path, {"a": "0 0.5 0.5 1 1"})
    (folder / "images" / "b.png").touch()
    with caplog.at_level(logging.WARNING, "edgemm"):
        data = read_truth(folder, "detection")
    assert "1 of 2 pictures have no .txt: they count as showing nothing" in caplog.text
    assert [len(each.truth((10, 10))) for each in data.samples] == [1, 0]  # type: ignore[arg-type]


def test_around_a_polygon_there_is_a_box(tmp_path: Path) -> None:
    data = read_truth(made(tmp_path, {"a": "0 0.1 0.2 0.5 0.1 0.3 0.9"}), "detection")
    truth: Any = data.samples[0].truth((10, 10))
    np.testing.assert_allclose(truth.boxes_xyxy, [[1, 1, 5, 9]], atol=1e-12)


def test_polygons_become_classes_after_the_background_smaller_ones_on_top(tmp_path: Path) -> None:
    square, small = "4 0 0 1 0 1 1 0 1", "1 0.25 0.25 0.75 0.25 0.75 0.75 0.25 0.75"
    for name, text in (("a", f"{square}\n{small}"), ("b", f"{small}\n{square}")):
        data = read_truth(made(tmp_path / name, {"a": text}, labels="polygons"), "segmentation")
        truth: Any = data.samples[0].truth((4, 4))
        assert truth.classes.tolist() == [[5, 5, 5, 5], [5, 2, 2, 5], [5, 2, 2, 5], [5, 5, 5, 5]]
        assert truth.classes.dtype == np.uint8
        assert truth.ignore is None


def test_a_box_is_no_mask(tmp_path: Path) -> None:
    data = read_truth(made(tmp_path, {"a": "0 0.5 0.5 1 1"}), "segmentation")
    with pytest.raises(InputError, match=r"a\.txt: expected polygons.*found a box of class 0"):
        data.samples[0].truth((4, 4))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("0 0.5 0.5 1", "found 4 numbers"),
        ("0 0.5 0.5 1 1 1", "found 6 numbers"),
        ("0 0.1 0.1 0.2 0.2 0.3 0.3 0.4", "found 8 numbers"),
        ("0 0.5 0.5 1 x", "expected numbers, found '0 0.5 0.5 1 x'"),
        ("0.5 0.5 0.5 1 1", "expected a class number from 0 to 65535, found 0.5"),
        ("-1 0.5 0.5 1 1", "expected a class number"),
        ("nan 0.5 0.5 1 1", "expected a class number"),
        ("0 320 240 100 100", "expected shares of the picture, 0 to 1"),
        ("0 0.5 nan 1 1", "expected shares"),
        ("0 0.5 0.5 -0.2 1", "expected shares"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, words: str) -> None:
    folder = made(tmp_path, {"a": f"0 0.5 0.5 1 1\n{line}\n"})
    with pytest.raises(InputError, match=r"a\.txt, line 2: .*" + words):
        read_truth(folder, "detection")


def test_rounding_beyond_the_edge_is_allowed(tmp_path: Path) -> None:
    assert read_truth(made(tmp_path, {"a": "0 0.5 0.5 1.0005 1"}), "detection").samples


@pytest.mark.parametrize("labels", ["labels", "boxes"])
def test_folders_of_boxes(tmp_path: Path, labels: str) -> None:
    assert truth_kind(made(tmp_path, {"a": "0 0.5 0.5 1 1"}, labels=labels), "detection") == "yolo"


@pytest.mark.parametrize(
    ("images", "labels"),
    [("images/val", "labels/val"), ("valid/images", "valid/labels"), ("images/val2017", "labels/val2017")],
)
def test_the_part_for_evaluation_is_read(tmp_path: Path, images: str, labels: str) -> None:
    folder = made(tmp_path, {"a": "0 0.5 0.5 1 1"}, images, labels)
    made_too = images.replace("val2017", "train").replace("valid", "train").replace("val", "train")
    (folder / made_too).mkdir(parents=True)
    (folder / made_too / "other.jpg").touch()
    (folder / "data.yaml").write_text("names: [thing]\n")
    data = read_truth(folder, "detection")
    assert [each.picture.name for each in data.samples] == ["a.jpg"]
    assert data.names == ("thing",)


def test_folders_within_are_kept_apart(tmp_path: Path) -> None:
    folder = made(tmp_path, {"a": "0 0.5 0.5 1 1"})
    for name, text in (("one", "1 0.5 0.5 1 1"), ("two", "2 0.5 0.5 1 1")):
        (folder / "images" / name).mkdir()
        (folder / "labels" / name).mkdir()
        (folder / "images" / name / "a.jpg").touch()
        (folder / "labels" / name / "a.txt").write_text(text)
    found: Any = [each.truth((2, 2)) for each in read_truth(folder, "detection").samples]
    assert [each.class_ids.tolist() for each in found] == [[0], [1], [2]]


def test_no_lists_at_all_is_an_error(tmp_path: Path) -> None:
    folder = made(tmp_path, {"a": "0 0.5 0.5 1 1"})
    (folder / "labels" / "a.txt").unlink()
    with pytest.raises(InputError, match=r"expected a \.txt named as its picture, such as a\.txt"):
        read_truth(folder, "detection")


def test_numbers_become_those_of_the_card_by_name(tmp_path: Path, caplog: Any) -> None:
    folder = made(tmp_path, {"a": "0 0.5 0.5 1 1\n1 0.5 0.5 1 1\n2 0.5 0.5 1 1"})
    (folder / "data.yaml").write_text("names:\n  0: Dining Table\n  1: unicorn\n  2: tvmonitor\n")
    data = read_truth(folder, "detection", labels=("???", "tv", "diningtable"))
    truth: Any = data.samples[0].truth((10, 10))
    assert truth.class_ids.tolist() == [2, 1]
    assert "unicorn" in caplog.text
    with pytest.raises(InputError, match="none of its 3 classes"):
        read_truth(folder, "detection", labels=("horse",))


def test_pixels_of_classes_that_the_model_lacks_are_background(tmp_path: Path) -> None:
    text = "0 0 0 0.5 0 0.5 1 0 1\n1 0.5 0 1 0 1 1 0.5 1"
    folder = made(tmp_path, {"a": text}, labels="polygons")
    names = {0: "cat", 1: "person"}
    truth: Any = (
        read_truth(folder, "segmentation", names=names, labels=("background", "person"))
        .samples[0]
        .truth((4, 1))
    )
    assert truth.classes.tolist() == [[0, 0, 1, 1]]
    bare: Any = read_truth(folder, "segmentation", names=names, labels=("person",)).samples[0].truth((4, 1))
    assert bare.classes.tolist() == [[255, 255, 0, 0]]
    assert bare.ignore == 255


def test_a_class_that_has_no_name_in_the_list_is_named_with_its_line(tmp_path: Path) -> None:
    folder = made(tmp_path, {"a": "1 0.5 0.5 1 1\n2 0.5 0.5 1 1"})
    (folder / "data.yaml").write_text("names: [a, b]")
    with pytest.raises(InputError, match=r"a\.txt, line 2: expected a class number from 0 to 1, found 2"):
        read_truth(folder, "detection")
    assert read_truth(folder, "detection", names={1: "b"}).names == ("", "b", "")


def test_names_may_be_given_by_number(tmp_path: Path) -> None:
    data = read_yolo(made(tmp_path, {"a": "2 0.5 0.5 1 1"}), "detection", {2: "person"})
    assert data.names == ("", "", "person")
    truth: Any = data.for_labels(("person",)).samples[0].truth((2, 2))
    assert truth.class_ids.tolist() == [0]


YAMLS = {
    "names: [a, 'b c', \"d, e\"]": ("a", "b c", "d, e"),
    "# x\nnc: 2\nnames: ['a', # one\n  'it''s']\n": ("a", "it's"),
    "names:\n- a\n- b # comment\nnc: 2": ("a", "b"),
    "names:\n  0: traffic light\n  2: 'b'\n": ("traffic light", "", "b"),
    "names: {0: a, 1: b}": ("a", "b"),
    "nc: 3\n": (),
    "path: x\nnames:\n  - a\n\n  - b\ntrain: y": ("a", "b"),
    "names: []": (),
}


@pytest.mark.parametrize("text", YAMLS)
def test_names_in_yaml(tmp_path: Path, text: str) -> None:
    file = tmp_path / "data.yaml"
    file.write_text(text)
    assert yaml_names(file) == YAMLS[text]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nc: 1\nnames: person", r"data\.yaml, line 2: expected names as \[a, b\]"),
        ("names: [a, [b]]", "line 1: expected a name"),
        ("names:\n  - a\n  b\n", r"line 3: expected '- name' or '0: name', found 'b'"),
        ("names: {0: a, 0: b}", "each once"),
        ("names: {99999999: a}", "below 65536"),
        ("names: [a, b", "line 1: expected names as"),
    ],
)
def test_yaml_that_is_not_understood(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "data.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=words):
        yaml_names(file)


def test_a_list_of_names(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("cat\ndog \n\n")
    assert names_beside(tmp_path) == ("cat", "dog")
    (tmp_path / "classes.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"classes\.txt: expected text in UTF-8"):
        names_beside(tmp_path)


def test_another_folder_is_refused_with_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected COCO's JSON of instances, a folder"):
        read_truth(tmp_path, "detection")
    with pytest.raises(InputError, match="one of detection, segmentation, landmarks"):
        read_truth(tmp_path, "classification")


@pytest.mark.parametrize(
    ("task", "text"), [("detection", "2 0.5 0.5 1 1"), ("segmentation", "1 0 0 1 0 1 1 0 1")]
)
def test_a_number_beyond_the_labels_names_its_picture(tmp_path: Path, task: str, text: str) -> None:
    data = read_truth(made(tmp_path, {"a": text}), task, labels=("cat", "dog"))
    with pytest.raises(InputError, match=r"the truth of .*a\.jpg: true .* expected .*0 to 1.*found 2"):
        data.samples[0].truth((4, 4))
