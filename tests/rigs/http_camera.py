"""A camera on loopback that behaves as its address says, and counts on its own what it sent whole.

    python tests/rigs/http_camera.py [--port N]           prints the port that it listens on
    GET /steady?fps=75&count=30&id=7                      thirty pictures, 75 in a second
    GET /counts?id=7                                      {"whole": 30, "begun": 30, "requests": 1, "open": 0}

`whole` counts pictures of which all bytes were handed to the kernel and that are undamaged or damaged on purpose alike;
`begun` those of which at least one byte was; `open` the connections that are being answered. Each function below is one
behaviour: its name is the path.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import random
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np

USER, PASSWORD = "someone", 'hunter "2"'
_REALM, _NONCE = "camera", "dcd98b7102dd2f0e8b11d0f600bfb0c093"
_NONE = {"whole": 0, "begun": 0, "requests": 0, "open": 0}
_MULTIPART = "multipart/x-mixed-replace; boundary=next"


@lru_cache(maxsize=256)
def picture(number: int, width: int = 64, height: int = 48, comment: bytes = b"") -> bytes:
    """A JPEG that is unlike that of any other number."""
    import cv2

    noise = np.random.default_rng(number % 32).integers(
        0, 255, (max(1, height // 8), max(1, width // 8), 3), np.uint8
    )
    data = bytes(cv2.imencode(".jpg", cv2.resize(noise, (width, height)))[1].tobytes())
    segment = b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment if comment else b""
    return data[:2] + segment + data[2:]


class Request:
    """One request, and the means to answer it."""

    def __init__(self, server: Camera, guest: socket.socket, head: str) -> None:
        self.server = server
        self.guest = guest
        line, *lines = head.split("\r\n")
        self.method, self.target, *_ = [*line.split(" "), "", ""]
        self.headers = {
            name.lower(): value.strip()
            for name, colon, value in (each.partition(":") for each in lines)
            if colon
        }
        parts = urlsplit(self.target)
        self.behaviour = parts.path.strip("/").partition("/")[0]
        self.options = dict(parse_qsl(parts.query))
        self.id = self.options.get("id", "")
        self.fps = float(self.options.get("fps", 100))
        self.count = int(self.options.get("count", 10))

    def say(self, text: str | bytes) -> None:
        """Sends as it is."""
        self.guest.sendall(text.encode("latin-1") if isinstance(text, str) else text)

    def answer(
        self, kind: str = _MULTIPART, status: str = "200 OK", more: str = "", version: str = "1.1"
    ) -> None:
        """Status and headers."""
        self.say(
            f"HTTP/{version} {status}\r\n{f'Content-Type: {kind}' if kind else 'X-Nothing: here'}\r\n{more}\r\n"
        )

    def page(self, status: str, more: str = "", body: str = "no", kind: str = "text/html") -> None:
        """A whole answer that is no picture."""
        self.answer(kind, status, f"Content-Length: {len(body)}\r\n{more}")
        self.say(body)

    def part(self, body: bytes, before: str | None = None, after: str = "\r\n", pictures: int = 1) -> None:
        """One part, counted."""
        if before is None:
            before = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}\r\n\r\n"
        self.server.count(self.id, "begun", pictures)
        self.say(before.encode("latin-1") + body + after.encode("latin-1"))
        self.server.count(self.id, "whole", pictures)

    def play(self, send: Callable[[int], None] | None = None) -> None:
        """As many pictures as asked for, at the rate asked for."""
        due = time.monotonic()
        for number in range(self.count):
            (send or (lambda n: self.part(picture(n))))(number)
            due += 1 / self.fps
            time.sleep(max(0.0, due - time.monotonic()))


def steady(request: Request) -> None:
    """Well-behaved."""
    request.answer()
    request.play()


def old(request: Request) -> None:
    """HTTP/1.0."""
    request.answer(version="1.0")
    request.play()


def bursts(request: Request) -> None:
    """Ten at once, then a pause."""
    request.answer()
    for number in range(request.count):
        request.part(picture(number))
        if number % 10 == 9:
            time.sleep(0.05)


def cut(request: Request) -> None:
    """Closes in the middle of a picture."""
    request.answer()
    request.play()
    body = picture(0)
    request.server.count(request.id, "begun", 1)
    request.say(f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}\r\n\r\n")
    request.say(body[: len(body) // 2])


def reset(request: Request) -> None:
    """Resets the connection, which discards what was not read."""
    cut(request)
    request.guest.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def stall(request: Request) -> None:
    """Sends no more, and stays connected."""
    steady(request)
    request.server.wait_until_gone(request.guest)


def half(request: Request) -> None:
    """Every second picture is half there."""
    request.answer()
    request.play(
        lambda n: request.part(picture(n) if n % 2 else picture(n)[: len(picture(n)) // 2] + b"\xff\xd9")
    )


def overwritten(request: Request) -> None:
    """256 bytes of every second picture are others."""
    request.answer()

    def send(number: int) -> None:
        body = bytearray(picture(number, 320, 240))
        if number % 2 == 0:
            body[1500:1756] = random.Random(number).randbytes(256)
        request.part(bytes(body))

    request.play(send)


def hole(request: Request) -> None:
    """200 bytes of every second picture are zero."""
    request.answer()

    def send(number: int) -> None:
        body = bytearray(picture(number, 320, 240))
        if number % 2 == 0:
            body[1500:1700] = bytes(200)
        request.part(bytes(body))

    request.play(send)


def cut_short(request: Request) -> None:
    """Of every second picture the first half alone, with its right length and no end marker."""
    request.answer()
    request.play(lambda n: request.part(picture(n)[: len(picture(n)) // (1 if n % 2 else 2)]))


def far_length(request: Request) -> None:
    """Every fifth length has a 9 before it; that of every tenth goes with half a picture; one claims a gigabyte."""
    request.answer()

    def send(number: int) -> None:
        body = picture(number)
        claimed = {4: f"9{len(body)}", 7: f"{1 << 30}", 9: f"9{len(body)}"}.get(number % 10, f"{len(body)}")
        head = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {claimed}\r\n\r\n"
        request.part(body[: len(body) // 2] if number % 10 == 9 else body, head)

    request.play(send)


def garbage(request: Request) -> None:
    """Every second part is no JPEG at all."""
    request.answer()
    request.play(lambda n: request.part(picture(n) if n % 2 else bytes(range(256)) * 8))


def sizes(request: Request) -> None:
    """The size changes in mid-stream."""
    request.answer()
    request.play(lambda n: request.part(picture(n, 64 + 16 * (n % 3), 48 + 8 * (n % 2))))


def tiny(request: Request) -> None:
    """One pixel."""
    request.answer()
    request.play(lambda n: request.part(picture(n, 1, 1)))


def huge(request: Request) -> None:
    """Two megapixels."""
    request.answer()
    request.play(lambda n: request.part(picture(n % 2, 1920, 1080)))


def slow_headers(request: Request) -> None:
    """A byte now and then."""
    for byte in f"HTTP/1.1 200 OK\r\nContent-Type: {_MULTIPART}\r\n\r\n":
        request.say(byte)
        time.sleep(0.003)
    request.play()


def endless_headers(request: Request) -> None:
    """A byte now and then, for ever."""
    request.say("HTTP/1.1 200 OK\r\n")
    while True:
        request.say("X")
        time.sleep(0.02)


def huge_headers(request: Request) -> None:
    """More than anybody keeps."""
    request.say("HTTP/1.1 200 OK\r\n")
    for number in range(5000):
        request.say(f"X-{number}: {'x' * 100}\r\n")


def dribble(request: Request) -> None:
    """Pictures in pieces of 100 bytes."""
    request.answer()

    def send(number: int) -> None:
        body = picture(number)
        request.server.count(request.id, "begun", 1)
        request.say(f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}\r\n\r\n")
        for at in range(0, len(body), 100):
            request.say(body[at : at + 100])
            time.sleep(0.0005)
        request.server.count(request.id, "whole", 1)

    request.play(send)


def redirect(request: Request) -> None:
    """To a path on the same host."""
    request.page("302 Found", f"Location: /steady?{urlsplit(request.target).query}\r\n")


def redirect_loop(request: Request) -> None:
    """There and back again."""
    request.page("302 Found", f"Location: /redirect_back?id={request.id}\r\n")


def redirect_back(request: Request) -> None:
    """The other half of the circle."""
    request.page("307 Temporary Redirect", f"Location: /redirect_loop?id={request.id}\r\n")


def redirect_on(request: Request) -> None:
    """Never the same path."""
    request.page("302 Found", f"Location: /redirect_on/{random.random()}\r\n")


def redirect_away(request: Request) -> None:
    """To another host."""
    request.page("302 Found", f"Location: http://127.0.0.2:{request.server.port}/steady?id=away\r\n")


def redirect_file(request: Request) -> None:
    """To what is no http address."""
    request.page("302 Found", "Location: file:///etc/passwd\r\n")


def not_found(request: Request) -> None:
    """404."""
    request.page("404 Not Found")


def forbidden(request: Request) -> None:
    """403."""
    request.page("403 Forbidden")


def busy(request: Request) -> None:
    """503."""
    request.page("503 Service Unavailable")


def login_page(request: Request) -> None:
    """200, and a page."""
    request.page("200 OK", body="<!DOCTYPE html><html><form>password</form></html>")


def basic(request: Request) -> None:
    """Asks for a user and password."""
    pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    if request.headers.get("authorization") == f"Basic {pair}":
        steady(request)
    else:
        request.page("401 Unauthorized", f'WWW-Authenticate: Basic realm="{_REALM}"\r\n')


def digest(request: Request) -> None:
    """Asks for a user and password, and never sees the password."""
    given = request.headers.get("authorization", "")
    algorithm = request.options.get("algorithm", "MD5")
    if given.startswith("Digest ") and _digest_is_right(request, given, algorithm):
        steady(request)
        return
    offers = f'Digest realm="{_REALM}", qop="auth,auth-int", algorithm={algorithm}, nonce="{_NONCE}", opaque="5ccc"'
    request.page(
        "401 Unauthorized", f'WWW-Authenticate: {offers}\r\nWWW-Authenticate: Basic realm="{_REALM}"\r\n'
    )


def _digest_is_right(request: Request, given: str, algorithm: str) -> bool:
    """By RFC 7616, 3.4."""
    import urllib.request

    fields = urllib.request.parse_keqv_list(urllib.request.parse_http_list(given[7:]))
    name = "sha256" if algorithm == "SHA-256" else "md5"

    def hashed(text: str) -> str:
        return hashlib.new(name, text.encode()).hexdigest()

    user, asked = hashed(f"{USER}:{_REALM}:{PASSWORD}"), hashed(f"{request.method}:{request.target}")
    middle = f"{_NONCE}:{fields['nc']}:{fields['cnonce']}:auth"
    return fields["response"] == hashed(f"{user}:{middle}:{asked}") and fields["opaque"] == "5ccc"


def always_stale(request: Request) -> None:
    """Takes no login, and says each time that it came too late."""
    request.server.count(request.id, "requests", 1)
    asks = f'Digest realm="{_REALM}", nonce="{random.random()}", stale=true'
    request.page("401 Unauthorized", f"WWW-Authenticate: {asks}\r\n")


def endless(request: Request) -> None:
    """A picture without an end, as fast as it is taken."""
    request.answer()
    request.server.count(request.id, "begun", 1)
    request.say("--next\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8")
    while True:
        request.say(bytes(1 << 20))


def endless_snapshot(request: Request) -> None:
    """The same where one picture is the whole answer."""
    request.answer("image/jpeg")
    request.server.count(request.id, "begun", 1)
    request.say("\xff\xd8")
    while True:
        request.say(bytes(1 << 10))
        time.sleep(0.001)


def chunked(request: Request) -> None:
    """Transfer-Encoding: chunked, chunks that end anywhere."""
    request.answer(more="Transfer-Encoding: chunked\r\n")

    def send(number: int) -> None:
        body = picture(number)
        data = (
            f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
            + b"\r\n"
        )
        request.server.count(request.id, "begun", 1)
        for at in range(0, len(data), 333):
            chunk = data[at : at + 333]
            request.say(b"%X;note=1\r\n%s\r\n" % (len(chunk), chunk))
        request.server.count(request.id, "whole", 1)

    request.play(send)
    request.say("0\r\n\r\n")


def no_type(request: Request) -> None:
    """Parts without Content-Type."""
    request.answer()
    request.play(lambda n: request.part(picture(n), f"--next\r\nContent-Length: {len(picture(n))}\r\n\r\n"))


def no_length(request: Request) -> None:
    """Parts without Content-Length."""
    request.answer()
    request.play(lambda n: request.part(picture(n), "--next\r\nContent-Type: image/jpeg\r\n\r\n"))


def bare(request: Request) -> None:
    """Parts without any header."""
    request.answer()
    request.play(lambda n: request.part(picture(n), "--next\r\n\r\n"))


def wrong_length(request: Request) -> None:
    """Lengths that are now too large, now too small."""
    request.answer()
    request.play(
        lambda n: request.part(
            picture(n),
            f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture(n)) + (50, -50)[n % 2]}\r\n\r\n",
        )
    )


def dashes(request: Request) -> None:
    """The header's boundary has the dashes already, and quotes."""
    request.answer('multipart/x-mixed-replace;boundary="--next"')
    request.play()


