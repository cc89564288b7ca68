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
    "uri",
    ["camera:0", "microphone", "microphone:USB", "rtsp://h/1", "http://h/x.mp4", "/dev/video0", "CAMERA"],
)
def test_a_live_device_is_refused_and_told_what_works(uri: str) -> None:
    with pytest.raises(SourceNotFound, match=r"does not read.*WAV"):
        parse_uri(uri)


def test_credentials_are_not_repeated() -> None:
    with pytest.raises(SourceNotFound) as caught:
        parse_uri("rtsp://user:secret@camera/1")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("uri", ["", "a\0b"])
def test_a_name_that_cannot_be_one_is_refused(uri: str) -> None:
    with pytest.raises(InputError, match="needs a name"):
        parse_uri(uri)
