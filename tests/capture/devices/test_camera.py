"""V4L2 cameras on a real kernel: what they give, when it was captured, and what happens when they go away.

Waits are long, since an emulated machine is slow; what must be quick is compared with the product's own limits.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import pytest
from vivid import DISCONNECT, DROPPED, FATAL, STAMPED, Vivid

import edgemm
from edgemm.capture import open_source
from edgemm.capture.live.live_frames import LiveFrames
from edgemm.data import path
from edgemm.errors import SourceLost, SourceNotFound, SourceTimeout
from edgemm.media import Frame
from edgemm.results import Classification

pytestmark = [pytest.mark.device, pytest.mark.devices]

PATIENCE_S = 60.0
NOTICED_S = 2.0
SMALL = "size=320x180&fps=15&fourcc=YUYV"


def camera(name: str = f"0?{SMALL}") -> LiveFrames:
    source = open_source(f"camera:{name}")
    assert isinstance(source, LiveFrames)
    return source


def watch(source: LiveFrames, done: Callable[[Frame | None], object]) -> float:
    """Reads until it is done, the account being right at every moment; returns how many seconds that took."""
    begun = time.monotonic()
    while time.monotonic() - begun < PATIENCE_S:
        try:
            frame = source.read(0.05)
        except SourceTimeout:
            frame = None
        counts = source.counts()
        assert counts.captured == counts.delivered + counts.waiting + sum(counts.lost.values())
        if done(frame):
            return time.monotonic() - begun
    pytest.fail(f"waited {PATIENCE_S:g} s in vain; {source.counts()}, faults {source.faults}")


def frames(source: LiveFrames, count: int) -> list[Frame]:
    found = [source.read(PATIENCE_S) for _ in range(count)]
    return [frame for frame in found if frame is not None]


def test_what_captures_is_listed_and_nothing_else(vivid: Vivid) -> None:
    """The driver also has outputs, metadata, radio, teletext and touch, four of them as /dev/video."""
    assert [each.name for each in vivid.cameras] == ["vivid-000-vid-cap", "vivid-001-vid-cap"]


@pytest.mark.parametrize(
    "options",
    ["size=640x360&fps=15&fourcc=YUYV", "size=320x180&fps=30&fourcc=NV12", "size=1280x720&fps=5&fourcc=RGB3"],
)
def test_a_camera_gives_what_it_was_asked_for(vivid: Vivid, options: str) -> None:
    size, fps, fourcc = (part.partition("=")[2] for part in options.split("&"))
    with camera(f"0?{options}") as source:
        assert source.given == f"{size} at {fps}/s {fourcc}"
        first, *_, last = frames(source, 4)
    width, height = map(int, size.split("x"))
    assert (first.pixels.shape, first.color) == ((height, width, 3), "bgr")
    assert last.sequence >= first.sequence + 3
    assert source.counts().captured == source.counts().delivered + sum(source.lost.values())


def test_colours_are_where_the_frame_says(vivid: Vivid) -> None:
    """White, yellow, cyan, green, magenta, red, blue, black, each an eighth of the width."""
    with camera() as source:
        (frame,) = frames(source, 1)
    row = frame.pixels[
        frame.pixels.shape[0] * 7 // 8
    ]  # above it stands what the driver writes into the picture
    bars = [row[int((bar + 0.5) * len(row) / 8)] > 100 for bar in range(8)]
    named = {(1, 1, 1): "w", (0, 1, 1): "y", (1, 1, 0): "c", (0, 1, 0): "g", (1, 0, 1): "m", (0, 0, 1): "r",
             (1, 0, 0): "b", (0, 0, 0): "k"}  # fmt: skip
    assert "".join(named[tuple(bar.astype(int))] for bar in bars) == "wycgmrbk"


def test_a_frame_is_captured_when_the_kernel_says_so(vivid: Vivid, caplog: pytest.LogCaptureFixture) -> None:
    vivid.set(vivid.cameras[0], STAMPED, 1)
    with caplog.at_level(logging.INFO), camera() as source:
        found = [(frame, time.monotonic_ns()) for frame in frames(source, 12)]
    captured = np.array([frame.captured_ns for frame, _ in found])
    periods = np.diff(captured) / (1e9 / 15)
    assert all(0 < now - frame.captured_ns < 1e9 for frame, now in found)
    assert np.median(periods) == pytest.approx(1, abs=0.2)
    assert "handed over" not in caplog.text


def test_a_stamp_in_the_future_is_not_believed(vivid: Vivid, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), camera() as source:
        found = [(frame, time.monotonic_ns()) for frame in frames(source, 12)]
    captured = np.array([frame.captured_ns for frame, _ in found])
    assert all(frame.captured_ns <= now for frame, now in found)
    assert (np.diff(captured) > 0).all()
    assert "is taken to be captured when it is handed over" in caplog.text


def test_what_the_driver_gives_instead_is_told(vivid: Vivid, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), camera("0?size=700x400&fps=31&fourcc=MJPG") as source:
        (frame,) = frames(source, 1)
    assert frame.pixels.shape == (360, 640, 3)
    assert f"asked for 700x400, 31/s, MJPG, the camera gives {source.given}" in caplog.text


def test_a_camera_that_another_has_is_refused(vivid: Vivid) -> None:
    with camera() as source:
        frames(source, 1)
        with pytest.raises(SourceNotFound, match=r"/dev/video\d+ is there .* another program has it"):
            camera()
        watch(source, bool)
    with camera() as again:
        frames(again, 1)


_NOBODY = """
import os, sys
from edgemm.capture import open_source
from edgemm.capture.live import camera
from edgemm.errors import SourceNotFound
camera.opencv(), camera.list_cameras()  # all that is imported on the way
os.setgroups([]), os.setgid(65534), os.setuid(65534)
try:
    open_source("camera:0")
