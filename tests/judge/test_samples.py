"""Data as people have them, each sample with what is right; and those that do not say it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgemm import data
from edgemm.errors import InputError
from edgemm.judge.samples import Facts, read_samples
from edgemm.judge.truth import TrueBoxes

DIGITS = tuple("0123456789")
PICTURES = Facts("classification", "image", DIGITS)
WORDS = Facts("keyword", "audio", (*data.WORDS, "background"), ("background",))
LETTERS = Facts("classification", "text", ("bad", "good"))
TENSORS = Facts("classification", "tensor", ("no", "yes"), inputs=("a", "b"))


def told(found: Any) -> list[Any]:
    return [each.right(each.read()) for each in found.samples]


def digit(path: Path, name: str = "3/015.png") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(next(data.path("digits").glob(f"{name[0]}/*.png")), path))


def test_a_folder_for_each_class() -> None:
    found = read_samples(data.path("digits"), PICTURES)
    assert len(found.samples) == 40
    assert told(found) == [int(each.name[0]) for each in found.samples]
    frame = found.samples[0].read()
    assert (frame.pixels.shape, frame.pixels.dtype, frame.color) == ((28, 28), np.uint8, "gray")


def test_a_limit_takes_some_of_every_class() -> None:
    found = read_samples(data.path("digits"), PICTURES, limit=20)
    assert set(told(found)) == set(range(10))
    assert len(found.samples) == 20


def test_one_class_alone_keeps_its_number(tmp_path: Path) -> None:
    digit(tmp_path / "7" / "a.png", "7")
    assert told(read_samples(tmp_path, PICTURES)) == [7]


def test_without_labels_folders_are_numbered(tmp_path: Path) -> None:
    digit(tmp_path / "cat" / "a.png")
    digit(tmp_path / "ant" / "b.png")
    found = read_samples(tmp_path, Facts("classification", "image"))
    assert (told(found), found.labels) == ([0, 1], ("ant", "cat"))


def test_embeddings_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    digit(tmp_path / "anna" / "a.png")
    digit(tmp_path / "ben" / "monday" / "b.png")
    assert told(read_samples(tmp_path, Facts("embedding", "image"))) == ["anna", "ben"]


def test_a_coloured_picture_is_given_in_rgb(tmp_path: Path) -> None:
    import cv2

    (tmp_path / "1").mkdir()
    cv2.imwrite(str(tmp_path / "1" / "red.png"), np.full((4, 6, 3), (0, 0, 250), np.uint8))
    frame = read_samples(tmp_path, PICTURES).samples[0].read()
    assert frame.color == "rgb"
    assert frame.pixels[0, 0].tolist() == [250, 0, 0]


def test_boxes_of_yolo_in_the_labels_of_the_model(tmp_path: Path) -> None:
    digit(tmp_path / "images" / "a.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("0 0.5 0.5 0.5 0.25\n")
    (tmp_path / "classes.txt").write_text("dog\n")
    (truth,) = told(read_samples(tmp_path, Facts("detection", "image", ("cat", "dog"))))
    assert isinstance(truth, TrueBoxes)
    assert truth.boxes_xyxy.tolist() == [[7, 10.5, 21, 17.5]]
    assert truth.class_ids.tolist() == [1]


def test_recordings_named_as_words() -> None:
    found = read_samples(data.path("spoken_digits"), WORDS)
    assert told(found) == [Path(each.name).stem for each in found.samples]
    assert found.samples[0].read().sample_rate == 8000


def test_a_folder_for_each_word_and_none_for_the_background(tmp_path: Path) -> None:
    for folder in ("one", "background"):
        (tmp_path / folder).mkdir()
        shutil.copy(data.path("spoken_digits/two.wav"), tmp_path / folder / "two.wav")
    assert told(read_samples(tmp_path, WORDS)) == ["", "one"]


def test_an_npz_of_pictures() -> None:
    found = read_samples(data.path("digits/held_out.npz"), PICTURES, limit=50)
    _, labels = data.digits()
    assert found.modality == "image"
    assert told(found) == [int(labels[int(each.name.split()[1])]) for each in found.samples]


def test_an_npz_of_tensors(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "x.npz", a=np.arange(6.0).reshape(3, 2), b=np.ones((3, 1)), labels=np.array([0, 1, 1])
    )
    found = read_samples(tmp_path / "x.npz", TENSORS)
    assert (told(found), found.modality) == ([0, 1, 1], "tensor")
    assert {key: each.tolist() for key, each in found.samples[2].read().items()} == {"a": [4, 5], "b": [1]}


def test_texts_with_labels(tmp_path: Path) -> None:
    file = tmp_path / "x.tsv"
    file.write_text("text\tlabel\nfine\tgood\nawful\t0\n")
    found = read_samples(file, LETTERS)
    assert (told(found), [each.read() for each in found.samples]) == ([1, 0], ["fine", "awful"])
    assert [each.name for each in found.samples] == ["line 2", "line 3"]


def test_texts_with_targets(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text(
        "\n".join(json.dumps({"source": a, "target": b}) for a, b in (("1", "one"), ("2", "two")))
    )
    found = read_samples(file, Facts("text_to_text", "text"))
    assert told(found) == ["one", "two"]


def refused(path: Path, facts: Facts) -> str:
    with pytest.raises(InputError) as error:
        told(read_samples(path, facts, "--data"))
    return str(error.value)


def test_what_is_not_there_or_empty_is_refused(tmp_path: Path) -> None:
    assert "nothing of that name" in refused(tmp_path / "none", PICTURES)
    assert "found none" in refused(tmp_path, PICTURES)
    assert "found none" in refused(tmp_path, WORDS)
    (tmp_path / "x.tsv").write_text("")
    assert "expected a text" in refused(tmp_path / "x.tsv", LETTERS)
    assert "expected a folder" in refused(tmp_path / "x.tsv", PICTURES)


def test_data_that_do_not_say_what_is_right_are_refused(tmp_path: Path) -> None:
    digit(tmp_path / "a.png")
    assert "its class is not known" in refused(tmp_path, PICTURES)
    (tmp_path / "x.txt").write_text("fine\n")
    assert "has no labels" in refused(tmp_path / "x.txt", LETTERS)
    (tmp_path / "y.txt").write_text("1\n")
    assert "what is right" in refused(tmp_path / "y.txt", Facts("text_to_text", "text"))
    np.savez(tmp_path / "x.npz", images=np.zeros((2, 4, 4), np.uint8))
    assert "right classes" in refused(tmp_path / "x.npz", PICTURES)
    assert "it would need the times at which somebody speaks" in refused(
        tmp_path, Facts("voice_activity", "audio")
    )


def test_folders_that_are_no_labels_are_refused(tmp_path: Path) -> None:
    digit(tmp_path / "seven" / "a.png")
    assert "none of its folders is one of the card's labels" in refused(tmp_path, PICTURES)
    digit(tmp_path / "7" / "a.png")
    assert "'seven' is not one of the card's labels" in refused(tmp_path, PICTURES)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"images": np.zeros((2, 4, 4), np.uint8), "labels": np.array([0, 10])}, "labels of 0 to 9"),
        ({"images": np.zeros((2, 4, 4), np.uint8), "labels": np.array([-1, 0])}, "labels of 0 to 9"),
        ({"images": np.zeros((2, 4, 4), np.uint8), "labels": np.array([0.5, 1])}, "whole numbers"),
        ({"images": np.zeros((3, 4, 4), np.uint8), "labels": np.array([0, 1])}, "found 3 samples"),
        ({"images": np.zeros((2, 4, 4), np.float32), "labels": np.array([0, 1])}, "expected uint8"),
        ({"other": np.zeros((2, 4)), "labels": np.array([0, 1])}, "expected an array"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path: Path, arrays: dict[str, Any], said: str) -> None:
    np.savez(tmp_path / "x.npz", **arrays)
    facts = Facts("classification", "image", DIGITS, inputs=("image",))
    assert said in refused(tmp_path / "x.npz", facts)


def test_damaged_files_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 nothing")
    assert "x.npz" in refused(tmp_path / "x.npz", PICTURES)
    cut = digit(tmp_path / "folder" / "3" / "cut.png")
    cut.write_bytes(cut.read_bytes()[:60])
    assert "cut.png cannot be read" in refused(tmp_path / "folder", PICTURES)
    (tmp_path / "words" / "one").mkdir(parents=True)
    (tmp_path / "words" / "one" / "a.wav").write_bytes(b"RIFF")
    assert "a.wav" in refused(tmp_path / "words", WORDS)
