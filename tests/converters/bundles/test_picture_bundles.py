"""Bundles that take pictures: their data, and their parts converted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import needs
from tiny_reader import blank_page, loaded, put, write_folder

from edgemm.converters import convert_bundle
from edgemm.errors import InputError
from edgemm.judge.items import load_items
from edgemm.media import Frame
from edgemm.opencv import opencv

needs(opencv)

WORDS = ("fab", "cafe", "ace", "bead", "deed", "fade", "dab", "face")


def page_of(word: str, seed: int = 0) -> Any:
    page = blank_page(640, 160)
    put(page, word, (320, 60 + seed % 40), seed % 3)
    put(page, word[::-1], (320, 120))
    return page


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    for seed, word in enumerate(WORDS):
        opencv().imwrite(str(folder / f"{seed}.png"), page_of(word, seed)[..., ::-1])
        (folder / f"{seed}.txt").write_text(f"{word}\n{word[::-1]}", encoding="utf-8")
    return folder


@pytest.mark.parametrize("format_", ["tflite", "onnx"])
def test_both_networks_become_int8_and_read_the_same(tmp_path: Path, pages: Path, format_: Any) -> None:
    source = write_folder(tmp_path / "source", least_width=320)
    done = convert_bundle(
        source, output=tmp_path / "x.zip", format=format_, calibrate=pages, repair="off",
        parts={"detector": "static", "recognizer": "dynamic"},
        lengths={"detector.x": (1, 3, 320, 640)}, gate="warn",
    )  # fmt: skip
    assert done.parts["detector"].conversion is not None
    assert done.parts["recognizer"].conversion is not None
    assert done.together is not None
    assert done.together.items == 2
    with loaded(tmp_path / "x.zip") as made:
        assert made.models["detector"].inputs[0].shape[-2:] in ((320, 640), (640, 3))
        read = [made(page_of(word, 5)).text for word in WORDS]
    assert read == [f"{word}\n{word[::-1]}" for word in WORDS]
    figures = done.together.to_json()
    assert figures["same_texts"] == 1
    assert figures["task"][0]["measure"] == "character error"


def test_sizes_that_nobody_gives_are_those_of_the_settings(tmp_path: Path) -> None:
    source = write_folder(tmp_path / "source", least_width=160, least_side=96)
    done = convert_bundle(source, output=tmp_path / "x.zip", format="onnx", gate="warn")
    with loaded(tmp_path / "x.zip") as made:
        shapes = {role: sorted(model.inputs[0].shape) for role, model in made.models.items()}
        page = blank_page(192, 192)
        put(page, "c", (96, 90))
        assert made(page).lines == ("c",)
    assert shapes == {"detector": [1, 3, 96, 96], "recognizer": [1, 3, 16, 160]}
    assert done.together is None


def test_pictures_have_their_texts_beside_them(pages: Path) -> None:
    items = load_items(pages, "image", 100, "--calibrate")
    assert [each.truth for each in items] == [f"{word}\n{word[::-1]}" for word in WORDS]
    frame = items[1].read()
    assert isinstance(frame, Frame)
    shown = frame.pixels if frame.color == "rgb" else frame.pixels[..., ::-1]
    assert np.array_equal(shown, page_of(WORDS[1], 1))


def test_a_picture_without_a_text_has_no_truth(tmp_path: Path) -> None:
    opencv().imwrite(str(tmp_path / "a.png"), blank_page(8, 8))
    (item,) = load_items(tmp_path / "a.png", "image", 100, "--calibrate")
    assert item.truth is None


def test_frames_of_ones_own_are_taken(reader_frame: Frame) -> None:
    (item,) = load_items([(reader_frame, "ab")], "image", 10, "--calibrate")
    assert (item.read(), item.truth) == (reader_frame, "ab")


@pytest.fixture
def reader_frame() -> Frame:
    return Frame(blank_page(8, 8), 0, 0)


@pytest.mark.parametrize("data", ["nowhere", ["a text"], [np.zeros((4, 4, 3), np.uint8)], 5])
def test_data_of_another_kind(data: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--calibrate"):
        load_items(tmp_path / data if isinstance(data, str) else data, "image", 10, "--calibrate")


def test_a_folder_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected pictures"):
        load_items(tmp_path, "image", 10, "--calibrate")


def test_a_text_of_other_bytes(tmp_path: Path) -> None:
    opencv().imwrite(str(tmp_path / "a.png"), blank_page(8, 8))
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"a\.txt.*UTF-8"):
        load_items(tmp_path, "image", 10, "--calibrate")


def test_a_picture_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    (item,) = load_items(tmp_path, "image", 10, "--calibrate")
    with pytest.raises(InputError, match=r"a\.png"):
        item.read()
