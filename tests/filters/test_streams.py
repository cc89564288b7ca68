"""Filters on streams: alone, in front of a model, on the command line and in app files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import package

import edgemm
from edgemm import data
from edgemm.cli import main

cv2 = package("cv2")
needs_runtime = pytest.mark.usefixtures("runtime")
pytestmark = pytest.mark.device
DIGITS = data.path("models/digits.onnx")
PICTURES = data.path("digits/3")


@pytest.fixture
def runtime() -> None:
    package("onnxruntime")


def rows(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_stream_of_filters_alone_keeps_account() -> None:
    with (
        edgemm.open_source(str(PICTURES)) as source,
        edgemm.Filter("gaussian", "canny").stream(source) as stream,
    ):
        items = list(stream)
    assert [item.value.pixels.ndim for item in items] == [2] * 4  # type: ignore[attr-defined]
    summary = stream.ledger.summary()
    assert (summary["captured"], summary["delivered"], summary["in_flight"]) == (4, 4, 0)
    assert list(items[0].stages_ms) == ["wait", "gaussian", "canny"]
    assert sum(items[1].stages_ms.values()) == pytest.approx(items[1].age_ms, abs=1.0)


@needs_runtime
def test_a_model_sees_what_filters_make() -> None:
    pixels = cv2.cvtColor(cv2.imread(str(next(PICTURES.glob("*.png")))), cv2.COLOR_BGR2RGB)
    with edgemm.load(DIGITS) as model, edgemm.Filter("invert", "invert").then(model) as twice:
        assert twice(pixels).score == model(pixels).score  # type: ignore[attr-defined]
    with edgemm.load(DIGITS) as model, edgemm.Filter("invert").then(model) as once:
        assert once(pixels).score == model(255 - pixels).score  # type: ignore[attr-defined]
        with edgemm.open_source(str(PICTURES)) as source, once.stream(source) as stream:
            first = next(iter(stream))
        assert set(first.stages_ms) == {"wait", "invert", "preprocess", "infer", "decode"}
        assert once.card is model.card
        assert once.delegates == model.delegates


@needs_runtime
def test_the_model_is_closed_with_it() -> None:
    model = edgemm.load(DIGITS)
    chain = edgemm.Filter("invert").then(model)
    session = chain.session()
    chain.close()
    with pytest.raises(edgemm.InputError, match="closed"):
        model(np.zeros((8, 8), np.uint8))
    with pytest.raises(edgemm.InputError, match="closed"):
        chain(np.zeros((8, 8), np.uint8))
    session.close()


@needs_runtime
def test_a_model_of_sound_is_refused_behind_filters() -> None:
    with (
        edgemm.load(data.path("models/keywords.onnx")) as words,
        pytest.raises(edgemm.InputError, match="of audio"),
    ):
        edgemm.Filter("canny").then(words)


def test_sound_is_refused() -> None:
    with (
        edgemm.open_source(str(data.path("spoken_digits"))) as source,
        pytest.raises(edgemm.InputError, match="sound"),
    ):
        edgemm.Filter("canny").stream(source)


def test_options_are_refused() -> None:
    with pytest.raises(edgemm.InputError, match="threshold"):
        edgemm.Filter("canny").session(threshold=0.5)


def test_cancelled_work_gives_nothing() -> None:
    filters = edgemm.Filter("invert")
    session = filters.session()
    seen = session.feed(edgemm.Frame(np.zeros((4, 4), np.uint8), 0, 0, "gray"), _Cancels(session))
    assert list(seen) == []


class _Cancels:
    """A clock that cancels the work whose first stage begins."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def start(self, stage: str) -> None:
        self._session.cancel()

    def stop(self) -> None:
        """Nothing."""


