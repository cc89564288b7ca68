"""A window: with a double of OpenCV's, and with the real one where there is one and a display can be made."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from needs import needs

from edgemm.errors import EdgemmError, InputError, MissingDependency
from edgemm.opencv import opencv
from edgemm.sinks import WindowSink, display, window
from edgemm.stream.item import Item

pytestmark = pytest.mark.device
cv2 = needs(opencv)
MakeItem = Callable[..., Item]
LONG_S = 60.0


class Windows:
    """OpenCV's functions of windows; each remembers its thread."""

    error = cv2.error
    WINDOW_NORMAL, WINDOW_KEEPRATIO, WND_PROP_VISIBLE, WND_PROP_FULLSCREEN = 0, 0, 4, 0

    def __init__(self) -> None:
        self.key, self.visible, self.fullscreen, self.fails = -1, 1.0, 0.0, False
        self.shown: list[str] = []
        self.sizes: dict[str, tuple[int, int]] = {}
        self.destroyed = 0
        self.threads: set[int] = set()

    def namedWindow(self, title: str, flags: int) -> None:
        self.threads.add(threading.get_ident())

    def resizeWindow(self, title: str, width: int, height: int) -> None:
        self.sizes[title] = width, height

    def imshow(self, title: str, pixels: Any) -> None:
        self.threads.add(threading.get_ident())
        self.shown.append(title)

    def waitKey(self, ms: int) -> int:
        self.threads.add(threading.get_ident())
        return self.key

    def getWindowProperty(self, title: str, which: int) -> float:
        if self.fails:
            raise cv2.error("no window")
        return self.visible if which == self.WND_PROP_VISIBLE else self.fullscreen

    def destroyAllWindows(self) -> None:
        self.threads.add(threading.get_ident())
        self.destroyed += 1


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Windows:
    made = Windows()
    monkeypatch.setattr(window, "require_display", lambda: None)
    monkeypatch.setattr(window, "opencv", lambda: made)
    return made


def test_each_stream_has_a_window_and_one_thread_does_all(windows: Windows, item: MakeItem) -> None:
    with WindowSink() as sink:
        for stream in ("door", "", "door"):
            assert sink.put(stream, item(0, size_wh=(2560, 720)))
            sink.drain(LONG_S)
    assert windows.shown == ["edgemm door", "edgemm", "edgemm door"]
    assert windows.sizes["edgemm"] == (1280, 360)
    assert windows.destroyed == 1
    assert len(windows.threads) == 1
    assert threading.get_ident() not in windows.threads
    assert sink.summary() == {"taken": 3, "written": 3, "refused": {}}


def escape(windows: Windows) -> None:
    windows.key = 27


def gone(windows: Windows) -> None:
    windows.visible = 0.0


def gone_in_qt(windows: Windows) -> None:
    windows.fails = True


@pytest.mark.parametrize("end", [escape, gone, gone_in_qt])
@pytest.mark.parametrize("idle", [True, False])
def test_the_user_ends_it_once(
    windows: Windows, item: MakeItem, end: Callable[[Windows], None], idle: bool
) -> None:
    ended = threading.Event()
    calls: list[None] = []

    def on_closed() -> None:
        calls.append(None)
        ended.set()

    with WindowSink(on_closed=on_closed) as sink:
        sink.put("", item(0))
        sink.drain(LONG_S)
        assert not calls
        end(windows)
        if not idle:
            sink.put("", item(1))
        assert ended.wait(LONG_S)
        assert not sink.put("", item(2))
        assert sink.closed_by_user
    assert calls == [None]
    assert sink.summary()["refused"] == {"window_closed": 1}
    assert windows.destroyed == 1


@pytest.mark.parametrize(("fullscreen", "closed"), [(0.0, False), (-1.0, True)])
def test_where_visibility_is_not_told_another_property_is_asked(
    windows: Windows, item: MakeItem, fullscreen: float, closed: bool
) -> None:
    windows.visible, windows.fullscreen = -1.0, fullscreen
    with WindowSink() as sink:
        sink.put("", item(0))
        sink.drain(LONG_S)
        assert sink.closed_by_user is closed


def test_other_keys_do_nothing(windows: Windows, item: MakeItem) -> None:
    windows.key = ord("q")
    with WindowSink() as sink:
        sink.put("", item(0))
        sink.drain(LONG_S)
        assert not sink.closed_by_user


def test_an_error_of_a_window_does_not_reach_the_stream(
    windows: Windows, item: MakeItem, monkeypatch: pytest.MonkeyPatch
) -> None:
    def imshow(*_: Any) -> None:
        raise cv2.error("display lost")

    monkeypatch.setattr(windows, "imshow", imshow)
    sink = WindowSink()
    assert sink.put("", item(0))
    with pytest.raises(EdgemmError, match=r"window: .*display lost"):
        sink.close()


HEADLESS = "General configuration\n  GUI:                           NONE\n"
GTK = "General configuration\n  GUI:                           GTK3\n    GTK+:  YES\n"


@pytest.mark.parametrize(
    ("module", "has"),
    [
        (SimpleNamespace(currentUIFramework=lambda: ""), False),
        (SimpleNamespace(currentUIFramework=lambda: "QT"), True),
        (SimpleNamespace(getBuildInformation=lambda: HEADLESS), False),
        (SimpleNamespace(getBuildInformation=lambda: GTK), True),
    ],
)
def test_the_headless_build_is_known(module: Any, has: bool) -> None:
    assert display.has_windows(module) is has


def test_an_opencv_without_windows_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display, "has_windows", lambda module: False)
    with pytest.raises(MissingDependency, match="opencv-python-headless has none") as error:
        WindowSink()
    assert error.value.install_command == (
        "pip uninstall -y opencv-python-headless && pip install opencv-python"
    )


@pytest.fixture
def with_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display, "has_windows", lambda module: True)


@pytest.mark.usefixtures("with_windows")
def test_without_a_display_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in display.DISPLAYS:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match=r"found neither WAYLAND_DISPLAY nor DISPLAY .* --save out\.mp4"):
        WindowSink()


@pytest.mark.usefixtures("with_windows")
def test_a_display_that_does_not_answer_is_an_error_not_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever OpenCV does about it, headless or not: a child meets it."""
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":987")
    with pytest.raises(InputError, match=r"--show: no window can be opened on DISPLAY=:987: "):
        WindowSink()


SHOWS = """
import sys, numpy as np
from edgemm.media import Frame
from edgemm.results import Embedding
from edgemm.sinks import WindowSink
from edgemm.stream.item import Item
with WindowSink() as sink:
    for number in range(5):
        frame = Frame(np.full((48, 64, 3), number, np.uint8), 0, number)
        sink.put("", Item(Embedding(np.zeros(1, np.float32)), frame, number, 0, 1.0, False, {}))
        sink.drain(60)
print(sink.summary())
"""


@pytest.mark.skipif(not shutil.which("xvfb-run"), reason="needs xvfb-run: sudo apt install xvfb xauth")
@pytest.mark.skipif(not display.has_windows(cv2), reason="needs opencv-python, or Debian's python3-opencv")
def test_a_real_window() -> None:
    done = subprocess.run(
        ["xvfb-run", "-a", sys.executable, "-c", SHOWS],
        capture_output=True,
        text=True,
        env={**os.environ, "WAYLAND_DISPLAY": ""},
        timeout=120,
        check=False,
    )
    assert done.stdout == "{'taken': 5, 'written': 5, 'refused': {}}\n", done.stderr
