"""Network video, from servers on loopback whose pictures say when they were made."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pytest
from coded_picture import Code, read_code
from needs import needs
from process import RigProcess

from edgemm.capture import open_source
from edgemm.capture.live.ffmpeg import ffmpeg_options
from edgemm.capture.live.live_frames import LiveFrames
from edgemm.errors import InputError, SourceNotFound, SourceTimeout
from edgemm.media import Frame
from edgemm.opencv import opencv

pytestmark = pytest.mark.device

Watch = Callable[..., Frame]


def opened(address: str, options: str = "timeout_s=0.6") -> LiveFrames:
    source = open_source(f"{address}#{options}")
    assert isinstance(source, LiveFrames)
    return source


def code(frame: Frame) -> Code:
    found = read_code(frame.pixels)
    assert found is not None
    return found


def url(rig: RigProcess) -> str:
    return f"http://127.0.0.1:{rig.port}/"


def rtsp_url(rig: RigProcess) -> str:
    return f"rtsp://127.0.0.1:{rig.port}/live"


def balanced(source: LiveFrames) -> bool:
    counts = source.counts()
    return counts.captured == counts.delivered + counts.waiting + sum(counts.lost.values())


def test_every_frame_of_a_server_comes_once_and_in_order(mjpeg: RigProcess, watch: Watch) -> None:
    with opened(url(mjpeg)) as source:
        frames = [watch(source) for _ in range(20)]
        assert source.uri == f"{url(mjpeg)}#timeout_s=0.6"
    seen = [code(frame).number for frame in frames]
    assert seen == sorted(set(seen))
    holes = seen[-1] - seen[0] - (frames[-1].sequence - frames[0].sequence)
    assert holes == 0
    assert frames[0].color == "bgr"


def test_a_frame_is_captured_after_it_was_made_and_soon(mjpeg: RigProcess, watch: Watch) -> None:
    with opened(url(mjpeg)) as source:
        frames = [watch(source) for _ in range(20)]
    unseen_ms = [(frame.captured_ns - code(frame).made_ns) / 1e6 for frame in frames]
    assert min(unseen_ms) > 0
    assert median(unseen_ms) < 50  # 3 ms on an idle machine


def test_a_slow_reader_gets_the_newest_frame(mjpeg: RigProcess, watch: Watch) -> None:
    with opened(url(mjpeg)) as source:
        ages_ms = []
        for _ in range(6):
            frame = watch(source)
            ages_ms.append((time.monotonic_ns() - code(frame).made_ns) / 1e6)
            before = frame.sequence
            watch(source, lambda newer, before=before: newer.sequence >= before + 6)
        assert source.counts().captured > 30
    assert median(ages_ms) < 100  # a queue would make it seconds


def test_one_corrupt_picture_is_lost_and_no_fault(mjpeg: RigProcess, watch: Watch) -> None:
    with opened(url(mjpeg)) as source:
        watch(source)
        mjpeg.say("hiccup")
        watch(source, lambda frame: source.lost.get("corrupt"))
        assert source.lost["corrupt"] == 1
        assert source.faults == {}
        assert balanced(source)


@pytest.mark.parametrize(
    ("mode", "fault"), [("stall", "stalled"), ("close", "closed"), ("corrupt", "stalled")]
)
def test_a_server_that_fails_and_comes_back(mjpeg: RigProcess, watch: Watch, mode: str, fault: str) -> None:
    with opened(url(mjpeg)) as source:
        watch(source)
        mjpeg.say(mode)
        _wait_for_fault(source, fault)
        mjpeg.say("play")
        watch(source, lambda frame: source.faults.get("reconnected"))
        assert balanced(source)


def test_a_server_that_repeats_its_last_picture_is_noticed(mjpeg: RigProcess, watch: Watch) -> None:
    with opened(url(mjpeg), "frozen_s=0.5") as source:
        watch(source)
        mjpeg.say("frozen")
        watch(source, lambda frame: source.faults.get("frozen"))


def test_rtsp(rtsp: RigProcess, watch: Watch) -> None:
    with opened(rtsp_url(rtsp), "timeout_s=5") as source:
        frames = [watch(source) for _ in range(20)]
        assert source.lost.get("backlog", 0) > 5  # FFMPEG holds back what came while it looked at the stream
    unseen_ms = [(frame.captured_ns - code(frame).made_ns) / 1e6 for frame in frames]
    assert median(unseen_ms) < 120  # 37 ms on an idle machine, most of it in the encoder and the decoder


def test_an_rtsp_server_that_stands_still(rtsp: RigProcess, watch: Watch) -> None:
    with opened(rtsp_url(rtsp), "timeout_s=1") as source:
        watch(source)
        rtsp.freeze()
        _wait_for_fault(source, "stalled")
        rtsp.thaw()
        watch(source, lambda frame: source.faults.get("reconnected"))
        assert balanced(source)


def test_an_rtsp_server_that_dies_and_comes_back(rtsp: RigProcess, watch: Watch) -> None:
    with opened(rtsp_url(rtsp), "timeout_s=1.5") as source:
        watch(source)
        rtsp.kill()
        _wait_for_fault(source, "closed")
        rtsp.start()
        watch(source, lambda frame: source.faults.get("reconnected"))
        assert balanced(source)


def test_an_rtsp_server_that_repeats_its_last_picture(rtsp: RigProcess, watch: Watch) -> None:
    with opened(rtsp_url(rtsp), "timeout_s=2&frozen_s=0.5") as source:
        watch(source)
        rtsp.say("frozen")
        _wait_for_fault(source, "frozen")
        rtsp.say("play")
        watch(source, lambda frame: source.faults.get("reconnected"))


@pytest.mark.parametrize(("transport", "sockets"), [("tcp", 0), ("udp", 2)])
def test_the_transport_of_rtsp(rtsp: RigProcess, watch: Watch, transport: str, sockets: int) -> None:
    with opened(rtsp_url(rtsp), f"timeout_s=5&transport={transport}") as source:
        watch(source)
        assert _udp_sockets() == sockets


def test_mpeg_ts_over_udp(udp: RigProcess, watch: Watch) -> None:
    with opened(f"udp://127.0.0.1:{udp.port}", "timeout_s=5") as source:
        frames = [watch(source) for _ in range(10)]
    assert [code(frame).number for frame in frames] == sorted(code(frame).number for frame in frames)


def test_nobody_there_is_not_found_at_once() -> None:
    needs(opencv)
    begun = time.monotonic()
    with pytest.raises(SourceNotFound, match=r"http://127\.0\.0\.1:1/: cannot be opened"):
        open_source("http://127.0.0.1:1/")
    assert time.monotonic() - begun < 4


@pytest.mark.parametrize("by_name", [True, False])
def test_a_server_that_starts_later_is_picked_up(mjpeg: RigProcess, watch: Watch, by_name: bool) -> None:
    mjpeg.kill()
    address = f"http://127.0.0.1:{mjpeg.port}/#timeout_s=2"
    with open_source(address + "&wait=1" if by_name else address, wait=not by_name) as source:
        assert isinstance(source, LiveFrames)
        while not source.awaited:
            pass
        mjpeg.start()
        watch(source)
        assert source.faults["appeared"] == 1


@pytest.mark.parametrize("option", ["wait=0", "reconnect=0"])
def test_a_name_that_says_not_to_wait_is_obeyed(option: str) -> None:
    needs(opencv)
    with pytest.raises(SourceNotFound):
        open_source(f"http://127.0.0.1:1/#timeout_s=1&{option}", wait=True)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rtsp://h/1#speed=2", "does not have the option 'speed'"),
        ("rtsp://h/1#transport=pigeon", "expected tcp or udp"),
        ("http://h/1#transport=udp", "rtsp addresses only"),
        ("http://h/1#timeout_s=0", "expected a number"),
        ("http://h/1#reconnect=maybe", "expected 1 or 0"),
    ],
)
def test_options_that_make_no_sense(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_source(name)


def test_no_word_of_credentials_anywhere(mjpeg: RigProcess) -> None:
    """In a process of its own, with all logs on: FFMPEG and OpenCV write to standard error themselves."""
    program = f"""