except SourceNotFound as error:
    print(error)
"""


def test_a_camera_that_the_user_may_not_open_is_refused(vivid: Vivid) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _NOBODY], capture_output=True, text=True, timeout=PATIENCE_S, check=True
    )
    assert "is there and this user may not open it: sudo usermod -aG video" in done.stdout


@pytest.mark.parametrize("name", ["vivid-001", "1", "/dev/video"])
def test_a_camera_is_found_by_name_number_and_device_file(vivid: Vivid, name: str) -> None:
    meant = vivid.cameras[1]
    uri = meant.path if name.startswith("/dev") else f"camera:{name}"
    with open_source(uri) as source, camera(f"0?{SMALL}") as other:
        assert source.read(PATIENCE_S) is not None
        assert other.read(PATIENCE_S) is not None


def test_a_name_of_several_is_refused(vivid: Vivid) -> None:
    with pytest.raises(SourceNotFound, match=r"several: .*vivid-000-vid-cap; .*vivid-001-vid-cap"):
        camera("vivid")


Harm = Callable[[Vivid], None]


@pytest.mark.parametrize(
    ("harm", "heal"),
    [
        (lambda vivid: vivid.unplug(), lambda vivid: vivid.plug_in()),
        (
            lambda vivid: vivid.set(vivid.cameras[0], DISCONNECT),
            lambda vivid: (vivid.unplug(), vivid.plug_in()),
        ),
        (lambda vivid: vivid.set(vivid.cameras[0], FATAL), lambda vivid: None),
    ],
    ids=["driver unbound", "disconnected", "queue failed"],
)
def test_a_camera_that_goes_is_noticed_and_comes_back(vivid: Vivid, harm: Harm, heal: Harm) -> None:
    with camera(f"vivid-000?{SMALL}") as source:
        watch(source, bool)
        harm(vivid)
        assert watch(source, lambda _: source.faults.get("closed")) < NOTICED_S
        heal(vivid)
        watch(source, lambda frame: frame and source.faults.get("reconnected"))
        assert "corrupt" not in source.lost
        assert source.given == "320x180 at 15/s YUYV"


def test_a_camera_that_stalls_is_noticed_and_comes_back(vivid: Vivid) -> None:
    with camera(f"0?{SMALL}&timeout_s=3") as source:
        watch(source, bool)
        vivid.set(vivid.cameras[0], DROPPED, 100)
        assert watch(source, lambda _: source.faults.get("stalled")) < 3 + NOTICED_S
        vivid.set(vivid.cameras[0], DROPPED, 0)
        watch(source, lambda frame: frame and source.faults.get("reconnected"))
        assert "corrupt" not in source.lost


def test_without_reconnecting_an_unplug_is_the_end(vivid: Vivid) -> None:
    with camera(f"0?{SMALL}&reconnect=0") as source:
        watch(source, bool)
        vivid.unplug()
        with pytest.raises(SourceLost, match="reconnecting is off"):
            watch(source, lambda _: False)


def test_a_camera_through_a_model(vivid: Vivid) -> None:

    model = edgemm.load(path("models/digits.onnx"))
    with camera() as source, model.stream(source, budget=edgemm.Budget(max_age_ms=30_000)) as stream:
        items = [item for item, _ in zip(stream, range(5), strict=False)]
    summary = stream.ledger.summary()
    assert all(isinstance(item.value, Classification) for item in items)
    assert [item.sequence for item in items] == sorted({item.sequence for item in items})
    assert summary["captured"] == summary["delivered"] + sum(summary["dropped"].values())
    assert summary["delivered"] >= 5