def other_boundary(request: Request) -> None:
    """The header names another boundary than the parts have."""
    request.answer("multipart/x-mixed-replace; boundary=something")
    request.play()


def lines(request: Request) -> None:
    """Lines that end in LF alone."""
    request.say(f"HTTP/1.0 200 OK\nContent-Type: {_MULTIPART}\n\n")
    request.play(lambda n: request.part(picture(n), f"--next\nContent-Length: {len(picture(n))}\n\n", "\n"))


def preamble(request: Request) -> None:
    """Words before the first part, text parts and garbage between the others."""
    request.answer()
    request.say("This is a stream.\r\n\r\n")

    def send(number: int) -> None:
        request.say("--next\r\nContent-Type: text/plain\r\n\r\nhello\r\n")
        request.part(picture(number), after="\r\n\xff\xd8 garbage \x00\r\n")

    request.play(send)
    request.say("--next--\r\n")


def inside(request: Request) -> None:
    """A boundary inside a picture."""
    request.answer()
    comment = b"\r\n--next\r\nContent-Type: image/jpeg\r\n\r\n"
    before = "--next\r\nContent-Type: image/jpeg\r\n\r\n"
    request.play(lambda n: request.part(picture(n, comment=comment), None if n % 2 else before))


def raw(request: Request) -> None:
    """JPEG behind JPEG."""
    request.answer("video/x-motion-jpeg")
    request.play(lambda n: request.part(picture(n), "", ""))


