"""GStreamer pipelines, in the Python that the system's PyGObject belongs to."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from process import SYSTEM_PYTHON, printed_json

from edgemm.capture import open_source
from edgemm.capture.live.gstreamer import completed
from edgemm.errors import InputError, MissingDependency

pytestmark = pytest.mark.device

ROOT = Path(__file__).parents[3]
HEAD = """
import json, time
from edgemm.capture import open_source
from edgemm.errors import EdgemmError, SourceTimeout
LIVE = "gst:videotestsrc is-live=true pattern=ball ! video/x-raw,width=322,height=240,framerate=30/1"
"""
Run = Callable[[str], Any]


@lru_cache(maxsize=1)
def environment() -> dict[str, str]:
    """The system's Python with this source and this NumPy, which must be of the same Python."""
    packages = str(Path(np.__file__).parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), packages])}


@lru_cache(maxsize=1)
def missing() -> str:
    """ "" where GStreamer can be used."""
    if not Path(SYSTEM_PYTHON).exists():
        return f"there is no {SYSTEM_PYTHON}"
    program = (
        "import sys; assert list(sys.version_info[:2]) == "
        f"{list(sys.version_info[:2])}, sys.version\n"
        "from edgemm.capture.live.gstreamer import gstreamer\n"
        "assert gstreamer().ElementFactory.find('videotestsrc'), 'sudo apt install gstreamer1.0-plugins-base'"
    )
    done = subprocess.run(
        [SYSTEM_PYTHON, "-c", program],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stderr.strip().rpartition("\n")[2] if done.returncode else ""


@pytest.fixture
def run() -> Run:
    """Runs a program in the system's Python; returns what it prints as JSON."""
    if missing():
        pytest.skip(f"GStreamer in {SYSTEM_PYTHON}: {missing()}")

    def program(text: str) -> Any:
        return printed_json(SYSTEM_PYTHON, HEAD + text, environment())

    return program


def test_frames_of_a_live_pipeline(run: Run) -> None:
    """The width is no multiple of four: rows are padded."""
    shape, color, numbers, age_ms = run("""
with open_source(LIVE) as source:
    frames = []
    for _ in range(15):
        frame = source.read(5)
        frames.append((frame.sequence, (time.monotonic_ns() - frame.captured_ns) / 1e6))
print(json.dumps([frame.pixels.shape, frame.color, [n for n, _ in frames], sorted(a for _, a in frames)[7]]))
""")
    assert (shape, color) == ([240, 322, 3], "bgr")
    assert numbers == sorted(set(numbers))
    assert 0 < age_ms < 60  # 2 ms on an idle machine


def test_colours_are_where_they_belong(run: Run) -> None:
    """Pattern 4 is red."""
    pixel = run("""
with open_source("gst:videotestsrc pattern=red ! video/x-raw,width=64,height=48") as source:
    print(json.dumps(source.read(5).pixels[20, 20].tolist()))
""")
    assert pixel[2] > 200
    assert max(pixel[:2]) < 60


def test_a_pipeline_that_ends_is_begun_again(run: Run) -> None:
    faults, balanced = run("""
source = open_source(LIVE.replace("is-live", "num-buffers=10 is-live"))
give_up = time.monotonic() + 20
while not source.faults.get("reconnected") and time.monotonic() < give_up:
    try:
        source.read(0.1)
    except SourceTimeout:
        pass
counts = source.counts()
source.close()
print(json.dumps([source.faults, counts.captured == counts.delivered + counts.waiting + sum(counts.lost.values())]))
""")
    assert faults == {"closed": 1, "reconnected": 1}
    assert balanced


def test_what_the_sink_drops_is_counted(run: Run) -> None:
    """Nobody pulls for a while: the sink keeps the newest and tells nothing of the others."""
    missed, why, age_ms = run("""
from edgemm.capture.live.gstreamer import PipelineGrabber
grabber = PipelineGrabber("gst", LIVE.removeprefix("gst:"))
grabber.open()
first = grabber.grab()
give_up = time.monotonic() + 20
while grabber._arrived < 10 and time.monotonic() < give_up:
    time.sleep(0.01)
shot = grabber.grab()
age_ms = (time.monotonic_ns() - shot.captured_ns) / 1e6
grabber.close()
print(json.dumps([first.missed + shot.missed, shot.why, age_ms]))
""")
    assert missed >= 8
    assert why == "overrun"
    assert age_ms < 100  # the oldest was taken 300 ms ago


def test_a_slow_pipeline_loses_nothing(run: Run) -> None:
    """Waiting for a picture is no damaged picture."""
    lost = run("""
with open_source(LIVE.replace("30/1", "2/1")) as source:
    for _ in range(3):
        source.read(10)
    print(json.dumps(dict(source.lost)))
""")
    assert lost == {}


@pytest.mark.parametrize(
    ("pipeline", "kind", "message"),
    [
        ("nosuchelement ! fakesink", "UnknownSource", 'no element "nosuchelement"'),
        ("v4l2src device=/dev/video97", "SourceLost", "Cannot identify device '/dev/video97'"),
        ("rtspsrc location=rtsp://me:hunter2@127.0.0.1:1/ ! decodebin", "SourceLost", "rtsp://127.0.0.1:1/"),
    ],
)
def test_what_is_wrong_is_told(run: Run, pipeline: str, kind: str, message: str) -> None:
    found, told = run(f"""
try:
    with open_source("gst:{pipeline}") as source:
        source.read(15)
except EdgemmError as error:
    print(json.dumps([type(error).__name__, str(error)]))
""")
    assert found == kind
    assert message in told
    assert "hunter2" not in told


@pytest.mark.parametrize(
    ("given", "end"),
    [
        (
            "v4l2src",
            "v4l2src ! videoconvert ! video/x-raw,format=BGR ! appsink name=edgemm drop=true max-buffers=1",
        ),
        (
            "a ! video/x-raw,format=BGR",
            "a ! video/x-raw,format=BGR ! appsink name=edgemm drop=true max-buffers=1",
        ),
        ("a ! appsink max-buffers=4", "a ! appsink max-buffers=4"),
    ],
)
def test_what_a_pipeline_lacks_at_its_end_is_put_there(given: str, end: str) -> None:
    assert completed(given) == end


def test_without_pygobject_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gi", None)
    with pytest.raises(MissingDependency, match=r"sudo apt install python3-gi .*--system-site-packages"):
        open_source("gst:videotestsrc")


def test_an_empty_pipeline_is_refused() -> None:
    with pytest.raises(InputError, match="expected a pipeline"):
        open_source("gst:")


def test_what_a_pipeline_lacks_at_first_is_waited_for(run: Run, tmp_path: Path) -> None:
    video = tmp_path / "later.y4m"
    awaited, faults = run(f"""
import os
video = {str(video)!r}
with open_source(f"gst:filesrc location={{video}} ! y4mdec ! videoconvert", wait=True) as source:
    while not source.faults.get("open-failed"): pass
    awaited = source.awaited
    with open(video + ".part", "wb") as file:
        file.write(b"YUV4MPEG2 W16 H16 F25:1 C420jpeg\\n")
        for _ in range(100): file.write(b"FRAME\\n" + bytes(384))
    os.rename(video + ".part", video)
    assert source.read(20) is not None
    print(json.dumps([awaited, dict(source.faults)]))
""")
    assert awaited
    assert faults["appeared"] == 1
