"""What an app file may say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgemm.app.recipe import read_app
from edgemm.errors import InputError

pytestmark = pytest.mark.device

Make = Callable[..., Path]
SEEN: dict[str, Any] = {"model": "digits.tflite", "source": "camera:0"}


def test_paths_are_meant_from_the_folder_of_the_file(app_file: Make, tmp_path: Path) -> None:
    path = app_file(
        {"a": {**SEEN, "source": "walk.mp4"}, "b": {**SEEN, "source": "rtsp://h/1"}}, record="r.jsonl"
    )
    app = read_app(path)
    assert app.streams["a"].model == str(tmp_path / "digits.tflite")
    assert [each.source for each in app.streams.values()] == [str(tmp_path / "walk.mp4"), "rtsp://h/1"]
    assert app.record == str(tmp_path / "r.jsonl")


def test_what_is_not_said_has_a_default(app_file: Make) -> None:
    stream = read_app(app_file({"a": SEEN})).streams["a"]
    assert (stream.max_age_ms, stream.policy, stream.on_late, stream.delegate) == (
        None,
        "auto",
        "deliver",
        "auto",
    )


def test_an_order_of_fallback_is_a_list(app_file: Make) -> None:
    stream = read_app(app_file({"a": {**SEEN, "delegate": ["edgetpu", "cpu"]}})).streams["a"]
    assert stream.delegate == ("edgetpu", "cpu")


@pytest.mark.parametrize(
    ("streams", "keys", "message"),
    [
        ({}, {}, "streams: expected 1 to 64, found 0"),
        ([], {}, "streams: expected dict"),
        ({"a": 3}, {}, "streams.a: expected an object, found int"),
        ({"a": {"model": "m.onnx"}}, {}, "streams.a.source: expected a value"),
        ({"a": {**SEEN, "max_age": 3}}, {}, "streams.a.max_age: is not known.*did you mean 'max_age_ms'"),
        ({"a": {**SEEN, "max_age_ms": "3"}}, {}, "streams.a.max_age_ms: expected int or float, found '3'"),
        ({"a": {**SEEN, "max_age_ms": True}}, {}, "streams.a.max_age_ms"),
        (
            {"a": {**SEEN, "on_late": "skip"}},
            {},
            "streams.a.on_late: expected one of deliver, drop, found 'skip'",
        ),
        ({"": SEEN}, {}, "expected a name for each"),
        ({"a": {**SEEN, "delegate": [["cpu"]]}}, {}, "streams.a.delegate: expected a list of names"),
        ({"a": {**SEEN, "wait": 1}}, {}, "streams.a.wait: expected bool, found 1"),
        ({"a": SEEN}, {"on_error": "restart"}, "on_error: expected one of stop, go-on, found 'restart'"),
        ({"a": {**SEEN, "timeout_s": 0}}, {}, "streams.a.timeout_s: expected more than 0, found 0"),
        ({"a": SEEN}, {"thread": 2}, "thread: is not known.*'threads'"),
        ({"a": SEEN}, {"schema": "edgemm.app/2"}, "edgemm.app/1"),
    ],
)
def test_what_makes_no_sense_is_named(
    app_file: Make, streams: Any, keys: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read_app(app_file(streams, **keys))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"a": NaN}', b"\xff\xfe", b" " * (1 << 21)])
def test_what_is_no_app_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "app.json").write_bytes(content)
    with pytest.raises(InputError, match=r"app\.json"):
        read_app(tmp_path / "app.json")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_app(tmp_path / "app.json")
