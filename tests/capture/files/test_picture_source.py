"""Picture files as frames."""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from needs import needs

from edgemm.capture import Source, open_source
from edgemm.errors import SourceLost
from edgemm.media import Frame
from edgemm.opencv import opencv

cv2 = needs(opencv)
pytestmark = pytest.mark.device


def frames(source: Source) -> list[Frame]:
    found = []
    while isinstance(frame := source.read(), Frame):
        found.append(frame)
    return found


def test_a_folder_comes_in_natural_order(pictures: Callable[..., Path]) -> None:
    with open_source(pictures(12)) as source:
        assert [int(frame.pixels[0, 0]) for frame in frames(source)] == list(range(12))


def test_sequence_origin_and_modality(pictures: Callable[..., Path]) -> None:
    folder = pictures(3)
    with open_source(folder) as source:
        found = frames(source)
        assert (source.modality, source.live) == ("image", False)
    assert [frame.sequence for frame in found] == [0, 1, 2]
    assert [frame.origin for frame in found] == [str(folder / f"{n}.png") for n in range(3)]


def test_folders_in_the_folder_are_read_and_hidden_files_are_not(pictures: Callable[..., Path]) -> None:
    folder = pictures(1)
    (folder / "seven").mkdir()
    (folder / "0.png").rename(folder / "seven" / "a.png")
    (folder / ".hidden.png").write_bytes(b"")
    with open_source(folder) as source:
        assert [Path(frame.origin).parent.name for frame in frames(source)] == ["seven"]


@pytest.mark.parametrize(("channels", "color"), [(1, "gray"), (3, "bgr"), (4, "bgr")])
def test_a_frame_says_its_colour(tmp_path: Path, channels: int, color: str) -> None:
    pixels = np.zeros((4, 6, channels), np.uint8)
    pixels[..., 0] = 200  # blue, in OpenCV's order
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    with open_source(tmp_path / "a.png") as source:
        frame = source.read()
    assert isinstance(frame, Frame)
    assert frame.color == color
    assert frame.pixels.shape == ((4, 6) if channels == 1 else (4, 6, 3))
    assert frame.pixels.reshape(24, -1)[0, 0] == 200


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((2, 2), 0x8000, np.uint16))
    with open_source(tmp_path / "a.png") as source:
        frame = source.read()
    assert isinstance(frame, Frame)
    assert frame.pixels.dtype == np.uint8
    assert frame.pixels[0, 0] == 128


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    ok, encoded = cv2.imencode(".jpg", np.zeros((8, 16, 3), np.uint8))
    assert ok
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)  # 6: turn by 90 degrees
    body = b"Exif\0\0" + tiff
    jpeg = encoded.tobytes()
    exif = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    (tmp_path / "turned.jpg").write_bytes(jpeg[:2] + exif + jpeg[2:])
    with open_source(tmp_path / "turned.jpg") as source:
        frame = source.read()
    assert isinstance(frame, Frame)
    assert frame.pixels.shape == (16, 8, 3)


@pytest.mark.parametrize("kind", [".jpg", ".png", ".bmp", ".webp"])
def test_a_picture_that_is_cut_short_is_no_picture(tmp_path: Path, kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
    whole = cv2.imencode(kind, noise)[1].tobytes()
    (tmp_path / f"cut{kind}").write_bytes(whole[: len(whole) * 3 // 4])
    with (
        open_source(tmp_path / f"cut{kind}") as source,
        pytest.raises(SourceLost, match="not a whole picture"),
    ):
        source.read()


def test_an_empty_file_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    with open_source(tmp_path / "a.png") as source, pytest.raises(SourceLost, match="0 bytes"):
        source.read()


def test_one_unreadable_picture_in_a_folder_is_counted_and_leaves_a_hole(
    pictures: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    folder = pictures(4)
    (folder / "2.png").write_bytes(b"no picture")
    with caplog.at_level(logging.WARNING, "edgemm"), open_source(folder) as source:
        assert [frame.sequence for frame in frames(source)] == [0, 1, 3]
        assert source.lost == {"unreadable": 1}  # type: ignore[attr-defined]
    assert "2.png" in caplog.text


@pytest.mark.parametrize("options", ["", "?loop=1"])
def test_a_folder_without_one_readable_picture_is_an_error(tmp_path: Path, options: str) -> None:
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(b"no picture")
    with open_source(f"{tmp_path}{options}") as source, pytest.raises(SourceLost, match="none of the 3"):
        source.read()


def test_many_unreadable_pictures_are_not_many_warnings(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(150):
        (tmp_path / f"{number}.png").write_bytes(b"no picture")
    cv2.imwrite(str(tmp_path / "last.png"), np.zeros((2, 2), np.uint8))
    with caplog.at_level(logging.WARNING, "edgemm"), open_source(tmp_path) as source:
        assert len(frames(source)) == 1
    assert len(caplog.records) == 1  # and then one a minute


def test_loop_begins_again(pictures: Callable[..., Path]) -> None:
    with open_source(f"{pictures(2)}?loop=1") as source:
        found = [source.read() for _ in range(5)]
    assert [int(frame.pixels[0, 0]) for frame in found if isinstance(frame, Frame)] == [0, 1, 0, 1, 0]
    assert [frame.sequence for frame in found if isinstance(frame, Frame)] == [0, 1, 2, 3, 4]


def test_a_closed_source_is_at_its_end(pictures: Callable[..., Path]) -> None:
    source = open_source(pictures(2))
    source.close()
    source.close()
    assert source.read() is None
