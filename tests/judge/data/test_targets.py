"""Pairs of pictures, and conversions that are measured on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import needs
from picture_networks import picture_card, scene, write_network

import edgemm
from edgemm.converters import convert
from edgemm.errors import InputError
from edgemm.judge import TruePicture
from edgemm.judge.data import read_truth, truth_kind
from edgemm.opencv import opencv

cv2: Any = needs(opencv)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Three pictures and what is twice as large, in a folder and one below it."""
    folder = tmp_path / "pairs"
    for name, size in (("a", (40, 50)), ("b", (12, 13)), ("inside/c", (30, 20))):
        for kind in ("images", "targets"):
            (folder / kind / name).parent.mkdir(parents=True, exist_ok=True)
        picture = scene(*size)[:, :, ::-1]
        cv2.imwrite(str(folder / "images" / f"{name}.png"), picture)
        cv2.imwrite(str(folder / "targets" / f"{name}.bmp"), picture.repeat(2, 0).repeat(2, 1))
    return folder


def test_pairs_are_read(pairs: Path) -> None:
    assert truth_kind(pairs, "picture") == "targets"
    data = read_truth(pairs, "picture")
    assert [each.picture.stem for each in data.samples] == ["a", "b", "c"]
    truth = data.samples[0].truth((50, 40))
    assert isinstance(truth, TruePicture)
    assert truth.border == 4
    np.testing.assert_array_equal(truth.pixels, scene(40, 50).repeat(2, 0).repeat(2, 1))


def test_a_picture_without_a_target_is_left_out(pairs: Path, caplog: pytest.LogCaptureFixture) -> None:
    (pairs / "targets" / "b.bmp").unlink()
    assert [each.picture.stem for each in read_truth(pairs, "picture").samples] == ["a", "c"]
    assert "1 of 3 pictures have no target" in caplog.text


def test_no_pair_at_all(pairs: Path) -> None:
    for each in list((pairs / "targets").rglob("*.bmp")):
        each.rename(each.with_stem(f"{each.stem}-other"))
    with pytest.raises(InputError, match="expected a picture named as one in images, such as a with"):
        read_truth(pairs, "picture")


@pytest.mark.parametrize("content", [b"", b"no picture"])
def test_a_damaged_target_is_named(pairs: Path, content: bytes) -> None:
    (pairs / "targets" / "a.bmp").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.bmp: not readable as a picture"):
        read_truth(pairs, "picture").samples[0].truth((50, 40))


def test_something_else_is_no_pairs(tmp_path: Path) -> None:
    assert truth_kind(tmp_path, "picture") == ""
    with pytest.raises(InputError, match="expected a folder with images/ and targets/"):
        read_truth(tmp_path, "picture")


@pytest.mark.parametrize("suffix", [".tflite", ".onnx"])
def test_a_conversion_is_measured_on_pairs_in_tiles(tmp_path: Path, pairs: Path, suffix: str) -> None:
    """In float the network makes the targets themselves; int8 is off by some grey levels."""
    source = write_network(tmp_path / "twice.onnx", "twice", 16)
    card = picture_card(tiles=True, margin=2)
    done = convert(
        source, output=tmp_path / f"out{suffix}", card=card, calibrate=pairs / "images", evaluate=pairs,
        scheme="static", gate="off",
    )  # fmt: skip
    said = " ".join(done.notes)
    assert "PSNR against the truth: " in said
    assert "100.000 in float" in said
    with edgemm.load(tmp_path / f"out{suffix}") as model:
        made: Any = model(scene(40, 50))
    assert np.abs(made.pixels.astype(int) - scene(40, 50).repeat(2, 0).repeat(2, 1)).max() <= 3


def test_a_target_of_another_size_is_told(tmp_path: Path, pairs: Path) -> None:
    source = write_network(tmp_path / "twice.onnx", "twice", 16)
    cv2.imwrite(str(pairs / "targets" / "a.bmp"), scene(81, 100))
    with pytest.raises(
        InputError, match="expected 50x40 pixels as the picture, or whole multiples, found 100x81"
    ):
        convert(
            source, output=tmp_path / "out.tflite", card=picture_card(tiles=True, margin=2),
            calibrate=pairs / "images", evaluate=pairs, scheme="static",
        )  # fmt: skip