import logging
logging.basicConfig(level=logging.DEBUG)
from edgemm.capture import open_source
for port in ({mjpeg.port}, 1):
    for scheme in ("http", "rtsp"):
        try:
            address = f"{{scheme}}://someone:hunter2@127.0.0.1:{{port}}/a?token=hunter2"
            with open_source(address + "#timeout_s=0.5") as source:
                print(source.read(2), source.uri)
        except Exception as error:
            print(repr(error))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert "Frame(" in done.stdout
    assert done.stdout.count("SourceNotFound") == 3
    assert "hunter2" not in done.stdout + done.stderr
    assert "someone" not in done.stdout + done.stderr


def test_options_in_the_environment_are_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
    monkeypatch.setenv(name, "user_agent;edge")
    with ffmpeg_options("udp", 1), ffmpeg_options("udp", 1):
        assert os.environ[name].startswith("user_agent;edge|rtsp_transport;udp|protocol_whitelist;")
        with pytest.raises(SourceTimeout, match="another transport"), ffmpeg_options("", 0.01):
            pass
    assert os.environ[name] == "user_agent;edge"


def _wait_for_fault(source: LiveFrames, fault: str, patience_s: float = 20.0) -> None:
    give_up = time.monotonic() + patience_s
    while not source.faults.get(fault):
        assert time.monotonic() < give_up, source.faults
        try:
            source.read(0.05)
        except SourceTimeout:
            pass


def _udp_sockets() -> int:
    """How many this process holds."""
    links = [os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
    ours = {os.readlink(link)[8:-1] for link in links if os.path.lexists(link)}
    lines = (
        Path("/proc/net/udp").read_text().splitlines()[1:]
        + Path("/proc/net/udp6").read_text().splitlines()[1:]
    )
    return sum(line.split()[9] in ours for line in lines)
