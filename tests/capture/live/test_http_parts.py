"""HTTP by its specifications: answers in pieces, logins by the examples of RFC 7616, redirects, TLS, IPv6."""

from __future__ import annotations

import random
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from http_camera import picture
from needs import needs

from edgemm.capture import open_source
from edgemm.capture.live.http_address import HttpAddress
from edgemm.capture.live.http_content import boundary_of, kind_of
from edgemm.capture.live.http_login import Login, challenges
from edgemm.capture.live.http_reply import Reply
from edgemm.errors import InputError, SourceError, SourceLost, SourceNotFound
from edgemm.media import Frame
from edgemm.opencv import opencv

pytestmark = pytest.mark.device


class Script:
    """A wire on which given bytes come, so many at a time."""

    def __init__(self, data: bytes, step: int, ends: bool = True) -> None:
        self.data, self.step, self.ends = data, step, ends

    def receive(self, wait_s: float) -> bytes | None:
        came, self.data = self.data[: self.step], self.data[self.step :]
        return came or (b"" if self.ends else None)


def reply(data: bytes, step: int, ends: bool = True) -> Reply:
    return Reply(Script(data, step, ends), "http://h/", time.monotonic() + 5)  # type: ignore[arg-type]


def body(answer: Reply) -> bytes:
    found = b""
    while data := answer.read(1):
        found += data
    return found


STEPS = pytest.mark.parametrize("step", [1, 3, 1000])
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@STEPS
def test_a_body_in_chunks(step: int) -> None:
    answer = reply(CHUNKED + b"5\r\nhello\r\n6;note=1\r\n world\r\n0\r\n\r\n", step)
    assert body(answer) == b"hello world"
    assert answer.whole


@STEPS
def test_a_body_of_known_length(step: int) -> None:
    answer = reply(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", step, ends=False
    )
    assert (answer.status, body(answer)) == (200, b"hello")
    assert answer.keeps_open


@STEPS
@pytest.mark.parametrize(
    ("head", "persistent"),
    [
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", False),
        (b"HTTP/1.0 200 OK\nConnection: keep-alive\nContent-Length: 2\n\nok", True),
        (b"HTTP/1.1 200\r\n\r\nok", False),
        (b"ICY 200 OK\r\n\r\nok", False),
    ],
)
def test_whether_the_connection_stays_open(head: bytes, persistent: bool, step: int) -> None:
    answer = reply(head, step)
    assert body(answer) == b"ok"
    assert answer.keeps_open == persistent


