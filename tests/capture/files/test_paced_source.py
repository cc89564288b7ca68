"""Files that play in real time, by a clock that the test moves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest

from edgemm.capture import open_source
from edgemm.capture.files.paced import PacedSource
from edgemm.capture.files.pictures import PictureSource
from edgemm.capture.files.recordings import RecordingSource
from edgemm.capture.files.video import VideoSource
from edgemm.errors import SourceTimeout
from edgemm.media import AudioBlock, Captured, Frame

pytestmark = pytest.mark.device

MS = 1_000_000


class Time(Protocol):
    ns: int
    waits: list[float]

    def now_ns(self) -> int: ...
    def wait(self, seconds: float) -> bool: ...
    def pass_ms(self, ms: float) -> None: ...


def everything(source: PacedSource) -> Iterator[Captured]:
    while (item := source.read()) is not None:
        yield item


def reel(folder: Path, time: Time, fps: float = 10) -> PacedSource:
    paths = sorted(str(path) for path in folder.iterdir())
    return PacedSource(PictureSource(str(folder), paths, fps=fps), now_ns=time.now_ns, wait=time.wait)


def test_pictures_come_when_they_are_due(pictures: Callable[..., Path], fake_time: Time) -> None:
    source = reel(pictures(4), fake_time)
    start = fake_time.ns
    seen = [(frame.captured_ns - start, fake_time.ns - start) for frame in everything(source)]
    assert seen == [(n * 100 * MS, n * 100 * MS) for n in range(4)]
    assert source.live


def test_a_late_reader_gets_the_newest_picture_and_the_rest_is_lost(
    pictures: Callable[..., Path], fake_time: Time
) -> None:
    source = reel(pictures(8), fake_time)
    first = source.read()
    fake_time.pass_ms(350)
    second = source.read()
    assert isinstance(first, Frame)
    assert isinstance(second, Frame)
    assert (first.sequence, second.sequence) == (0, 3)
    assert fake_time.ns - second.captured_ns == 50 * MS
    assert source.lost == {"overrun": 2}


def test_pictures_that_went_by_at_the_end_are_lost_too(
    pictures: Callable[..., Path], fake_time: Time
) -> None:
    source = reel(pictures(5), fake_time)
    source.read()
    fake_time.pass_ms(10_000)
    assert source.read() is None
    assert source.lost == {"overrun": 4}


def test_losses_of_the_file_are_told_as_well(pictures: Callable[..., Path], fake_time: Time) -> None:
    folder = pictures(3)
    (folder / "1.png").write_bytes(b"no picture")
    source = reel(folder, fake_time)
    frames = list(everything(source))
    assert [frame.captured_ns - frames[0].captured_ns for frame in frames] == [0, 200 * MS]
    assert source.lost == {"unreadable": 1}


def test_a_video_plays_at_its_own_rate(video: Callable[..., Path], fake_time: Time) -> None:
    inner = VideoSource("walk", str(video(5)))
    with PacedSource(inner, now_ns=fake_time.now_ns, wait=fake_time.wait) as source:
        times = [frame.captured_ns for frame in everything(source)]
    assert np.diff(times).tolist() == [40 * MS] * 4


def test_a_block_is_due_when_its_last_sample_is_heard(
    recording: Callable[..., Path], fake_time: Time
) -> None:
    path = str(recording(np.arange(200)))
    inner = RecordingSource(path, [path], block_ms=10)
    source = PacedSource(inner, now_ns=fake_time.now_ns, wait=fake_time.wait)
    start = fake_time.ns
    seen = [(block.captured_ns - start, fake_time.ns - start) for block in everything(source)]
    assert seen == [(0, 10 * MS), (10 * MS, 20 * MS), (20 * MS, 25 * MS)]


def test_no_sample_is_lost_by_a_late_reader(recording: Callable[..., Path], fake_time: Time) -> None:
    path = str(recording(np.arange(240)))
    inner = RecordingSource(path, [path], block_ms=10)
    source = PacedSource(inner, now_ns=fake_time.now_ns, wait=fake_time.wait)
    source.read()
    fake_time.pass_ms(5000)
    rest = [block for block in everything(source) if isinstance(block, AudioBlock)]
    assert [(block.position, block.gap_samples) for block in rest] == [(80, 0), (160, 0)]
    assert source.lost == {}


def test_nothing_due_in_time_is_a_timeout_and_loses_nothing(
    pictures: Callable[..., Path], fake_time: Time
) -> None:
    source = reel(pictures(2), fake_time)
    source.read()
    with pytest.raises(SourceTimeout, match=r"0\.03 s"):
        source.read(0.03)
    frame = source.read(1.0)
    assert isinstance(frame, Frame)
    assert frame.sequence == 1


def test_close_wakes_a_reader_that_waits(pictures: Callable[..., Path]) -> None:
    source = open_source(f"{pictures(2)}?fps=0.1", pace="live")
    assert source.read() is not None
    found: list[object] = []
    reader = threading.Thread(target=lambda: found.append(source.read()))
    reader.start()
    source.close()
    reader.join(5)
    assert found == [None]


def test_a_live_file_really_takes_its_time(recording: Callable[..., Path]) -> None:
    import time

    with open_source(recording(np.zeros(800)), pace="live") as source:
        begun = time.monotonic()
        blocks = [source.read() for _ in range(6)]
        took = time.monotonic() - begun
    assert blocks[4] is not None
    assert blocks[5] is None
    assert took >= 0.1  # 800 samples at 8 kHz; how much longer is the machine's affair
