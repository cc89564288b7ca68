"""Why an RTSP address cannot be opened: each refusal is a sentence of its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from needs import needs

from edgemm.capture import open_source
from edgemm.errors import SourceError
from edgemm.opencv import opencv

pytestmark = pytest.mark.device
Serve = Callable[[bytes], int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A server that answers every request with a line, or not at all; returns its port."""
    needs(opencv)
    doors: list[socket.socket] = []

    def begin(answer: bytes) -> int:
        door = socket.create_server(("127.0.0.1", 0))
        doors.append(door)
        threading.Thread(target=_answer_all, args=[door, answer], daemon=True).start()
        return int(door.getsockname()[1])

    yield begin
    for door in doors:
        door.close()


def _answer_all(door: socket.socket, answer: bytes) -> None:
    guests = []  # kept, so that they stay open
    try:
        while True:
            guest, _ = door.accept()
            guests.append(guest)
            threading.Thread(target=_answer, args=[guest, answer], daemon=True).start()
    except OSError:
        for guest in guests:
            guest.close()


def _answer(guest: socket.socket, answer: bytes) -> None:
    try:
        while guest.recv(4096):
            guest.sendall(answer)
    except OSError:
        pass


def status(text: str) -> bytes:
    return f"RTSP/1.0 {text}\r\nCSeq: 1\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("answer", "login", "kind", "message"),
    [
        (status("404 Not Found"), "", "SourceNotFound", r"has no such path \(404\)"),
        (status("401 Unauthorized"), "", "SourceNotFound", r"asks for a user and password \(401\)"),
        (status("401 Unauthorized"), "me:hunter2@", "SourceNotFound", r"user or password is refused \(401\)"),
        (status("403 Forbidden"), "", "SourceNotFound", r"forbidden \(403\)"),
        (status("302 Found"), "", "SourceNotFound", r"redirected \(302\)"),
        (status("500 Oh"), "", "SourceNotFound", "status 500"),
        (b"HTTP/1.0 200 OK\r\n\r\n", "", "SourceNotFound", "no RTSP server"),
        (b"", "", "SourceTimeout", "accepts the connection, and nothing comes"),
    ],
)
def test_each_refusal_is_a_sentence(serve: Serve, answer: bytes, login: str, kind: str, message: str) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        open_source(f"rtsp://{login}127.0.0.1:{serve(answer)}/live?a=b#timeout_s=0.7")
    assert type(caught.value).__name__ == kind
    assert "hunter2" not in str(caught.value)


def test_nobody_there() -> None:
    needs(opencv)
    with pytest.raises(SourceError, match="nobody listens there"):
        open_source("rtsp://127.0.0.1:1/live#timeout_s=1")
