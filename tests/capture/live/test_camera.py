"""V4L2 cameras: OpenCV's own V4L2 code on a device file behind which a double answers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from needs import c_compiler, needs
from process import RIGS, printed_json

from edgemm.capture.jpeg_decoder import simplejpeg
from edgemm.opencv import opencv

pytestmark = pytest.mark.device

HEAD = """
import json, os, time
from edgemm.capture import open_source
from edgemm.errors import EdgemmError, SourceTimeout

device = os.environ["V4L2_DOUBLE"]

def flag(name):
    open(f"{device}.{name}", "w").close()

def unflag(name):
    os.remove(f"{device}.{name}")

def watch(source, done, patience_s=20):
    give_up = time.monotonic() + patience_s
    while time.monotonic() < give_up:
        try:
            frame = source.read(0.1)
        except SourceTimeout:
            frame = None
        if done(frame):
            return frame
    raise SystemExit(f"waited in vain: {source.counts()} {source.faults}")

def balanced(source):
    counts = source.counts()
    return counts.captured == counts.delivered + counts.waiting + sum(counts.lost.values())
"""

Run = Callable[..., Any]


@pytest.fixture(scope="session")
def double(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("v4l2") / "v4l2_double.so"
    source = str(RIGS / "v4l2_double.c")
    flags = ["-Wall", "-Wextra", "-Werror", "-O2", "-shared", "-fPIC"]
    subprocess.run([c_compiler(), *flags, "-o", str(library), source, "-ldl", "-lpthread"], check=True)
    return library


@pytest.fixture
def run(double: Path, tmp_path: Path) -> Run:
    """Runs a program on the double in a process of its own; returns what it prints as JSON."""
    needs(opencv)
    device = tmp_path / "video0"
    device.touch()

    def program(text: str) -> Any:
        environment = {**os.environ, "LD_PRELOAD": str(double), "V4L2_DOUBLE": str(device)}
        return printed_json(sys.executable, HEAD + text, environment)

    return program


def test_frames_bear_the_kernels_time_of_capture(run: Run) -> None:
    """The double hands a frame over 5 ms after it was exposed, and stamps it when it was."""
    ages_ms, colors, fps = run("""
ages, stamps = [], []
with open_source(f"camera:{device}") as source:
    for _ in range(15):
        frame = source.read(5)
        ages.append((time.monotonic_ns() - frame.captured_ns) / 1e6)
        stamps.append(frame.captured_ns)
print(json.dumps([ages, frame.color, 14e9 / (stamps[-1] - stamps[0])]))
""")
    assert min(ages_ms) >= 5
    assert sorted(ages_ms)[7] < 40  # 7 ms on an idle machine
    assert colors == "bgr"
    assert 5 < fps < 31  # 30, less on a busy machine; bursts would be more


def test_what_the_driver_gives_instead_is_told(run: Run) -> None:
    given, log = run("""
import io, logging
log = io.StringIO()
logging.basicConfig(stream=log)
with open_source(f"camera:{device}?size=1280x720&fps=15&fourcc=YUYV") as source:
    print(json.dumps([source.given, log.getvalue()]))
""")
    assert given == "640x480 at 15/s YUYV"
    assert "asked for 1280x720, the camera gives 640x480 at 15/s YUYV" in log
    assert log.count("asked for") == 1


def test_a_camera_that_is_unplugged_and_plugged_in_again(run: Run) -> None:
    faults, fine = run("""
with open_source(f"camera:{device}") as source:
    watch(source, bool)
    flag("unplugged")
    watch(source, lambda _: source.faults.get("open-failed"))
    unflag("unplugged")
    watch(source, lambda frame: frame and source.faults.get("reconnected"))
    print(json.dumps([dict(source.faults), balanced(source)]))
""")
    assert faults["closed"] == 1
    assert fine


def test_without_reconnecting_an_unplug_is_an_error(run: Run) -> None:
    error = run("""
with open_source(f"camera:{device}?reconnect=0") as source:
    watch(source, bool)
    flag("unplugged")
    try:
        watch(source, lambda _: False)
    except EdgemmError as error:
        print(json.dumps([type(error).__name__, str(error)]))
""")
    assert error[0] == "SourceLost"
    assert "reconnecting is off" in error[1]


@pytest.mark.parametrize("how", ["stalls", "hangs"])
def test_a_driver_that_stalls_or_hangs(run: Run, how: str) -> None:
    faults, lost, fine = run(f"""
with open_source(f"camera:{{device}}?timeout_s=0.5") as source:
    watch(source, bool)
    flag("{how}")
    watch(source, lambda _: source.faults.get("stalled"))
    unflag("{how}")
    watch(source, lambda frame: frame and source.faults.get("reconnected"))
    print(json.dumps([dict(source.faults), dict(source.lost), balanced(source)]))
""")
    assert faults["stalled"] >= 1
    assert "corrupt" not in lost
    assert fine


def test_a_camera_that_is_plugged_in_later_is_picked_up_and_found_again(run: Run) -> None:
    there, faults = run("""
os.remove(device)
with open_source(f"camera:{device}", wait=True) as source:
    while not source.faults.get("open-failed"): pass
    awaited = source.awaited
    open(device, "w").close()
    watch(source, lambda frame: frame is not None)
    print(json.dumps([awaited and not source.awaited, dict(source.faults)]))
""")
    assert there
    assert faults["appeared"] == 1
    assert "reconnected" not in faults


def test_a_damaged_picture_of_a_camera_that_sends_jpeg_is_lost(run: Run) -> None:
    """Half a picture with its end marker: OpenCV shows it, grey where data is missing."""
    if simplejpeg() is None:
        pytest.skip('needs simplejpeg: pip install "edgemm[vision]"')
    given, same, delivered, captured, lost, faults, fine = run("""
import cv2, numpy as np
picture = cv2.resize(np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8), (640, 480))
whole = cv2.imencode(".jpg", picture)[1].tobytes()

def put(data):
    with open(f"{device}.new", "wb") as file:
        file.write(data)
    os.replace(f"{device}.new", f"{device}.mjpg")

put(whole)
with open_source(f"camera:{device}") as source:
    frame = watch(source, bool)
    same = np.array_equal(frame.pixels, cv2.imdecode(np.frombuffer(whole, np.uint8), cv2.IMREAD_COLOR))
    put(whole[: len(whole) // 2] + b"\\xff\\xd9")
    watch(source, lambda _: source.lost.get("corrupt", 0) >= 5)
    delivered = source.counts().captured - source.lost["corrupt"]
    put(whole)
    watch(source, lambda frame: frame and np.array_equal(frame.pixels, watch(source, bool).pixels))
    print(json.dumps([source.given, same, delivered, source.counts().captured, source.lost["corrupt"],
                      dict(source.faults), balanced(source)]))
""")
    assert given == "640x480 at 30/s MJPG"
    assert same
    assert lost >= 5
    assert captured > delivered
    assert faults == {}
    assert fine
