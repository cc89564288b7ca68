"""Video files as frames."""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from needs import needs

from edgemm.capture import open_source
from edgemm.capture.files.video import VideoSource
from edgemm.capture.jpeg_decoder import simplejpeg
from edgemm.errors import InputError, SourceLost
from edgemm.media import Frame
from edgemm.opencv import opencv

cv2 = needs(opencv)
pytestmark = pytest.mark.device


def brightness(source: VideoSource) -> list[float]:
    found = []
    while (frame := source.read()) is not None:
        found.append(float(frame.pixels.mean()))
    return found


def test_every_frame_comes_in_order(video: Callable[..., Path]) -> None:
    with VideoSource("walk", str(video(20))) as source:
        found = brightness(source)
        assert source.fps == 25
    assert len(found) == 20
    # JPEG's own error on a flat picture is below 2 of 255
    assert max(abs(level - number * 5) for number, level in enumerate(found)) < 2


def test_a_frame_says_colour_number_and_origin(video: Callable[..., Path]) -> None:
    path = video(2)
    with open_source(path) as source:
        first, second = source.read(), source.read()
    assert isinstance(first, Frame)
    assert isinstance(second, Frame)
    assert (first.color, first.pixels.shape, first.origin) == ("bgr", (16, 32, 3), str(path))
    assert (first.sequence, second.sequence) == (0, 1)
    assert second.captured_ns >= first.captured_ns


@pytest.mark.parametrize("query", ["", "?fps=10"])
@pytest.mark.parametrize("pace", ["file", "live"])
def test_a_frame_says_when_it_is_shown_in_its_film(video: Callable[..., Path], query: str, pace: str) -> None:
    with open_source(f"{video(4)}{query}", pace=pace) as source:  # type: ignore[arg-type]
        frames = [source.read() for _ in range(4)]
    interval_ns = 100_000_000 if query else 40_000_000
    for frame in frames:
        assert isinstance(frame, Frame)
        assert frame.film_ns == frame.moment_ns == frame.sequence * interval_ns
    assert Frame(np.zeros((1, 1), np.uint8), 5, 0, "gray").moment_ns == 5


def test_skipped_frames_leave_a_hole(video: Callable[..., Path]) -> None:
    with VideoSource("walk", str(video(10))) as source:
        assert source.skip(3) == 3
        frame = source.read()
        assert isinstance(frame, Frame)
        assert frame.sequence == 3
        assert abs(float(frame.pixels.mean()) - 15) < 2
        assert source.skip(100) == 6


def test_loop_opens_the_file_again(video: Callable[..., Path]) -> None:
    with VideoSource("walk", str(video(3)), loop=True) as source:
        found = [source.read() for _ in range(7)]
    assert [frame.sequence for frame in found if frame] == list(range(7))
    assert found[0] is not None
    assert found[3] is not None
    assert found[0].pixels.mean() == found[3].pixels.mean()


