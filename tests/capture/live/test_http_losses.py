"""What is counted at the edges: a connection that breaks, pictures passed over before a damaged one, another port."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import closing

import pytest
from http_camera import picture
from needs import needs

from edgemm.capture.live.grabber import Lost, Shot
from edgemm.capture.live.http_address import HttpAddress
from edgemm.capture.live.http_client import HttpClient
from edgemm.capture.live.http_grabber import HttpGrabber
from edgemm.capture.live.http_pictures import PictureStream, Snapshots
from edgemm.capture.live.jpeg_parts import JpegParts, Part
from edgemm.capture.live.newest import NewestFrame
from edgemm.errors import SourceLost, SourceNotFound
from edgemm.opencv import opencv

pytestmark = pytest.mark.device
ONE = b"--b\r\nContent-Length: 6\r\n\r\n\xff\xd8\xff\xff\xff\xd9\r\n"


class Breaks:
    """A body that comes in pieces, and then a connection that breaks."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)

    def read(self, _wait_s: float) -> bytes:
        if not self.pieces:
            raise SourceLost("it broke")
        return self.pieces.pop(0)


def test_pictures_before_a_break_are_handed_over_first() -> None:
    stream = PictureStream(Breaks(ONE, ONE), b"", JpegParts(b"b"), "http://h/")  # type: ignore[arg-type]
    part, passed = stream.newest(1)
    assert part is not None
    assert passed == 1
    with pytest.raises(SourceLost, match="it broke"):
        stream.newest(1)


def test_a_picture_cut_short_by_a_break_is_told_before_the_break() -> None:
    stream = PictureStream(Breaks(ONE[:-4]), b"", JpegParts(b"b"), "http://h/")  # type: ignore[arg-type]
    assert stream.newest(1) == (None, 0)
    assert stream.unreadable()["corrupt"] == 1
    with pytest.raises(SourceLost, match="it broke"):
        stream.newest(1)


class Coded:
    """One picture that is no JPEG, before which three were passed over and one was too large."""

    given = "coded"

    def newest(self, wait_s: float) -> tuple[Part | None, int]:
        return Part(b"nothing", 1), 3

    def unreadable(self) -> dict[str, int]:
        return {"too-large": 1}


def test_what_was_passed_over_before_a_damaged_picture_is_counted_too() -> None:
    def none(address: str) -> HttpGrabber:
        raise AssertionError(address)

    grabber = HttpGrabber("http://h/", "http://h/", 1, 1, none)
    grabber._pictures = Coded()
    assert grabber.grab() == Lost({"corrupt": 1, "superseded": 3, "too-large": 1})


def test_what_was_too_large_before_a_good_picture_is_counted_too() -> None:
    needs(opencv)

    class Good(Coded):
        def newest(self, wait_s: float) -> tuple[Part | None, int]:
            return Part(picture(1), 1), 3

    grabber = HttpGrabber("http://h/", "http://h/", 1, 1, lambda _: grabber)
    grabber._pictures = Good()
    assert grabber.grab() == Lost({"too-large": 1})
    shot = grabber.grab()
    assert isinstance(shot, Shot)
    assert (shot.missed, shot.why) == (3, "superseded")


class NeverPauses:
    """A body of which more is there each time."""

    def __init__(self, data: bytes) -> None:
        self.data, self.give_up = data, time.monotonic() + 20

    def read(self, _wait_s: float) -> bytes:
        if time.monotonic() > self.give_up:
            raise AssertionError("it reads without an end")
        return self.data


@pytest.mark.parametrize("begun", [b"", ONE])
def test_a_sender_that_never_pauses_does_not_keep_the_reader(begun: bytes) -> None:
    body = NeverPauses(bytes(100))
    stream = PictureStream(body, begun, JpegParts(b"b"), "http://h/")  # type: ignore[arg-type]
    part, passed = stream.newest(0.05)
    assert (part is not None, passed) == (begun == ONE, 0)


def test_a_snapshot_that_never_pauses_does_not_keep_the_reader() -> None:
    snapshots = Snapshots(None, NeverPauses(b"x"), b"", 1)  # type: ignore[arg-type]
    assert snapshots.newest(0.05) == (None, 0)
    assert snapshots.unreadable() == {"too-large": 0}


def test_losses_without_a_picture_belong_to_the_connection_of_now() -> None:
    frames, now, before = NewestFrame("camera"), object(), object()
    frames.belong_to(now)
    frames.lose(before, {"corrupt": 5})
    frames.lose(now, {"corrupt": 2, "superseded": 1})
    counts = frames.counts()
    assert (counts.captured, counts.lost) == (3, {"corrupt": 2, "superseded": 1})
    frames.close()
    frames.lose(now, {"corrupt": 1})
    assert frames.counts().captured == 3


def test_a_password_does_not_go_to_another_port() -> None:
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        there = f"http://127.0.0.1:{second.getsockname()[1]}/x".encode()
        moved = b"HTTP/1.0 302 Found\r\nContent-Length: 0\r\nLocation: " + there + b"\r\n\r\n"
        asks = b'HTTP/1.0 401 No\r\nContent-Length: 0\r\nWWW-Authenticate: Basic realm="r"\r\n\r\n'
        for door, answer in ((first, moved), (second, asks)):
            threading.Thread(target=_answer, args=[door, answer, heard], daemon=True).start()
        address = HttpAddress.parse(f"http://me:secret@127.0.0.1:{first.getsockname()[1]}/", "shown")
        with (
            closing(HttpClient(address, "shown", 5)) as client,
            pytest.raises(SourceNotFound, match=r"\(401\)"),
        ):
            client.get()
    assert len(heard) == 2
    assert not any(b"authorization" in request.lower() for request in heard)


def _answer(door: socket.socket, answer: bytes, heard: list[bytes]) -> None:
    try:
        while True:
            guest, _ = door.accept()
            with guest:
                heard.append(guest.recv(4096))
                guest.sendall(answer)
    except OSError:
        pass


def test_a_shot_says_when_its_first_bytes_came() -> None:
    before_ns = time.monotonic_ns()
    stream = PictureStream(Breaks(ONE), b"", JpegParts(b"b"), "http://h/")  # type: ignore[arg-type]
    part, _ = stream.newest(1)
    assert part is not None
    assert before_ns <= part.begun_ns <= time.monotonic_ns()
