"""Truths of COCO: the file, polygons, run lengths."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgemm.errors import InputError
from edgemm.judge.data import read_truth
from edgemm.judge.data.polygon import fill
from edgemm.judge.data.rle import read_rle

CONTENT: dict[str, Any] = {
    "images": [
        {"id": 7, "file_name": "b.jpg", "width": 6, "height": 4},
        {"id": 3, "file_name": "a.jpg", "width": 6, "height": 4},
    ],
    "categories": [{"id": 90, "name": "brush"}, {"id": 1, "name": "person"}],
    "annotations": [
        {
            "id": 1, "image_id": 7, "category_id": 90, "bbox": [1, 1, 4, 2.5],
            "segmentation": [[1, 1, 5, 1, 5, 3, 1, 3]], "iscrowd": 0,
            "keypoints": [2, 1, 2, 0, 0, 0, 3, 2, 1],
        },
        {
            "id": 2, "image_id": 7, "category_id": 1, "bbox": [0, 0, 6, 4], "iscrowd": 1,
            "segmentation": {"size": [4, 6], "counts": [8, 16]},
        },
    ],
}  # fmt: skip


def made(folder: Path, change: Any = None, name: str = "instances_val.json") -> Path:
    content = json.loads(json.dumps(CONTENT))
    if change is not None:
        change(content)
    for each in ("a.jpg", "b.jpg"):
        (folder / each).touch()
    file = folder / name
    file.write_text(json.dumps(content))
    return file


def test_boxes_classes_by_id_and_crowds(tmp_path: Path) -> None:
    data = read_truth(made(tmp_path), "detection")
    assert data.names == ("person", "brush")
    assert [each.picture.name for each in data.samples] == ["a.jpg", "b.jpg"]
    truth: Any = data.samples[1].truth((6, 4))
    assert truth.boxes_xyxy.tolist() == [[1, 1, 5, 3.5], [0, 0, 6, 4]]
    assert truth.class_ids.tolist() == [1, 0]
    assert truth.crowd.tolist() == [False, True]
    assert len(data.samples[0].truth((6, 4))) == 0  # type: ignore[arg-type]


def test_polygons_and_run_lengths_become_one_mask_the_smaller_on_top(tmp_path: Path) -> None:
    data = read_truth(made(tmp_path), "segmentation")
    assert data.names == ("background", "person", "brush")
    truth: Any = data.samples[1].truth((6, 4))
    assert truth.classes.tolist() == [
        [0, 0, 1, 1, 1, 1],
        [0, 2, 2, 2, 2, 1],
        [0, 2, 2, 2, 2, 1],
        [0, 0, 1, 1, 1, 1],
    ]
    assert truth.ignore is None


def test_key_points_lie_in_the_middle_of_their_pixels(tmp_path: Path) -> None:
    data = read_truth(made(tmp_path), "landmarks")
    assert [each.picture.name for each in data.samples] == ["b.jpg"]
    things: Any = data.samples[0].truth((6, 4))
    (one,) = things
    assert one.points_xy.tolist() == [[2.5, 1.5], [0.5, 0.5], [3.5, 2.5]]
    assert one.known.tolist() == [True, False, True]
    assert one.box_xyxy == (1, 1, 5, 3.5)
    assert one.scale == pytest.approx(np.hypot(4, 2.5))


@pytest.mark.parametrize("task", ["segmentation", "detection", "landmarks"])
def test_a_picture_must_have_the_size_that_its_truth_was_made_for(tmp_path: Path, task: str) -> None:
    data = read_truth(made(tmp_path), task)
    with pytest.raises(InputError, match="image 7: expected a picture of 6x4 pixels, found 6x5"):
        data.samples[-1].truth((6, 5))


@pytest.mark.parametrize("bbox", [[6, 0, 2, 2], [1000, 1000, 5, 5], [0, 4, 1, 1], [-3, 0, 2, 1]])
def test_a_box_outside_of_its_picture_is_refused(tmp_path: Path, bbox: list[int]) -> None:
    data = read_truth(made(tmp_path, lambda c: c["annotations"][0].update(bbox=bbox)), "detection")
    with pytest.raises(
        InputError, match=r"annotations\[0\] \(id 1\): expected a bbox in its picture of 6x4 pixels"
    ):
        data.samples[1].truth((6, 4))


def test_a_box_that_reaches_beyond_the_edge_stays_as_it_is(tmp_path: Path) -> None:
    data = read_truth(made(tmp_path, lambda c: c["annotations"][0].update(bbox=[-1, 2, 9, 9])), "detection")
    truth: Any = data.samples[1].truth((6, 4))
    assert truth.boxes_xyxy[0].tolist() == [-1, 2, 8, 11]


def test_a_folder_with_its_annotations(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    (tmp_path / "val").mkdir()
    made(tmp_path / "annotations")
    for each in ("a.jpg", "b.jpg"):
        (tmp_path / "annotations" / each).rename(tmp_path / "val" / each)
    data = read_truth(tmp_path, "detection")
    assert data.samples[0].picture == tmp_path / "val" / "a.jpg"


def test_of_several_files_that_for_evaluation_counts(tmp_path: Path) -> None:
    made(tmp_path, name="instances_train.json")
    made(tmp_path)
    assert "instances_val" in read_truth(tmp_path, "detection").where
    (tmp_path / "instances_val.json").rename(tmp_path / "instances_mine.json")
    with pytest.raises(
        InputError, match=r"expected one file of COCO, found instances_mine\.json, instances_train"
    ):
        read_truth(tmp_path, "detection")


def test_pictures_that_are_not_there_are_left_out_and_told(tmp_path: Path, caplog: Any) -> None:
    file = made(tmp_path)
    (tmp_path / "a.jpg").unlink()
    assert len(read_truth(file, "detection").samples) == 1
    assert "1 of its 2 images" in caplog.text
    (tmp_path / "b.jpg").unlink()
    with pytest.raises(InputError, match=r"expected its pictures, such as b\.jpg, in one of"):
        read_truth(file, "detection")


def _set(path: str, value: Any) -> Any:
    def change(content: Any) -> None:
        *way, last = [int(each) if each.isdigit() else each for each in path.split(".")]
        for each in way:
            content = content[each]
        content[last] = value

    return change


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (
            "annotations.1.image_id",
            4,
            r"annotations\[1\] \(id 2\): expected the image_id of an image, found 4",
        ),
        ("annotations.0.category_id", None, r"annotations\[0\] \(id 1\): expected the category_id"),
        ("annotations.1.id", 1, r"annotations\[1\]: expected an object with an id of its own"),
        ("annotations.0", 5, r"annotations\[0\]: expected an object"),
        ("images.0.file_name", "../b.jpg", r"images\[0\]: expected a file_name below the folder"),
        ("images.0.file_name", "/b.jpg", "below the folder"),
        ("images.0.file_name", "C:\\b.jpg", "below the folder"),
        ("images.0.file_name", 3, r"images\[0\] \(id 7\): expected 'file_name', found 3"),
        ("images", {}, "expected COCO's lists"),
        ("images", [], "at least one of images"),
        ("categories", [], "at least one of categories"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path: Path, path: str, value: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_truth(made(tmp_path, _set(path, value)), "detection")


@pytest.mark.parametrize(
    ("task", "key", "value", "words"),
    [
        ("detection", "bbox", [1, 1, 4], "a bbox of 4 numbers"),
        ("detection", "bbox", [1, 1, 4, "x"], "a bbox of 4 numbers"),
        ("detection", "bbox", [1, 1, -4, 2], "width and height from 0"),
        ("detection", "bbox", [1, 1, float("inf"), 2], "a bbox of 4 numbers"),
        ("detection", "bbox", None, "a bbox of 4 numbers"),
        ("segmentation", "segmentation", [], "polygons or run lengths"),
        (
            "segmentation",
            "segmentation",
            [[1, 1, 2, 2]],
            "3 points or more, x and y by turns, found 4 numbers",
        ),
        ("segmentation", "segmentation", [[1, 1, 2, 2, 3, 3, 4]], "found 7 numbers"),
        (
            "segmentation",
            "segmentation",
            {"size": [4, 6], "counts": [8, 15]},
            "runs of 24 pixels together, found 23",
        ),
        ("segmentation", "segmentation", {"size": [6, 4], "counts": [8, 16]}, r"expected size \[4, 6\]"),
        ("segmentation", "segmentation", {"size": [4, 6], "counts": [8, -8, 24]}, "whole numbers from 0"),
        ("segmentation", "segmentation", {"size": [4, 6], "counts": "~"}, "found the character '~'"),
        ("segmentation", "segmentation", {"size": [4, 6], "counts": "P"}, "end within a number"),
        (
            "landmarks",
            "keypoints",
            [1, 1, 2, 4],
            "keypoints of three numbers each, x, y and visibility by turns, found 4 numbers",
        ),
    ],
)
def test_what_is_wrong_in_an_annotation_is_named(
    tmp_path: Path, task: str, key: str, value: Any, words: str
) -> None:
    data = read_truth(made(tmp_path, _set(f"annotations.0.{key}", value)), task)
    with pytest.raises(InputError, match=r"annotations\[0\] \(id 1\): .*" + words):
        data.samples[-1].truth((6, 4))


def test_no_json_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "instances.json"
    file.write_text('{"images": [],\n "annotations" [] }')
    with pytest.raises(InputError, match=r"instances\.json, line 2: not readable as JSON"):
        read_truth(file, "detection")


def _masks() -> Any:
    generator = np.random.default_rng(3)
    for height, width in ((5, 7), (40, 30), (200, 300)):
        for _ in range(5):
            corner = generator.integers(0, [height, width])
            mask = generator.random((height, width)) < generator.choice([0.02, 0.5, 0.98])
            mask[corner[0] :, corner[1] :] = generator.random() < 0.5
            yield mask


def test_packed_runs_are_those_of_pycocotools() -> None:
    package = pytest.importorskip(
        "pycocotools.mask", reason="pycocotools is not installed: pip install pycocotools"
    )
    for mask in _masks():
        packed = package.encode(np.asfortranarray(mask.astype(np.uint8)))
        packed["counts"] = packed["counts"].decode()
        np.testing.assert_array_equal(read_rle(packed, mask.shape[::-1]), mask)


def test_polygons_cover_what_pycocotools_covers_but_for_their_edges() -> None:
    package = pytest.importorskip(
        "pycocotools.mask", reason="pycocotools is not installed: pip install pycocotools"
    )
    generator = np.random.default_rng(4)
    for _ in range(20):
        angles = np.sort(generator.random(9) * 2 * np.pi)
        around = np.stack([np.cos(angles), np.sin(angles)], axis=1) * generator.uniform(30, 60, (9, 1))
        polygon = around + generator.uniform(40, 80, 2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the package's own use of NumPy
            packed = package.frPyObjects([polygon.ravel().tolist()], 120, 130)
            theirs = package.decode(packed)[..., 0].astype(bool)
        ours = fill([polygon], (130, 120))
        edges = np.abs(np.diff(np.pad(polygon, ((0, 1), (0, 0)), mode="wrap"), axis=0)).sum()
        assert (ours ^ theirs).sum() <= edges  # a pixel for each step along the outline


def test_the_area_of_a_polygon_is_that_of_its_pixels() -> None:
    """Against the shoelace formula."""
    square = np.array([[10, 10], [20, 10], [20, 30], [10, 30]])
    assert fill([square], (50, 50)).sum() == 200
    triangle = np.array([[0, 0], [100, 0], [0, 100]]) + 0.25
    assert abs(int(fill([triangle], (200, 200)).sum()) - 5000) <= 100


def test_what_lies_outside_of_the_picture_is_cut_off() -> None:
    assert fill([np.array([[-5, -5], [3, -5], [3, 2], [-5, 2]])], (4, 4)).sum() == 6
    assert fill([np.array([[2, 2], [99, 2], [99, 99], [2, 99]])], (4, 4)).sum() == 4


def test_two_polygons_are_one_mask_and_a_crossing_is_outside() -> None:
    one, two = np.array([[0, 0], [2, 0], [2, 1], [0, 1]]), np.array([[1, 0], [3, 0], [3, 1], [1, 1]])
    assert fill([one, two], (4, 1)).tolist() == [[True, True, True, False]]
    twice = np.array([[0, 0], [4, 0], [4, 4], [0, 4], [0, 0], [1, 1], [3, 1], [3, 3], [1, 3], [1, 1]])
    assert fill([twice], (4, 4)).sum() == 12


def test_a_pixel_is_inside_where_its_centre_is() -> None:
    strip = np.array([[0.6, 0.0], [2.4, 0.0], [2.4, 2.6], [0.6, 2.6]])
    assert fill([strip], (4, 4)).tolist() == [[False, True, False, False]] * 3 + [[False] * 4]


PACKED = {
    "23501OKO212OL": (
        "..#.#..",
        "..#..#.",
        "#.#.##.",
        "#.....#",
        "#..#...",
    ),
    "011011O021NO1OO04010K020200": (
        "##.#..###",
        "..#......",
        "###...#..",
        ".###.....",
        ".........",
        "#.###....",
    ),
}
"""Packed runs of pycocotools 2.0.11 -> rows of the mask."""


@pytest.mark.parametrize("counts", PACKED)
def test_packed_runs(counts: str) -> None:
    rows = PACKED[counts]
    mask = read_rle({"size": [len(rows), len(rows[0])], "counts": counts}, (len(rows[0]), len(rows)))
    assert ["".join(".#"[int(each)] for each in row) for row in mask] == list(rows)


def test_packed_runs_worked_out_by_hand() -> None:
    """Runs 2, 100, 3, 10: the last as its difference to the run before the last, 10 - 100 = -90."""
    value = read_rle({"size": [115, 1], "counts": _pack([2, 100, 3, 10 - 100])}, (1, 115))
    assert np.flatnonzero(np.diff(value[:, 0].astype(int))).tolist() == [1, 101, 104]


def _pack(numbers: list[int]) -> str:
    """As COCO's description of the format has it."""
    text = ""
    for number in numbers:
        more = True
        while more:
            bits = number & 31
            number >>= 5
            more = number != (-1 if bits & 16 else 0)
            text += chr(48 + (bits | (32 if more else 0)))
    return text
