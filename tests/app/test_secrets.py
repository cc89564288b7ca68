"""A password or token that stands in an address is in no message, log, record, app error or line of output."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from needs import needs
from process import RigProcess

from edgemm import data
from edgemm.app.recipe import read_app
from edgemm.app.service import Service
from edgemm.capture import open_source
from edgemm.capture.uri import parse_uri
from edgemm.cli import main
from edgemm.cli.demo.devices import try_devices
from edgemm.errors import EdgemmError, InputError, SourceLost
from edgemm.media import Frame
from edgemm.opencv import opencv
from edgemm.sinks.record import Record

pytestmark = pytest.mark.device

SECRET = "Zq7xK9wJ4mT2"
HOST = "127.0.0.1:1"
"""Nobody listens there: the connection is refused at once."""

_NAMES = (
    "token", "auth_token", "access_token", "jwt", "api-key", "api_key", "apikey", "key", "X-Amz-Signature",
    "X-Amz-Security-Token", "X-Goog-Signature", "sig", "se", "sv", "hash", "hmac", "code", "ticket", "session",
    "sessionid", "PHPSESSID", "pwd", "pass", "passphrase", "password", "user", "usr", "loginuse", "loginpas", "secret",
    "streamkey", "Policy", "Key-Pair-Id", "md5", "st", "e", "whatever", "id", "t", "credential",
)  # fmt: skip
FORMS = [
    *(f"http://{HOST}/v.mjpg?{name}={SECRET}" for name in _NAMES),
    *(f"rtsp://{HOST}/1?channel=1&{name}={SECRET}#timeout_s=1" for name in ("token", "sign", "X-Key")),
    f"rtsp://admin:{SECRET}@{HOST}/1",
    f"rtsp://{SECRET}@{HOST}/1",
    f"rtsp://{SECRET}:x@{HOST}/1",
    f"rtsp://admin:pa/{SECRET}@{HOST}/1",
    f"rtsp://admin:12/{SECRET}@{HOST}/1",
    f"rtsp://admin:pa#{SECRET}@{HOST}/1",
    f"rtsp://admin:12?{SECRET}@{HOST}/1",
    f"rtsp://admin:pa ss{SECRET}@{HOST}/1",
    f"rtsp://admin:p@ss@{SECRET}@{HOST}/1",
    f"rtsp://admin:%3A%40{SECRET}@{HOST}/1",
    f"rtsp://admin:'{SECRET}\"@{HOST}/1",
    f"RTSP://admin:{SECRET}@{HOST}/1",
    f"rtsp://{HOST}/user:{SECRET}@/",
    f"rtsp://{HOST}/user=admin&password={SECRET}/1",
    f"rtsp://{HOST}/user=admin_password={SECRET}_channel=1_stream=0.sdp?real_stream",
    f"http://{HOST}/ISAPI/Streaming/channels/101/httppreview;jsessionid={SECRET}",
    f"http://{HOST}/%75ser%3Dadmin%26password%3D{SECRET}",
    f"http://{HOST}/%2575ser%253Dadmin%2526password%253D{SECRET}",
    f"http://{HOST}/bot1234:{SECRET}/getFile",
    f"http://{HOST}/eyJhbGciOiJIUzI1NiJ9.{SECRET}.abc/x",
    f"http://{HOST}/hls/0f{SECRET}0123456789abcdef/index.m3u8",
    f"http://{HOST}/v.mjpg?{SECRET}",
    f"http://{HOST}/v.mjpg?{SECRET}==",
    f"http://{HOST}/v.mjpg#{SECRET}",
    f"http://{HOST}/v.mjpg#access_token={SECRET}",
    f"http://{HOST}/v.mjpg#timeout_s={SECRET}",
    f"http://{HOST}/v.mjpg#transport={SECRET}",
    f"http://{HOST}/v.mjpg?a=1&b=2&c={SECRET}&width=640",
    f"http://{HOST}/v.mjpg?url=rtsp://u:{SECRET}@h/1",
    f"http://{HOST}/v.mjpg?a=b?token={SECRET}",
    f"http://{HOST}/v.mjpg?width={SECRET}",
    f"http://[::1]:{SECRET}/v.mjpg",
    f"http://admin:{SECRET}/v.mjpg",
    f"http:///admin:{SECRET}@{HOST}/v.mjpg",
    f"http:/admin:{SECRET}@{HOST}/v.mjpg",
    f"http:admin:{SECRET}@{HOST}/v.mjpg",
    f"http//admin:{SECRET}@{HOST}/v.mjpg",
    f"rtsp:\\\\admin:{SECRET}@{HOST}\\1",
    f"//admin:{SECRET}@{HOST}/1",
    f"admin:{SECRET}@{HOST}/1",
    f"rtmp://{HOST}/live/x?key={SECRET}",
    f"ftp://admin:{SECRET}@{HOST}/a.mp4",
    f"file://admin:{SECRET}@{HOST}/a.mp4",
    f"file://[{SECRET}/a.mp4",
    f"walk.mp4?password={SECRET}",
    f"walk.mp4?Token={SECRET}",
    f"walk.mp4?fps={SECRET}",
    f"digits/?loop={SECRET}",
    f"camera:0?token={SECRET}",
    f"camera:0?size={SECRET}",
    f"camera:0?fourcc={SECRET}",
    f"microphone:?rate={SECRET}",
    f"microphone:?channel={SECRET}",
    f"microphone:?gate={SECRET}",
    f"picamera2:0?fps={SECRET}",
    f"gst:rtspsrc location=rtsp://admin:{SECRET}@{HOST}/1 ! fakesrc",
    f"gst:rtspsrc location={HOST} user-id={SECRET} user-pw=x ! nothing",
    f"gst:rtspsrc location={HOST} user-pw=\"a {SECRET}\" ! nothing",
    f"gst:souphttpsrc location=http://{HOST}/x?tk={SECRET} ! nothing",
    f"gst:souphttpsrc extra-headers=\"h,Authorization=(string)\\\"Basic {SECRET}\\\"\" ! nothing",
    f"gst:srtsrc uri=\"srt://{HOST}?passphrase={SECRET}\" ! nothing",
    f"gst:rtspsrc proxy-pw='{SECRET}' ! nothing",
]  # fmt: skip


def all_that_is_said(address: str, folder: Path) -> list[str]:
    """Each text that edgemm makes of an address, short of a live connection."""
    said: list[str] = []
    try:
        named = parse_uri(address)
    except EdgemmError as error:
        said += [str(error), repr(error)]
    else:
        said += [named.text, repr(named), str(named)]
    app = folder / "app.json"
    stream = {"model": "digits.onnx", "source": address}
    for streams in (
        {"a": stream}, {"a": {**stream, "source": [address]}}, {"a": {**stream, "source": {"url": address}}},
        {"a": {**stream, address: 1}}, {"a": {**stream, "policy": address}}, {"a": {**stream, "live": address}},
        {address: {"model": 3}}, address, {"a": {**stream, "source": f"{address}\x07"}},
    ):  # fmt: skip
        app.write_text(json.dumps({"schema": "edgemm.app/1", "streams": streams}))
        try:
            said += [repr(read_app(app))]
        except EdgemmError as error:
            said += [str(error), "".join(traceback.format_exception_only(type(error), error))]
    app.write_text(f'{{"schema": "edgemm.app/1", {json.dumps(address)}: 1, {json.dumps(address)}: 2}}')
    with pytest.raises(InputError) as twice:
        read_app(app)
    said.append(str(twice.value))
    (folder / "r.jsonl").unlink(missing_ok=True)
    with Record(folder / "r.jsonl") as record:
        record.add({"sequence": 0, "origin": address})
        said.append(str(record.summary()))
    said.append((folder / "r.jsonl").read_text())
    return said


def none_shows(said: list[str], secret: str = SECRET) -> None:
    for text in said:
        for plain in (text, unquote(text), unquote(unquote(text))):
            assert secret not in plain, text


def test_there_are_many_forms() -> None:
    assert len(set(FORMS)) > 100


@pytest.mark.parametrize("address", FORMS)
def test_no_message_shows_it(address: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "edgemm"):
        none_shows(all_that_is_said(address, tmp_path))
    none_shows([caplog.text])


@pytest.mark.parametrize("address", FORMS)
def test_no_line_of_the_command_shows_it(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """With a traceback under it, as --verbose gives it."""
    needs(opencv)
    pytest.importorskip("onnxruntime")
    with caplog.at_level(logging.DEBUG, "edgemm"):
        code = main(["run", str(data.path("models/digits.onnx")), "--source", address, "--json", "--verbose"])
    assert code != 0
    found = capsys.readouterr()
    assert "Traceback" in found.err
    none_shows([found.out, found.err, caplog.text])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    scheme=st.sampled_from(
        ["rtsp://", "http://", "srt://", "udp://", "file://", "", "ftp://", "walk.mp4?x="]
    ),
    before=st.text("ab09:/@?#&=% '\"", max_size=3),
    after=st.text("ab09:/@?#&=% '\"", max_size=3),
    place=st.sampled_from(
        ["user:{}@h/1", "h/1?a=1&b={}", "h/1?token={}", "h/1#x={}", "h/1?{}", "h:{}@g/1?c=d"]
    ),
    encode=st.booleans(),
)
def test_no_place_shows_it(
    tmp_path: Path, scheme: str, before: str, after: str, place: str, encode: bool
) -> None:
    if not scheme and place.endswith("?{}"):
        return  # the pattern of a file: no address, and no option
    secret = before + SECRET + after
    address = scheme + place.format(quote(secret, safe="") if encode else secret)
    none_shows(all_that_is_said(address, tmp_path))


def test_a_live_source_runs_and_never_shows_it(
    app_file: Callable[..., Path],
    seen: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Frames, records, lines, the summary and the error at the end."""
    needs(opencv)
    pytest.importorskip("onnxruntime")
    with RigProcess("mjpeg_server.py") as camera:
        address = f"http://admin:{SECRET}@127.0.0.1:{camera.port}/?token={SECRET}#timeout_s=2&reconnect=0"
        app = app_file({"seen": {**seen, "source": address}}, record="r.jsonl")
        with caplog.at_level(logging.DEBUG, "edgemm"):
            assert main(["run", str(app), "--json", "--limit", "3", "--verbose"]) == 0
            with Service(read_app(app)) as service:
                said = [repr(service.recipe), str(service.summary())]
            with open_source(address) as source:
                frame = source.read()
                assert isinstance(frame, Frame)
                said += [repr(source), source.uri, frame.origin]
    found = capsys.readouterr()
    recorded = (tmp_path / "r.jsonl").read_text()
    assert json.loads(recorded.splitlines()[0])["origin"].startswith("http://127.0.0.1:")
    assert '"delivered": 3' in found.out
    none_shows([*said, found.out, found.err, caplog.text, recorded])


@pytest.mark.parametrize(
    ("kind", "code"), [(OSError, 1), (SourceLost, SourceLost.exit_code), (InputError, InputError.exit_code)]
)
def test_an_error_shows_none_nor_does_the_traceback_of_its_cause(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: type[Exception], code: int
) -> None:
    def fails(*given: object, **more: object) -> object:
        try:
            raise ValueError(f"http://h/x?tk={SECRET}")
        except ValueError as error:
            raise kind(f"rtsp://u:{SECRET}@h/1 is away") from error

    monkeypatch.setattr("edgemm.capture.open.parse_uri", fails)
    pytest.importorskip("onnxruntime")
    assert main(["run", str(data.path("models/digits.onnx")), "--source", "x.png", "--verbose"]) == code
    found = capsys.readouterr()
    assert "http://h/x?tk=***" in found.err
    none_shows([found.err, found.out])


def test_the_demo_tells_of_a_device_without_it(tmp_path: Path) -> None:
    tried = try_devices(tmp_path, f"rtsp://u:{SECRET}@{HOST}/1?tk={SECRET}", "none", lambda *_: None)
    assert tried[0].uri == f"rtsp://{HOST}/1?tk=***"
    none_shows([repr(tried), str(tried[0].to_json())])