def test_a_video_that_is_cut_short_ends_early_and_says_so(
    video: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    path = video(60)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with caplog.at_level(logging.WARNING, "edgemm"), VideoSource("walk", str(path)) as source:
        found = brightness(source)
        assert source.lost in ({}, {"unreadable": 1})  # the picture in which it was cut
    assert 0 < len(found) < 60
    assert "of about 60 frames" in caplog.text


def test_the_rate_can_be_set(video: Callable[..., Path]) -> None:
    with open_source(f"{video(1)}?fps=7") as source:
        assert source.fps == 7  # type: ignore[attr-defined]


@pytest.mark.parametrize("content", [b"", b"not a video " * 50])
def test_a_file_that_is_no_video_is_refused(tmp_path: Path, content: bytes) -> None:
    needs(opencv)
    path = tmp_path / "walk.mp4"
    path.write_bytes(content)
    with pytest.raises(SourceLost, match=r"walk\.mp4 is not a video"):
        open_source(path)


def test_several_videos_are_refused(video: Callable[..., Path]) -> None:
    folder = video(1, "a.avi").parent
    video(1, "b.avi")
    with pytest.raises(InputError, match="2 videos"):
        open_source(folder)


def test_a_closed_video_is_at_its_end(video: Callable[..., Path]) -> None:
    source = open_source(video(3))
    source.close()
    source.close()
    assert source.read() is None


@pytest.mark.skipif(simplejpeg() is None, reason='needs simplejpeg: pip install "edgemm[vision]"')
def test_a_hole_in_motion_jpeg_is_a_frame_that_is_lost(tmp_path: Path) -> None:
    """FFMPEG alone fills the picture with what it likes."""
    path = tmp_path / "walk.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (320, 240))
    for number in range(20):
        noise = np.random.default_rng(number).integers(0, 255, (30, 40, 3), np.uint8)
        writer.write(cv2.resize(noise, (320, 240)))
    writer.release()
    data = bytearray(path.read_bytes())
    starts = [place for place in range(len(data)) if data[place : place + 3] == b"\xff\xd8\xff"]
    middle = (starts[10] + starts[11]) // 2
    data[middle : middle + 400] = bytes(400)
    path.write_bytes(data)
    with VideoSource("walk", str(path)) as source:
        found = [frame.sequence for frame in iter(source.read, None)]
        assert source.lost == {"unreadable": 1}
    assert found == [number for number in range(20) if number != 10]


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.skipif(simplejpeg() is None, reason='needs simplejpeg: pip install "edgemm[vision]"')
def test_motion_jpeg_of_which_no_picture_is_whole_is_an_error(video: Callable[..., Path], loop: bool) -> None:
    path = video(5)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"\xff\xc4", b"\xff\xc9"))  # arithmetic coding without its tables
    source = VideoSource("walk", str(path), loop=loop)
    with source, pytest.raises(SourceLost, match="can decode no frame"):
        source.read()


@pytest.mark.parametrize(
    "text",
    ["ffconcat version 1.0\nfile walk.avi\n", "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nwalk.avi\n"],
)
def test_a_playlist_under_the_name_of_a_video_is_not_followed(video: Callable[..., Path], text: str) -> None:
    path = video(3).parent / "list.mkv"
    path.write_text(text)
    with pytest.raises(SourceLost, match="is not a video"):
        VideoSource("list", str(path))


def test_motion_jpeg_in_two_fields_is_woven_by_ffmpeg(tmp_path: Path) -> None:
    """Each packet holds two pictures of half the height: the even lines, then the odd ones."""
    packets = []
    for number in range(5):
        noise = np.random.default_rng(number).integers(0, 255, (6, 8, 3), np.uint8)
        frame = cv2.resize(noise, (64, 48))
        packets.append(b"".join(cv2.imencode(".jpg", frame[odd::2])[1].tobytes() for odd in (0, 1)))
    path = tmp_path / "fields.avi"
    path.write_bytes(_avi(packets, 64, 48))
    with VideoSource("fields", str(path)) as source:
        found = list(iter(source.read, None))
        assert source.lost == {}
    assert [frame.sequence for frame in found] == list(range(5))
    assert {frame.pixels.shape for frame in found} == {(48, 64, 3)}


def _avi(packets: list[bytes], width: int, height: int) -> bytes:
    """A file of motion JPEG without an index."""
    head = struct.pack("<14I", 40_000, 0, 0, 0, len(packets), 0, 1, 0, width, height, 0, 0, 0, 0)
    stream = b"vidsMJPG" + struct.pack(
        "<10I4H", 0, 0, 0, 1, 25, 0, len(packets), 0, 2**32 - 1, 0, 0, 0, width, height
    )
    bitmap = struct.pack("<IiiHH4sIiiII", 40, width, height, 1, 24, b"MJPG", width * height * 3, 0, 0, 0, 0)
    streams = _chunk(b"LIST", b"strl" + _chunk(b"strh", stream) + _chunk(b"strf", bitmap))
    lists = _chunk(b"LIST", b"hdrl" + _chunk(b"avih", head) + streams)
    movie = _chunk(b"LIST", b"movi" + b"".join(_chunk(b"00dc", packet) for packet in packets))
    return _chunk(b"RIFF", b"AVI " + lists + movie)


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)