def snapshot(request: Request) -> None:
    """One picture for each request, on one connection."""
    number = request.server.count(request.id, "requests", 1)
    body = picture(number)
    request.server.count(request.id, "begun", 1)
    request.answer("image/jpeg", more=f"Content-Length: {len(body)}\r\n")
    request.say(body)
    request.server.count(request.id, "whole", 1)


def snapshot_old(request: Request) -> None:
    """One picture for each connection, HTTP/1.0, without a length."""
    number = request.server.count(request.id, "requests", 1)
    request.server.count(request.id, "begun", 1)
    request.answer("image/jpeg", version="1.0")
    request.say(picture(number))
    request.server.count(request.id, "whole", 1)
    request.guest.shutdown(socket.SHUT_WR)


def silence(request: Request) -> None:
    """Accepts, and says nothing."""
    request.server.wait_until_gone(request.guest)


def only_headers(request: Request) -> None:
    """Answers, and sends nothing."""
    request.answer()
    request.server.wait_until_gone(request.guest)


def empty(request: Request) -> None:
    """Answers and closes."""
    request.answer()


def zipped(request: Request) -> None:
    """Compressed, unasked."""
    request.answer(more="Content-Encoding: gzip\r\n")


def playlist(request: Request) -> None:
    """Leads to another host."""
    there = f"http://127.0.0.2:{request.server.port}/steady?id=playlist"
    request.page(
        "200 OK",
        body=f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{there}\n",
        kind=request.options.get("kind", "video/mp4"),
    )