def test_the_command_filters_and_saves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(
        ["run", "--filter", "canny?low=50", "--source", str(PICTURES), "--save", str(tmp_path / "out")]
    )
    assert code == 0
    assert "4 delivered" in capsys.readouterr().out
    saved = sorted((tmp_path / "out").glob("*.png"))
    assert len(saved) == 4
    source = cv2.imread(str(sorted(PICTURES.glob("*.png"))[0]), cv2.IMREAD_GRAYSCALE)
    expected = cv2.Canny(source, 50, 150)
    found = cv2.imread(str(saved[0]), cv2.IMREAD_GRAYSCALE)
    assert (found == expected).all()


@needs_runtime
def test_the_command_puts_filters_in_front_of_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "run",
        str(DIGITS),
        "--filter",
        "median?size=1",
        "--filter",
        "invert",
        "--source",
        str(PICTURES),
        "--json",
    ]
    assert main(words) == 0
    first, *_ = rows(capsys.readouterr().out)
    assert list(first["stages_ms"])[1:3] == ["median", "invert"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--filter", "cany", "--source", "x.png"], "Did you mean 'canny'"),
        (["--source", "x.png"], "--filter NAME"),
        (["--filter", "canny"], "--source"),
        (["--filter", "canny", "--source", "x.png", "--threshold", "0.5"], "--threshold"),
        (["--filter", "canny", "--source", "x.png", "--preset", "yolo"], "--preset"),
        (["app.json", "--filter", "canny"], "--filter"),
    ],
)
def test_usage_errors(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", *words]) == 2
    assert said in capsys.readouterr().err


@needs_runtime
def test_an_app_filters_with_and_without_a_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app = {
        "schema": "edgemm.app/1",
        "streams": {
            "edges": {"filters": ["gaussian", "canny"], "source": str(PICTURES)},
            "seen": {"filters": ["invert", "invert"], "model": str(DIGITS), "source": str(PICTURES)},
            "plain": {"model": str(DIGITS), "source": str(PICTURES)},
        },
    }
    (tmp_path / "app.json").write_text(json.dumps(app))
    assert main(["run", str(tmp_path / "app.json"), "--json"]) == 0
    *results, _ = rows(capsys.readouterr().out)
    seen, plain = (
        [each["result"]["scores"] for each in results if each["stream"] == name] for name in ("seen", "plain")
    )
    assert seen == plain
    assert sum(each["stream"] == "edges" for each in results) == 4


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        ({}, "model: expected a value, or filters"),
        ({"filters": []}, "filters: expected a list of names"),
        ({"filters": "canny"}, "filters: expected a list"),
        ({"filters": ["cany"]}, "Did you mean 'canny'"),
        ({"filters": ["canny"], "options": {"threshold": 0.5}}, "options: expected a model"),
        ({"filters": ["canny"], "before": "x.zip"}, "before: expected a model"),
    ],
)
def test_app_files_that_are_wrong(
    stream: dict[str, Any], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = {"schema": "edgemm.app/1", "streams": {"a": {"source": str(PICTURES), **stream}}}
    (tmp_path / "app.json").write_text(json.dumps(app))
    assert main(["run", str(tmp_path / "app.json")]) == 2
    assert said in capsys.readouterr().err


@needs_runtime
def test_an_app_refuses_filters_behind_a_stage_of_sound(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They were left out without a word."""
    monkeypatch.setattr("edgemm.app.service.load_bundle", lambda *_, **__: _Passes())
    words = {"filters": ["canny"], "before": "x.zip", "model": str(data.path("models/keywords.onnx"))}
    app = {"schema": "edgemm.app/1", "streams": {"a": {"source": str(data.path("spoken_digits")), **words}}}
    (tmp_path / "app.json").write_text(json.dumps(app))
    assert main(["run", str(tmp_path / "app.json")]) == 2
    assert "takes pictures behind filters" in capsys.readouterr().err


class _Passes:
    """A stage in front that changes nothing."""

    def then(self, model: Any) -> Any:
        return model

    def __enter__(self) -> _Passes:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing."""