@pytest.mark.parametrize("ending", [b"", b"5\r\nhel", b"5\r\nhello\r\n"])
def test_a_body_that_is_cut_off_is_not_whole(ending: bytes) -> None:
    answer = reply(CHUNKED + ending, 1000)
    body(answer)
    assert not answer.whole
    short = reply(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", 1000)
    assert body(short) == b"hello"
    assert not short.whole


@pytest.mark.parametrize("chunk", [b"zz\r\nhello", b"-5\r\nhello", b"ffffffffffffffffffff\r\n", b"5" * 3000])
def test_chunks_that_are_none(chunk: bytes) -> None:
    with pytest.raises(SourceLost, match="not in chunks"):
        body(reply(CHUNKED + chunk, 1000))


def test_answers_of_any_bytes_end_in_an_error_or_a_body() -> None:
    draw = random.Random(0)
    good = CHUNKED + b"".join(b"%x\r\n%s\r\n" % (n, b"x" * n) for n in range(1, 30)) + b"0\r\n\r\n"
    for _ in range(500):
        data = bytearray(good)
        for _ in range(draw.randint(1, 5)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        with suppress(SourceError):
            body(reply(bytes(data), draw.randint(1, 100)))


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_digest_of_rfc_7616(monkeypatch: pytest.MonkeyPatch, algorithm: str, response: str) -> None:
    """Section 3.9.1."""
    monkeypatch.setattr("secrets.token_hex", lambda _: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")
    login = Login("Mufasa", "Circle of Life")
    assert login.challenged(
        'Digest realm="http-auth@example.org", qop="auth, auth-int", '
        f'algorithm={algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
        'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    assert f'response="{response}"' in login.header("GET", "/dir/index.html")


def test_the_basic_login_of_rfc_7617() -> None:
    login = Login("Aladdin", "open sesame")
    assert login.header("GET", "/") == ""  # before it was asked for
    assert login.challenged('Basic realm="WallyWorld"')
    assert login.header("GET", "/") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    assert not login.challenged('Basic realm="WallyWorld"')


def test_a_digest_is_preferred_and_renewed_when_it_is_stale() -> None:
    login = Login("u", "p")
    assert login.challenged('Basic realm="r", Digest realm="r", nonce="1", qop="auth"')
    assert "nc=00000001" in login.header("GET", "/")
    assert "nc=00000002" in login.header("GET", "/")
    assert login.challenged('Digest realm="r", nonce="2", qop="auth", stale=TRUE')
    assert 'nonce="2"' in login.header("GET", "/")
    assert not login.challenged('Digest realm="r", nonce="3", qop="auth"')


@pytest.mark.parametrize(
    "header", ["", "Negotiate", 'Digest realm="r", nonce="1", algorithm=SHA-512-256', "Bearer"]
)
def test_a_login_that_is_not_known(header: str) -> None:
    assert not Login("u", "p").challenged(header)


def test_challenges_in_one_header() -> None:
    found = challenges('Newauth realm="a, b=c", type=1, Basic realm="simple"')
    assert found == [("newauth", {"realm": "a, b=c", "type": "1"}), ("basic", {"realm": "simple"})]


BASE = HttpAddress.parse("http://me:se%40cret@Cam.local:8080/a/b?c=d e", "shown")


def test_an_address_taken_apart() -> None:
    assert (BASE.host, BASE.port, BASE.target) == ("cam.local", 8080, "/a/b?c=d%20e")
    assert (BASE.user, BASE.password, BASE.authority) == ("me", "se@cret", "cam.local:8080")
    assert "cret" not in repr(BASE)
    v6 = HttpAddress.parse("https://[fe80::1%25eth0]/", "shown")
    assert (v6.authority, v6.port) == ("[fe80::1]", 443)


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ("c", "http://me:se%40cret@cam.local:8080/a/c"),
        ("//CAM.local.:8080/x", "http://me:se%40cret@cam.local.:8080/x"),
        ("http://cam.local/x", "http://cam.local/x"),
        ("https://cam.local/x", "https://me:se%40cret@cam.local/x"),
        ("https://cam.local:9000/x", "https://cam.local:9000/x"),
    ],
)
def test_where_a_redirect_leads_and_what_goes_along(location: str, text: str) -> None:
    """User and password go to the same port, and from http to https."""
    assert BASE.redirected(location, "shown").text == text


@pytest.mark.parametrize(
    "location", ["http://other/", "//cam.local.evil/", "ftp://cam.local/", "http://[::1", ""]
)
def test_where_no_redirect_leads(location: str) -> None:
    if location == "":
        assert BASE.redirected("", "shown").target == BASE.target  # a circle, which the client notices
        return
    with pytest.raises(SourceNotFound, match=r"^shown: is redirected to "):
        BASE.redirected(location, "shown")


def test_https_does_not_become_http() -> None:
    secure = HttpAddress.parse("https://me:secret@cam/", "shown")
    with pytest.raises(SourceNotFound, match="from https to http"):
        secure.redirected("http://cam/", "shown")


@pytest.mark.parametrize("text", ["http://h:99999/", "http://", "http://u:p/a@host/", "rtsp://h/"])
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match=r"^shown: expected an address") as caught:
        HttpAddress.parse(text, "shown")
    assert "p/a" not in str(caught.value).removesuffix("/path")


@pytest.mark.parametrize(
    ("header", "boundary"),
    [
        ("multipart/x-mixed-replace;boundary=abc", b"abc"),
        ('multipart/x-mixed-replace; charset=x; Boundary="--a b"', b"--a b"),
        ("multipart/x-mixed-replace", b""),
    ],
)
def test_the_boundary_that_a_header_names(header: str, boundary: bytes) -> None:
    assert boundary_of(header) == boundary


@pytest.mark.parametrize(
    ("header", "begun", "kind"),
    [
        ("multipart/x-mixed-replace", b"", "multipart"),
        ("", b"--b\r\nContent-Type: image/jpeg", "multipart"),
        ("image/jpeg", b"\xff\xd8\xff", "snapshot"),
        ("", b"\xff\xd8\xff", "snapshot"),
        ("application/octet-stream", b"\xff\xd8\xff", "jpegs"),
        ("video/x-motion-jpeg", b"", "jpegs"),
        ("video/mp2t", b"\x47\x40", "video"),
        ("text/vnd.trolltech.linguist", b"\x47\x40\x00\x10", "video"),
        ("text/plain", b"#EXTM3U\n", "playlist"),
        ("video/mp4", b'<?xml version="1.0"?>\n<!-- x --><MPD>', "playlist"),
        ("application/octet-stream", b"v=0\r\no=", "playlist"),
    ],
)
def test_what_an_answer_is(header: str, begun: bytes, kind: str) -> None:
    assert kind_of(header, begun, "shown") == kind


@pytest.mark.parametrize("header", ["text/html", "image/png", "application/json", "application/xhtml+xml"])
def test_what_cannot_be_played(header: str) -> None:
    with pytest.raises(SourceNotFound, match=r"^shown: answers with "):
        kind_of(header, b"x", "shown")


def test_ipv6() -> None:
    needs(opencv)
    try:
        door = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError as error:
        pytest.skip(f"this machine has no IPv6: {error}")
    with door:
        _serve_one(door, lambda guest: guest)
        with open_source(f"http://[::1]:{door.getsockname()[1]}/#reconnect=0") as source:
            assert isinstance(source.read(10), Frame)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for localhost that signs itself, its key behind it."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl to make a certificate with: sudo apt install openssl")
    path = tmp_path / "camera.pem"
    options = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(tmp_path / "key"), "-out", str(path)]
    subprocess.run([openssl, "req", *options, *names], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + (tmp_path / "key").read_bytes())
    return path


@pytest.mark.parametrize("trusted", [False, True])
def test_https(certificate: Path, trusted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    needs(opencv)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with socket.create_server(("127.0.0.1", 0)) as door:
        _serve_one(door, lambda guest: context.wrap_socket(guest, server_side=True))
        address = f"https://localhost:{door.getsockname()[1]}/#reconnect=0&timeout_s=5"
        if not trusted:
            with pytest.raises(
                SourceNotFound, match=r"is not trusted: self.signed certificate.* SSL_CERT_FILE"
            ):
                open_source(address)
            return
        with open_source(address) as source:
            assert isinstance(source.read(10), Frame)


def _serve_one(door: socket.socket, secured: Callable[[socket.socket], socket.socket]) -> None:
    """One picture to one guest, in a thread."""

    def serve() -> None:
        try:
            guest, _ = door.accept()
            with secured(guest) as secure:
                secure.recv(4096)
                secure.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: image/jpeg\r\n\r\n" + picture(1))
        except OSError:
            pass

    threading.Thread(target=serve, daemon=True).start()
