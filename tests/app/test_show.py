"""`--show` beside an app file: a window for each stream of pictures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from needs import needs

from edgemm.app.recipe import read_app
from edgemm.app.service import Service
from edgemm.cli import main
from edgemm.errors import InputError
from edgemm.opencv import opencv
from edgemm.sinks import window

pytest.importorskip("onnxruntime")
needs(opencv)
pytestmark = pytest.mark.device
Make = Callable[..., Path]


class Windows:
    """OpenCV's functions of windows, as far as they are used."""

    error = RuntimeError
    WINDOW_NORMAL = WINDOW_KEEPRATIO = WND_PROP_VISIBLE = WND_PROP_FULLSCREEN = 0

    def __init__(self) -> None:
        self.key, self.titles = -1, set[str]()

    def namedWindow(self, title: str, flags: int) -> None: ...
    def resizeWindow(self, title: str, width: int, height: int) -> None: ...
    def imshow(self, title: str, pixels: Any) -> None:
        self.titles.add(title)

    def waitKey(self, ms: int) -> int:
        return self.key

    def getWindowProperty(self, title: str, which: int) -> float:
        return 1.0

    def destroyAllWindows(self) -> None: ...


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Windows:
    made = Windows()
    monkeypatch.setattr(window, "require_display", lambda: None)
    monkeypatch.setattr(window, "opencv", lambda: made)
    return made


def test_each_stream_of_pictures_has_a_window(
    windows: Windows, app_file: Make, seen: Any, heard: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(app_file({"a": seen, "b": seen, "ears": heard})), "--show", "--json"]) == 0
    assert windows.titles == {"edgemm a", "edgemm b"}
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])["summary"]
    refused = sum(summary["window"]["refused"].values())
    assert summary["window"]["taken"] + refused == 2 * 40  # of sound none was offered
    assert set(summary["window"]["refused"]) <= {"busy"}


def test_who_closes_a_window_ends_the_app(windows: Windows, app_file: Make, seen: Any) -> None:
    windows.key = 27
    with Service(
        read_app(app_file({"a": {**seen, "source": seen["source"] + "?loop=1"}})), show=True
    ) as service:
        service.run(lambda name, item: None, limit=100_000)
        assert service.summary()["streams"]["a"]["delivered"] < 100_000


def test_sound_alone_is_refused(windows: Windows, app_file: Make, heard: Any) -> None:
    with pytest.raises(InputError, match="--show: expected a stream of pictures"):
        Service(read_app(app_file({"ears": heard})), show=True)


def test_without_windows_it_says_what_to_do(
    app_file: Make, seen: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgemm.sinks import display

    monkeypatch.setattr(display, "has_windows", lambda module: False)
    assert main(["run", str(app_file({"a": seen})), "--show"]) == 8
    assert "--save out.mp4" in capsys.readouterr().err