def no_http(request: Request) -> None:
    """Another protocol."""
    request.say("SSH-2.0-OpenSSH_9.6\r\n")


def clip(request: Request) -> None:
    """A file, as it stands."""
    from pathlib import Path

    data = Path(request.options["file"]).read_bytes()
    request.answer(
        request.options.get("kind", "video/mp4"), more=f"Content-Length: {len(data)}\r\nConnection: close\r\n"
    )
    request.say(data)


class Camera:
    """Serves every connection in a thread of its own."""

    def __init__(self, port: int) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, dict[str, int]] = {}
        self._door = socket.create_server(("127.0.0.1", port), backlog=128)
        self.port: int = self._door.getsockname()[1]

    def serve(self) -> None:
        """For ever."""
        while True:
            guest, _ = self._door.accept()
            threading.Thread(target=self._serve, args=[guest], daemon=True).start()

    def count(self, name: str, what: str, by: int) -> int:
        """Counts; returns how many there are now."""
        with self._lock:
            counts = self._counts.setdefault(name, dict(_NONE))
            counts[what] += by
            return counts[what]

    def wait_until_gone(self, guest: socket.socket) -> None:
        """Until the other side closes."""
        while guest.recv(4096):
            pass

    def _serve(self, guest: socket.socket) -> None:
        with guest:
            try:
                while head := self._read(guest):
                    request = Request(self, guest, head)
                    self._answer(request)
                    if request.behaviour not in ("snapshot", "counts"):
                        break
            except OSError:
                pass

    def _read(self, guest: socket.socket) -> str:
        head = b""
        while b"\r\n\r\n" not in head:
            came = guest.recv(4096)
            if not came:
                return ""
            head += came
            if not head[:1].isalpha():  # TLS, and nothing that is spoken here
                guest.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")
                return ""
        return head.decode("latin-1")

    def _answer(self, request: Request) -> None:
        if request.behaviour == "counts":
            with self._lock:
                body = json.dumps(self._counts.get(request.id, _NONE))
            request.page("200 OK", body=body, kind="application/json")
            return
        behaviour: Any = globals().get(request.behaviour)
        self.count(request.id, "open", 1)
        try:
            (behaviour if callable(behaviour) else not_found)(request)
        finally:
            self.count(request.id, "open", -1)


def main() -> None:
    """Serves until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    camera = Camera(parser.parse_args().port)
    threading.Thread(target=camera.serve, daemon=True).start()
    sys.stdout.write(f"{camera.port}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
