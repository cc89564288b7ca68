"""Pictures over HTTP from a camera on loopback that behaves as its address says, held against its own count."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from camera_rig import CameraRig
from http_camera import PASSWORD, USER, picture
from needs import needs

from edgemm.capture import open_source
from edgemm.capture.jpeg_decoder import simplejpeg
from edgemm.capture.live.live_frames import LiveFrames
from edgemm.capture.source import Source
from edgemm.errors import EdgemmError, InputError, SourceLost, SourceNotFound, SourceTimeout
from edgemm.media import Frame
from edgemm.opencv import opencv

pytestmark = pytest.mark.device
LOGIN = f"{USER}:{quote(PASSWORD, safe='')}@"
strict = pytest.mark.skipif(simplejpeg() is None, reason='needs simplejpeg: pip install "edgemm[vision]"')

WHOLE = (
    *(
        "steady",
        "old",
        "bursts",
        "sizes",
        "tiny",
        "huge",
        "slow_headers",
        "dribble",
        "redirect",
        "chunked",
        "no_type",
    ),
    *("no_length", "bare", "wrong_length", "dashes", "other_boundary", "lines", "preamble", "inside", "raw"),
)
"""Behaviours of a camera that sends ten good pictures and closes."""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def camera() -> Iterator[CameraRig]:
    needs(opencv)
    with CameraRig() as rig:
        yield rig


@pytest.mark.parametrize("behaviour", WHOLE)
def test_every_picture_is_delivered_or_counted(camera: CameraRig, behaviour: str) -> None:
    seen = camera.watch(behaviour)
    assert seen.whole == 10
    assert seen.accounted == 10
    assert set(seen.lost) <= {"superseded"}
    assert seen.delivered >= 1
    assert "the server ended the stream after 10 pictures" in seen.error


@pytest.mark.parametrize("fps", [75, 100, 200])
@pytest.mark.parametrize("timeout_s", [1, 2])
def test_a_fast_stream_delivers(camera: CameraRig, fps: int, timeout_s: int) -> None:
    seen = camera.watch("steady", fps=fps, count=40, own=f"timeout_s={timeout_s}")
    assert seen.accounted == seen.whole == 40
    assert seen.delivered > 1


@pytest.mark.parametrize("count", [1, 5])
def test_a_short_stream_delivers_all_it_has(camera: CameraRig, count: int) -> None:
    seen = camera.watch("steady", fps=60, count=count)
    assert seen.accounted == seen.whole == count
    assert seen.delivered >= 1


@strict
@pytest.mark.parametrize("behaviour", ["half", "overwritten", "hole", "garbage"])
def test_a_damaged_picture_is_corrupt_and_not_delivered(camera: CameraRig, behaviour: str) -> None:
    """Slow enough that none is passed over: five of ten are damaged."""
    seen = camera.watch(behaviour, fps=15)
    assert seen.accounted == seen.whole == 10
    assert seen.lost["corrupt"] == 5 - (seen.lost.get("superseded", 0) if seen.delivered < 5 else 0)


@strict
@pytest.mark.parametrize("behaviour", ["half", "garbage"])
def test_what_is_delivered_is_what_was_sent(camera: CameraRig, behaviour: str) -> None:
    cv2 = opencv()
    sent = [cv2.imdecode(np.frombuffer(picture(number), np.uint8), 1).tobytes() for number in range(10)]
    delivered = 0
    with open_source(f"{camera.url(behaviour, fps=30, id='same')}#reconnect=0") as source:
        for frame in _until_the_end(source):
            assert frame.pixels.tobytes() in sent
            delivered += 1
    assert delivered


@pytest.mark.parametrize("behaviour", ["cut", "reset"])
def test_a_picture_that_is_cut_off_is_corrupt(camera: CameraRig, behaviour: str) -> None:
    seen = camera.watch(behaviour)
    assert (seen.whole, seen.begun) == (10, 11)
    assert (
        seen.whole <= seen.accounted <= seen.begun or behaviour == "reset"
    )  # which discards what was not read
    assert seen.delivered >= 1


@pytest.mark.parametrize("fps", [15, 1000])
def test_pictures_without_an_end_marker_are_corrupt_at_any_rate(camera: CameraRig, fps: int) -> None:
    seen = camera.watch("cut_short", fps=fps, count=40)
    assert seen.accounted == seen.whole == 40
    assert seen.lost["corrupt"] == 20


@pytest.mark.parametrize("fps", [30, 1000])
def test_a_length_that_is_far_too_large_takes_no_picture_along(camera: CameraRig, fps: int) -> None:
    seen = camera.watch("far_length", fps=fps, count=45)
    assert seen.accounted == seen.whole == 45
    assert seen.lost["corrupt"] == 4
    assert set(seen.lost) <= {"corrupt", "superseded"}


def test_a_stream_that_stalls(camera: CameraRig) -> None:
    seen = camera.watch("stall", own="timeout_s=0.5")
    assert seen.accounted == seen.whole == 10
    assert "no frame for 0.5 s" in seen.error


@pytest.mark.parametrize("behaviour", ["snapshot", "snapshot_old"])
def test_a_snapshot_address_is_asked_again_and_again(camera: CameraRig, behaviour: str) -> None:
    seen = camera.watch(behaviour, own="timeout_s=3&fps=40", pictures=8)
    assert seen.delivered == 8
    assert 0 <= seen.whole - seen.accounted <= 1  # one may be under way


def test_snapshots_come_at_the_rate_that_was_asked_for(camera: CameraRig) -> None:
    begun = time.monotonic()
    with open_source(f"{camera.url('snapshot', id='rate')}#fps=10") as source:
        assert isinstance(source, LiveFrames)
        for _ in range(4):
            source.read(5)
        assert source.given == "JPEG snapshots over HTTP, 10/s"
        asked, took_s = camera.counts("rate")["requests"], time.monotonic() - begun
    assert 4 <= asked <= 10 * took_s + 2


def test_snapshots_use_one_connection_where_the_server_keeps_it(camera: CameraRig) -> None:
    before = len(_sockets())
    with open_source(f"{camera.url('snapshot', id='one')}#fps=50") as source:
        for _ in range(10):
            source.read(5)
        assert len(_sockets()) - before <= 1
    assert camera.counts("one")["requests"] >= 10


REFUSED = {
    "not_found": ("SourceNotFound", "has no such path \\(404\\)"),
    "forbidden": ("SourceNotFound", "forbidden \\(403\\)"),
    "basic": ("SourceNotFound", "asks for a user and password \\(401\\)"),
    "busy": ("SourceNotFound", "too busy \\(503\\)"),
    "login_page": ("SourceNotFound", "answers with a page \\(text/html\\)"),
    "redirect_loop": ("SourceNotFound", "redirected in a circle"),
    "redirect_on": ("SourceNotFound", "redirected more than 5 times"),
    "redirect_away": ("SourceNotFound", "redirected to another host, 127.0.0.2:"),
    "redirect_file": ("SourceNotFound", "no http address"),
    "silence": ("SourceTimeout", "accepted, and nothing comes"),
    "endless_headers": ("SourceTimeout", "only a part of its headers"),
    "only_headers": ("SourceTimeout", "answers, and sends nothing"),
    "huge_headers": ("SourceNotFound", "headers of more than 65536 bytes"),
    "zipped": ("SourceNotFound", "compressed \\(gzip\\)"),
    "playlist": ("SourceNotFound", "#playlist=1"),
    "no_http": ("SourceNotFound", "no HTTP server"),
}


@pytest.mark.parametrize("behaviour", REFUSED)
def test_each_refusal_is_a_sentence_of_its_own(camera: CameraRig, behaviour: str) -> None:
    kind, message = REFUSED[behaviour]
    with pytest.raises(EdgemmError, match=message) as caught:
        open_source(f"{camera.url(behaviour)}#timeout_s=0.6")
    assert type(caught.value).__name__ == kind
    assert caught.value.exit_code == 7


def test_a_redirect_to_another_host_is_not_followed(camera: CameraRig) -> None:
    with pytest.raises(SourceNotFound):
        open_source(camera.url("redirect_away"))
    assert camera.counts("away")["begun"] == 0


@pytest.mark.parametrize("kind", ["video/mp4", "application/vnd.apple.mpegurl", "text/plain", ""])
def test_a_playlist_is_not_followed(camera: CameraRig, kind: str) -> None:
    with pytest.raises(SourceNotFound, match="playlist, which may lead to any host"):
        open_source(camera.url("playlist", kind=kind))
    assert camera.counts("playlist")["begun"] == 0


def test_a_playlist_is_followed_where_the_address_says_so(tmp_path: Path) -> None:
    clip = Path(_clip(tmp_path, 40, "part.ts")).name
    head = "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:1.6,\n"
    (tmp_path / "live.m3u8").write_text(f"{head}{clip}\n#EXT-X-ENDLIST\n")
    handler = partial(_Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/live.m3u8#reconnect=0&playlist=1"
        with open_source(address) as source:
            assert isinstance(source.read(10), Frame)
        server.shutdown()


@pytest.mark.parametrize("algorithm", ["", "MD5", "SHA-256"])
def test_user_and_password(camera: CameraRig, algorithm: str) -> None:
    seen = camera.watch("digest" if algorithm else "basic", login=LOGIN, algorithm=algorithm)
    assert seen.accounted == seen.whole == 10


@pytest.mark.parametrize("behaviour", ["basic", "digest"])
def test_a_wrong_password_is_refused_after_one_attempt(camera: CameraRig, behaviour: str) -> None:
    with pytest.raises(SourceNotFound, match=r"user or password is refused \(401\)") as caught:
        open_source(camera.url(behaviour, login="someone:wrong7@"))
    assert "wrong7" not in str(caught.value)


def test_proxies_of_the_environment_are_not_asked(camera: CameraRig, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.3:9")
    assert camera.watch("steady").accounted == 10


def test_a_clip_is_played_by_ffmpeg_and_counted(
    camera: CameraRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shorter than what FFMPEG takes in while it opens: nothing was delivered, and nothing counted."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.3:9")  # which FFMPEG by itself would ask
    seen = camera.watch("clip", file=_clip(tmp_path, 30), own="timeout_s=5")
    assert seen.delivered >= 1
    assert seen.accounted == 30


def test_ffmpeg_is_not_sent_to_another_host_after_all(tmp_path: Path) -> None:
    """A server that answers us with a clip, and then FFMPEG with a redirect."""
    cv2 = needs(opencv)
    if tuple(map(int, cv2.__version__.split(".")[:2])) < (4, 10):
        pytest.skip(f"the FFMPEG in OpenCV {cv2.__version__} follows every redirect")
    clip = Path(_clip(tmp_path, 5)).read_bytes()
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as door, socket.create_server(("127.0.0.2", 0)) as elsewhere:
        away = b"Location: http://127.0.0.2:%d/clip.mp4\r\n\r\n" % elsewhere.getsockname()[1]
        answers = (
            b"HTTP/1.0 200 OK\r\nContent-Type: video/mp4\r\n\r\n" + clip,
            b"HTTP/1.0 302 Found\r\n" + away,
        )
        threading.Thread(target=_answer_each, args=[door, answers, asked], daemon=True).start()
        with pytest.raises(SourceNotFound, match="FFMPEG"):
            open_source(f"http://127.0.0.1:{door.getsockname()[1]}/#timeout_s=2")
        assert len(asked) == 2
        elsewhere.settimeout(0.1)
        with pytest.raises(TimeoutError):
            elsewhere.accept()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("http://h/1#fps=0.1&timeout_s=5", "further apart than timeout_s=5"),
        ("rtsp://h/1#fps=3", "http addresses only"),
        ("http://h:port/", "expected an address such as"),
        ("http:///path", "expected an address such as"),
    ],
)
def test_addresses_and_options_that_are_refused(name: str, message: str) -> None:
    needs(opencv)
    with pytest.raises(InputError, match=message):
        open_source(name)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("http://127.0.0.1:1/", "nobody listens there"),
        ("http://nosuchhost.invalid/", "the host nosuchhost.invalid is not known"),
        ("https://127.0.0.1:{port}/", "does not speak TLS"),
    ],
)
def test_nobody_there(camera: CameraRig, address: str, message: str) -> None:
    with pytest.raises(SourceNotFound, match=message):
        open_source(address.format(port=camera.port) + "#timeout_s=3")


def test_closing_does_not_wait_for_a_silent_camera(camera: CameraRig) -> None:
    source = open_source(f"{camera.url('stall', count=1)}#timeout_s=60")
    source.read(5)
    source.close()
    names = [
        thread.name
        for thread in threading.enumerate()
        if "edgemm grabs" in thread.name and "stall" in thread.name
    ]
    assert names == []


def test_sockets_are_closed(camera: CameraRig) -> None:
    before = _sockets()
    for behaviour in ("steady", "cut", "not_found", "redirect", "basic", "garbage", "empty"):
        camera.watch(behaviour, count=3)
    assert len(_sockets() - before) == 0


def _answer_each(door: socket.socket, answers: tuple[bytes, ...], asked: list[bytes]) -> None:
    for answer in answers:
        guest, _ = door.accept()
        with guest:
            asked.append(guest.recv(4096))
            guest.sendall(answer)


def _until_the_end(source: Source) -> Iterator[Frame]:
    while True:
        try:
            frame = source.read(5)
        except SourceLost:
            return
        assert isinstance(frame, Frame)
        yield frame


def _clip(folder: Path, frames: int, name: str = "clip.mp4") -> str:
    cv2 = opencv()
    path = folder / name
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, (64, 48))
    for number in range(frames):
        writer.write(np.full((48, 64, 3), number, np.uint8))
    writer.release()
    return str(path)


def _sockets() -> set[str]:
    """Those that this process holds."""
    links = [os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
    found = {os.readlink(link) for link in links if os.path.lexists(link)}
    return {each for each in found if each.startswith("socket:")}


@pytest.mark.parametrize("behaviour", ["endless", "endless_snapshot"])
def test_a_picture_without_an_end_holds_no_connection(camera: CameraRig, behaviour: str) -> None:
    """By the server's own count: one connection at a time while it is read, none once it is closed."""
    name = f"{behaviour}-connections"
    address = camera.url(behaviour, id=name)
    with open_source(f"{address}#timeout_s=0.5") as source:
        with suppress(SourceTimeout):
            source.read(3)
        assert camera.counts(name)["open"] <= 2  # the one that ends, and the next
        assert camera.counts(name)["begun"] >= 2
    assert _soon(lambda: camera.counts(name)["open"] == 0)
    assert _soon(lambda: not any(address in each.name for each in threading.enumerate()))


def test_a_picture_without_an_end_is_too_large(camera: CameraRig) -> None:
    seen = camera.watch("endless", own="timeout_s=5")
    assert (seen.delivered, seen.lost, seen.begun) == (0, {"too-large": 1}, 1)


def test_a_login_that_is_always_stale_ends(camera: CameraRig) -> None:
    with pytest.raises(SourceNotFound, match=r"refused \(401\)"):
        open_source(f"{camera.url('always_stale', LOGIN, id='stale')}#reconnect=0")
    assert camera.counts("stale")["requests"] < 10


def _soon(done: Callable[[], bool], within_s: float = 20) -> bool:
    give_up = time.monotonic() + within_s
    while not done() and time.monotonic() < give_up:
        time.sleep(0.05)
    return done()
