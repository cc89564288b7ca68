"""What an app file may say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgemm.app.recipe import read_app
from edgemm.errors import InputError
from edgemm.sinks.rotation import Rotation
from edgemm.sinks.when import When

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
    assert app.record is not None
    assert (app.record.path, app.name) == (str(tmp_path / "r.jsonl"), "app")


def test_a_record_may_say_what_and_how_much(app_file: Make, tmp_path: Path) -> None:
    record = {
        "path": "r.jsonl",
        "when": {"label": ["3", "4"], "min_score": 0.5},
        "rotate_mb": 1,
        "max_mb": 10,
    }
    app = read_app(
        app_file({"a": {**SEEN, "when": {"label": "7", "changed": True}}}, record=record, name="door")
    )
    assert app.record is not None
    assert app.record.path == str(tmp_path / "r.jsonl")
    assert app.record.when == When(("3", "4"), 0.5)
    assert app.record.rotation() == Rotation(1_000_000, None, None, 10_000_000)
    assert app.streams["a"].when == When("7", changed=True)
    assert app.name == "door"


def test_what_an_app_is_printed_as_holds_no_password(app_file: Make) -> None:
    app = read_app(app_file({"a": {**SEEN, "source": "rtsp://u:hunter2@h/1?token=hunter2"}}))
    assert app.streams["a"].source == "rtsp://u:hunter2@h/1?token=hunter2"
    assert "source='rtsp://h/1?token=***'" in repr(app)
    assert "hunter2" not in repr(app)


def test_what_is_not_said_has_a_default(app_file: Make) -> None:
    stream = read_app(app_file({"a": SEEN})).streams["a"]
    assert (stream.max_age_ms, stream.policy, stream.on_late, stream.delegate) == (
        None,
        "auto",
        "deliver",
        "auto",
    )


def test_pictures_of_files_are_read_ahead_where_it_is_said(app_file: Make) -> None:
    app = read_app(app_file({"a": SEEN, "b": {**SEEN, "ahead": True}}))
    assert [each.ahead for each in app.streams.values()] == [False, True]


def test_an_order_of_fallback_is_a_list(app_file: Make) -> None:
    stream = read_app(app_file({"a": {**SEEN, "delegate": ["edgetpu", "cpu"]}})).streams["a"]
    assert stream.delegate == ("edgetpu", "cpu")


@pytest.mark.parametrize(
    ("streams", "keys", "message"),
    [
        ({}, {}, "streams: expected 1 to 64, found 0"),
        ([], {}, "streams: expected an object"),
        ({"a": 3}, {}, "streams.a: expected an object, found int"),
        ({"a": {"model": "m.onnx"}}, {}, "streams.a.source: expected a value"),
        ({"a": {**SEEN, "max_age": 3}}, {}, "streams.a.max_age: is not known.*Did you mean 'max_age_ms'"),
        (
            {"a": {**SEEN, "max_age_ms": "3"}},
            {},
            "streams.a.max_age_ms: expected a whole number or a number, found '3'",
        ),
        ({"a": {**SEEN, "max_age_ms": True}}, {}, "streams.a.max_age_ms"),
        ({"a": {**SEEN, "ahead": 1}}, {}, "streams.a.ahead: expected true or false, found 1"),
        (
            {"a": {**SEEN, "on_late": "skip"}},
            {},
            "streams.a.on_late: expected one of deliver, drop, found 'skip'",
        ),
        ({"": SEEN}, {}, "expected a name for each"),
        ({"a": {**SEEN, "delegate": [["cpu"]]}}, {}, "streams.a.delegate: expected a list of names"),
        ({"a": {**SEEN, "wait": 1}}, {}, "streams.a.wait: expected true or false, found 1"),
        ({"a": SEEN}, {"on_error": "restart"}, "on_error: expected one of stop, go-on, found 'restart'"),
        ({"a": {**SEEN, "timeout_s": 0}}, {}, "streams.a.timeout_s: expected more than 0, found 0"),
        ({"a": SEEN}, {"thread": 2}, "thread: is not known.*'threads'"),
        ({"a": SEEN}, {"record": 3}, "record: expected a text or an object, found 3"),
        ({"a": SEEN}, {"record": {}}, None),
        ({"a": SEEN}, {"record": {"max_mb": 1}}, "record.path: expected a value"),
        ({"a": SEEN}, {"record": {"path": "r", "rotate": 1}}, "record.rotate: is not known.*'rotate_mb'"),
        (
            {"a": SEEN},
            {"record": {"path": "r", "max_mb": 1, "rotate_mb": 2}},
            "record: one file may have 2000000",
        ),
        ({"a": SEEN}, {"record": {"path": "r", "keep_files": 1}}, "record: .* a size or an age as well"),
        ({"a": SEEN}, {"record": {"path": "r", "keep_files": 0}}, "record.keep_files: expected more than 0"),
        ({"a": SEEN}, {"record": {"path": "r", "when": {"lable": "x"}}}, "record.when.lable: .*mean 'label'"),
        (
            {"a": SEEN},
            {"record": {"path": "r", "when": {"min_score": 3}}},
            "record.when.min_score: expected 0 to 1",
        ),
        (
            {"a": {**SEEN, "when": {"every_s": 0}}},
            {},
            "streams.a.when.every_s: expected more than 0, found 0",
        ),
        (
            {"a": {**SEEN, "when": {"changed": 1}}},
            {},
            "streams.a.when.changed: expected true or false, found 1",
        ),
        ({"a": {**SEEN, "when": {"label": [1]}}}, {}, "streams.a.when.label: expected a list of names"),
        ({"a": SEEN}, {"schema": "edgemm.app/2"}, "edgemm.app/1"),
    ],
)
def test_what_makes_no_sense_is_named(
    app_file: Make, streams: Any, keys: dict[str, Any], message: str | None
) -> None:
    if message is None:  # nothing is recorded
        assert read_app(app_file(streams, **keys)).record is None
        return
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
