"""A source's name taken apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgemm.capture.uri import parse_uri
from edgemm.errors import InputError, SourceNotFound

pytestmark = pytest.mark.device


def test_options_stand_behind_the_question_mark() -> None:
    named = parse_uri("a/b.mp4?fps=12.5&loop=1")
    assert (named.path, named.fps, named.loop, named.block_ms) == ("a/b.mp4", 12.5, True, None)


@pytest.mark.parametrize("pattern", ["img_?.png", "a?.wav", "img_?=1.png"])
def test_a_question_mark_in_a_pattern_is_no_option(pattern: str) -> None:
    assert parse_uri(pattern).path == pattern


def test_a_pattern_may_have_options_too() -> None:
    named = parse_uri("img_?.png?fps=3")
    assert (named.path, named.fps) == ("img_?.png", 3)


def test_a_file_that_bears_the_whole_name_is_that_file(tmp_path: Path) -> None:
    odd = tmp_path / "what?fps=3"
    odd.touch()
    assert parse_uri(odd).path == str(odd)
    assert parse_uri(odd).options == {}


def test_a_file_address_is_a_path() -> None:
    assert parse_uri("file:///a/b%20c.png").path == "/a/b c.png"


@pytest.mark.parametrize(
    "option", ["fps=0", "fps=fast", "fps=nan", "block_ms=0", "block_ms=1e9", "loop=maybe", "pause_ms=-1"]
)
def test_an_option_out_of_range_says_what_is_expected(option: str) -> None:
    named = parse_uri(f"x.wav?{option}")
    with pytest.raises(InputError, match="expected"):
        _ = (named.fps, named.block_ms, named.pause_ms, named.loop)


def test_an_unknown_option_names_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"'speed'.*fps, loop"):
        parse_uri("x.mp4?speed=2").only("fps", "loop")


@pytest.mark.parametrize(
    ("uri", "scheme", "path", "options"),
    [
        ("camera:0?size=1280x720&fps=30", "camera", "0", {"size": "1280x720", "fps": "30"}),
        ("CAMERA", "camera", "", {}),
        ("/dev/video0?fourcc=MJPG", "camera", "/dev/video0", {"fourcc": "MJPG"}),
        ("microphone", "microphone", "", {}),
        ("mic:USB Audio?rate=48000", "microphone", "USB Audio", {"rate": "48000"}),
        ("picamera2:1", "picamera2", "1", {}),
        ("gst:videotestsrc ! appsink name=x?y=1", "gst", "videotestsrc ! appsink name=x?y=1", {}),
        ("rtsp://h/1?a=b#timeout_s=3", "network", "rtsp://h/1?a=b", {"timeout_s": "3"}),
        ("http://h/x.mp4", "network", "http://h/x.mp4", {}),
    ],
)
def test_a_live_source_is_taken_apart(uri: str, scheme: str, path: str, options: dict[str, str]) -> None:
    named = parse_uri(uri)
    assert (named.scheme, named.path, dict(named.options)) == (scheme, path, options)


def test_an_unknown_scheme_is_refused_and_told_what_works() -> None:
    with pytest.raises(SourceNotFound, match=r"'spdif' is no kind of source.*microphone:"):
        parse_uri("spdif:0")


def test_credentials_go_to_the_server_and_are_not_repeated() -> None:
    named = parse_uri("rtsp://user:secret@camera/1")
    assert named.text == "rtsp://camera/1"
    assert named.path == "rtsp://user:secret@camera/1"


@pytest.mark.parametrize("uri", ["", "a\0b"])
def test_a_name_that_cannot_be_one_is_refused(uri: str) -> None:
    with pytest.raises(InputError, match="needs a name"):
        parse_uri(uri)
