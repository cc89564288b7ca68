"""Cameras on the network, made on the spot; each skips, saying why, where the machine lacks something."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import lru_cache

import pytest
from needs import needs
from process import SYSTEM_PYTHON, RigProcess, missing_for_gstreamer

from edgemm.capture.live.live_frames import LiveFrames
from edgemm.errors import SourceTimeout
from edgemm.media import Frame
from edgemm.opencv import opencv

PATIENCE_S = 20.0
"""Longest that a test waits for what must come."""


@pytest.fixture
def mjpeg() -> Iterator[RigProcess]:
    """Motion JPEG over HTTP at 30 pictures a second: http://127.0.0.1:PORT/"""
    needs(opencv)  # paints and reads
    with RigProcess("mjpeg_server.py") as rig:
        yield rig


@pytest.fixture
def rtsp() -> Iterator[RigProcess]:
    """H.264 over RTSP: rtsp://127.0.0.1:PORT/live"""
    _needs_gstreamer()
    with RigProcess("gst_server.py", "rtsp", python=SYSTEM_PYTHON) as rig:
        yield rig


@pytest.fixture
def udp() -> Iterator[RigProcess]:
    """H.264 in MPEG-TS over UDP: udp://127.0.0.1:PORT"""
    _needs_gstreamer()
    with RigProcess("gst_server.py", "udp", python=SYSTEM_PYTHON) as rig:
        yield rig


@pytest.fixture
def watch() -> Callable[..., Frame]:
    """Reads until a frame fulfils a condition, and fails when none does in time."""

    def read_until(source: LiveFrames, done: Callable[[Frame], object] = lambda frame: True) -> Frame:
        give_up = time.monotonic() + PATIENCE_S
        while time.monotonic() < give_up:
            try:
                frame = source.read(0.2)
            except SourceTimeout:
                continue
            assert frame is not None, "the source has ended"
            if done(frame):
                return frame
        pytest.fail(f"waited {PATIENCE_S:g} s in vain; {source.counts()}, faults {source.faults}")

    return read_until


@lru_cache(maxsize=1)
def _missing() -> str:
    return missing_for_gstreamer()


def _needs_gstreamer() -> None:
    needs(opencv)
    if _missing():
        pytest.skip(_missing())
