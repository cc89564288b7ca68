"""What is shown of an address: never a password, a token or an option that is not known."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgemm.chain.crop import By
from edgemm.chain.mediapipe import FOLLOWED
from edgemm.errors import InputError, MissingDependency
from edgemm.filters.table import FILTERS
from edgemm.harmless import WITH_SETTINGS
from edgemm.log import LOG
from edgemm.redaction import HIDDEN, shown_address, shown_option, without_secrets

pytestmark = pytest.mark.device


@pytest.fixture(autouse=True)
def _runtimes() -> None:
    """An address needs no runtime."""


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://user:secret@camera/1", "rtsp://camera/1"),
        ("rtsp://10.0.0.7:554/ch/1?jwt=eyJ.x&width=640#timeout_s=3", "rtsp://10.0.0.7:554/ch/1?jwt=***&width=640#timeout_s=3"),
        ("http://h/x?X-Amz-Signature=0123abc&X-Amz-Date=20260101", "http://h/x?X-Amz-Signature=***&X-Amz-Date=***"),
        ("srt://h:9000?mode=caller&passphrase=abc&latency=20", "srt://h:9000?mode=caller&passphrase=***&latency=20"),
        ("http://h/a.mjpg?dGhpcyBpcw==", "http://h/a.mjpg?***"),
        ("http://h/a.mjpg#access", "http://h/a.mjpg#***"),
        ("http://h/a?width=abc123", "http://h/a?width=***"),
        ("rtsp://h/user=admin&password=x/", "rtsp://h/user=***&password=***/"),
        ("rtsp://h:554/user=admin_password=x_channel=1_stream=0.sdp?real_stream", "rtsp://h:554/user=***?real_stream"),
        ("rtsp://h/user:pass@/", "rtsp://h/***/"),
        ("http://h/ISAPI/Streaming/channels/101/picture;jsessionid=x", "http://h/ISAPI/Streaming/channels/101/picture;jsessionid=***"),
        ("http://h/%75ser%3Dadmin", "http://h/***"),
        ("http://h/%2570w%253Dab12", "http://h/***"),
        ("http://h/live/Abcdefgh12ijklmnop", "http://h/live/***"),
        ("rtsp://user:12/34@host/1", "rtsp://***@host/1"),
        ("rtsp://user:12#34@host/1", "rtsp://***@host/1"),
        ("rtsp:\\\\user:pass@host\\1", "rtsp:\\\\host\\1"),
        ("rtsp:/user:pass@host/1", "rtsp:/host/1"),
        ("user:pass@host:554/1", "***@host:554/1"),
        ("http://h/bot12:AAFabc/getFile", "http://h/***/getFile"),
        ("http://h/4f9a8b7c6d5e4f3a2b1c/index.m3u8", "http://h/***/index.m3u8"),
        ("http://user:pass/x", "http://***/x"),
        ("walk.mp4?fps=10&password=x", "walk.mp4?fps=10&password=***"),
        ("gst:rtspsrc location=rtsp://u:p@h/1 user-pw=\"a b\" latency=50 ! jpegdec",
         "gst:rtspsrc location=rtsp://h/1 user-pw=*** latency=50 ! jpegdec"),
        ("gst:a latency=1234x name=0123456789abcdef01 ! video/x-raw,width=(int)640",
         "gst:a latency=*** name=*** ! video/x-raw,width=(int)640"),
    ],
)  # fmt: skip
def test_what_is_left_of_an_address(address: str, shown: str) -> None:
    assert shown_address(address) == shown
    assert shown_address(shown) == shown


@pytest.mark.parametrize(
    ("setting", "shown"),
    [
        ("canny?low=50&high=150", "canny?low=50&high=150"),
        ("seed:0?lable=2", "seed:0?lable=2"),
        ("seed:0..9?label=cat", "seed:0..9?label=cat"),
        ("points?of=999&turn=0,1", "points?of=999&turn=0,1"),
        ("faces?at_most=0", "faces?at_most=0"),
        ("canny?low=50&token=abc", "canny?low=50&token=***"),
        ("seed:3?password=x", "seed:3?password=***"),
        ("canny?k=0123456789abcdef0123", "canny?k=***"),
        ("x/canny?low=50", "x/canny?low=***"),
        ("http://h/canny?low=50", "http://h/canny?low=***"),
    ],
)
def test_settings_of_filters_crops_and_seeds_are_no_secrets(setting: str, shown: str) -> None:
    assert shown_address(setting) == shown
    assert without_secrets(f"found '{setting}', in it.") == f"found '{shown}', in it."


def test_the_words_with_settings_are_those_that_there_are() -> None:
    assert {*FILTERS, *get_args(By), *FOLLOWED} == WITH_SETTINGS


@pytest.mark.parametrize(
    "name",
    [
        "rtsp://h/h264Preview_01_main", "rtsp://h/cam/realmonitor?channel=1&subtype=0", "http://[fe80::1]:80/v.mjpg",
        "camera:0?size=1280x720&fps=30&fourcc=MJPG", "microphone:USB Audio?rate=48000", "img_?.png", "C:\\me\\a.png",
        "rtsp://h/Streaming/Channels/101", "http://h/?action=stream", "photos/me@home.png", "a/b c.mp4?loop=1",
        "udp://239.0.0.1:1234?pkt_size=1316", "gst:v4l2src device=/dev/video0 ! image/jpeg,framerate=30/1 ! jpegdec",
    ],
)  # fmt: skip
def test_what_is_harmless_is_shown_as_it_is(name: str) -> None:
    assert shown_address(name) == name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://u:p@h/1: cannot be opened", "rtsp://h/1: cannot be opened"),
        ("[Errno 2] No such file: 'http://h/a b?k=x y z'", "[Errno 2] No such file: 'http://h/a b?k=***'"),
        ("{'url': \"rtsp://u:p'w@h/1\", 'password': 'p w'}", "{'url': \"rtsp://h/1\", 'password': '***'}"),
        ('could not set property "user-pw" in "src0" to "p w"', 'could not set property "user-pw" in "src0" to "***"'),
        ("(rtsp://u:p@h/1), next", "(rtsp://h/1), next"),
        ("Authorization: Basic dXNlcjpw", "Authorization: ***"),
        ("sent Bearer abc.def-123 to it", "sent Bearer *** to it"),
        ("in /cwd/u:p@h/x", "in /cwd/***@h/x"),
        ("rtsp://u:a b@h/1 failed", "rtsp://h/1 failed"),
        ("token eyJhbGciOiJI.eyJzdWIi.sig here", "token *** here"),
    ],
)  # fmt: skip
def test_a_text_with_addresses_in_it(text: str, shown: str) -> None:
    assert without_secrets(text) == shown
    assert without_secrets(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "--shape input=1,3,224,224: expected NAME=SIZES", "expected x: [1, 2], found [1, 3]", "tensor 'foo:0' is float",
        "found canny?low=50. Then", "max_pixels=N",
        "see https://docs.example.org/a/b.html", "min_db=20.0, samples=256", "x@y", "12:30 ratio 3:4",
    ],
)  # fmt: skip
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert without_secrets(text) == text


def test_an_error_holds_no_secret_whoever_raises_it() -> None:
    error = InputError("found 'rtsp://u:p@h/1?token=x' there", 3)
    assert error.args == ("found 'rtsp://h/1?token=***' there", 3)
    assert MissingDependency("OpenCV", "vision").install_command == 'pip install "edgemm[vision]"'


def test_a_log_line_and_a_traceback_under_it_hold_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise OSError("rtsp://u:hunter2@h/1 is away")
    except OSError:
        LOG.warning("%s: %d", "http://h/x?sig=hunter2", 3, exc_info=True)
    assert "http://h/x?sig=***: 3" in caplog.text
    assert "rtsp://h/1 is away" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_log_line_whose_arguments_do_not_fit_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    LOG.warning("%d of %d", "rtsp://u:hunter2@h/1")
    assert "rtsp://h/1" in caplog.text
    assert "hunter2" not in caplog.text


def test_an_option_is_named_and_a_token_that_stands_in_its_place_is_not() -> None:
    assert shown_option("speed", "x") == f"speed={HIDDEN}"
    assert shown_option("4f9a8b7c6d", "") == HIDDEN


SECRET = "Zq7xK9wJ"
LETTERS = st.text("abcXYZ019-_.~!$*+ ", max_size=6)
HARD = st.text("ab09:/@?#&=%;' ", max_size=4)
HOSTS = st.sampled_from(["cam", "10.0.0.7", "a.example.org", "[fe80::1]"])


@given(st.sampled_from(["rtsp", "http", "HTTPS", "udp", "srt"]), HOSTS, HARD, HARD, st.integers(0, 7))
def test_no_place_of_an_address_shows_a_secret(
    scheme: str, host: str, before: str, after: str, place: int
) -> None:
    """Whatever stands around it, also what should have been percent-encoded."""
    secret = before + SECRET + after
    address = (
        f"{scheme}://user:{secret}@{host}/1", f"{scheme}://user:{secret}@{host}:80/a?width=3",
        f"{scheme}://{host}/1?token={secret}", f"{scheme}://{host}/1?a=1&b={secret}&fps=3",
        f"{scheme}://{host}/1#{secret}", f"{scheme}://{host}/1#fps={secret}", f"{scheme}://{host}/user:{secret}@/1",
        f"{scheme}://{host}/pw={secret}",
    )[place]  # fmt: skip
    if place >= 6 and set(before + after) & set("/?#&; "):
        return  # a path has parts of its own
    assert SECRET not in shown_address(address)
    assert SECRET not in without_secrets(f"found {address!r} there")


@given(st.text(max_size=300))
def test_any_text_can_be_asked(text: str) -> None:
    assert isinstance(without_secrets(text), str)
    assert isinstance(shown_address(text), str)


@pytest.mark.parametrize(
    "part", ["a", "a:", "user_", "a@", "rtsp://", "x=", "'", "key.", "Bearer ", "a-a.", '"a', "/"]
)
def test_a_long_text_takes_no_long_time(part: str) -> None:
    """Doubling the length may not quadruple the work so far that a megabyte hangs; a hang would be the failure."""
    without_secrets(part * (20_000 // len(part)))
    shown_address(part * (20_000 // len(part)))


@pytest.mark.parametrize(
    "text",
    [
        "name them in the address, http://USER:PASSWORD@host/path",
        "'walk.mp4' does not have the option 'pw': it has timeout_s",
        "card: 'token': expected text, found 3",
        "camera:0?wait=1: there is no such camera",
    ],
)
def test_sentences_stay_whole(text: str) -> None:
    assert without_secrets(text) == text


@pytest.mark.parametrize(
    "text", ["{'token': abc1}", "{'token': 5, 'a': 1}", "'pw': \"x y\" is wrong", "{'pw': 'it has'}"]
)
def test_pairs_of_a_dictionary_are_hidden(text: str) -> None:
    assert HIDDEN in without_secrets(text)
