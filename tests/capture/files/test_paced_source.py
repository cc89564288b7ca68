"""Files that play in real time, by a clock that the test moves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
from needs import needs

from edgemm.capture import open_source
from edgemm.capture.files.frame_times import FrameTimes
from edgemm.capture.files.paced import PacedSource
from edgemm.capture.files.pictures import PictureSource
from edgemm.capture.files.recordings import RecordingSource
from edgemm.capture.files.video import VideoSource
from edgemm.errors import SourceTimeout
from edgemm.media import AudioBlock, Captured, Frame
from edgemm.opencv import opencv

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


TIMES_MS = [0, 40, 80, 500, 540, 2000, 2010, 2300]


def film(path: Path, time: Time, times_ms: list[int], **options: Any) -> PacedSource:
    from matroska import write_video

    _need_true_times()
    inner = VideoSource("film", str(write_video(path / "film.mkv", times_ms)), **options)
    return PacedSource(inner, now_ns=time.now_ns, wait=time.wait)


def _need_true_times() -> None:
    """OpenCV 4.8 tells times at the mean rate, and nobody can know when a picture was to be shown."""
    version = needs(opencv).__version__
    if tuple(map(int, version.split(".")[:2])) < (4, 10):
        pytest.skip(f"OpenCV {version} does not tell the times of a variable frame rate")


def test_a_variable_frame_rate_keeps_its_intervals(tmp_path: Path, fake_time: Time) -> None:
    needs(opencv)
    source = film(tmp_path, fake_time, TIMES_MS)
    start = fake_time.ns
    frames = [frame for frame in everything(source) if isinstance(frame, Frame)]
    assert [(frame.captured_ns - start) // MS for frame in frames] == TIMES_MS
    assert [round(frame.pixels.mean() / 10) for frame in frames] == list(range(8))
    assert source.lost == {}


def test_a_late_reader_gets_what_stands_on_the_screen_now(tmp_path: Path, fake_time: Time) -> None:
    needs(opencv)
    source = film(tmp_path, fake_time, TIMES_MS)
    start = fake_time.ns
    seen = []
    for at_ms in (0, 80, 600, 1999, 2305):
        fake_time.ns = max(fake_time.ns, start + at_ms * MS)
        frame = source.read()
        assert isinstance(frame, Frame)
        seen.append((frame.sequence, fake_time.ns - frame.captured_ns))
    assert seen == [(0, 0), (2, 0), (4, 60 * MS), (5, 0), (7, 5 * MS)]
    assert source.lost == {"overrun": 3}
    assert source.read() is None


def test_the_last_picture_before_a_long_interval_is_not_passed_over(tmp_path: Path, fake_time: Time) -> None:
    needs(opencv)
    source = film(tmp_path, fake_time, [0, 100, 200, 300, 400, 5000])
    start = fake_time.ns
    source.read()
    fake_time.pass_ms(950)
    frames = [frame for frame in everything(source) if isinstance(frame, Frame)]
    assert [(frame.sequence, (frame.captured_ns - start) // MS) for frame in frames] == [(4, 400), (5, 5000)]
    assert source.lost == {"overrun": 3}


def test_a_reel_that_is_passed_over_tells_its_moment(tmp_path: Path) -> None:
    _need_true_times()
    from matroska import write_video

    with VideoSource("film", str(write_video(tmp_path / "film.mkv", [0, 40, 500, 540]))) as reel:
        assert reel.read() is not None
        assert (reel.skip(2), reel.moment_ns) == (2, 500 * MS)


def test_a_film_that_went_by_is_lost(tmp_path: Path, fake_time: Time) -> None:
    needs(opencv)
    source = film(tmp_path, fake_time, [0, 40, 80, 120])
    source.read()
    fake_time.pass_ms(10_000)
    assert source.read() is None
    assert source.lost == {"overrun": 3}


def test_a_film_begins_again_at_its_usual_interval(tmp_path: Path, fake_time: Time) -> None:
    needs(opencv)
    source = film(tmp_path, fake_time, [0, 100, 150, 300], loop=True)  # 10 to 14 pictures a second
    start = fake_time.ns
    times = [frame.captured_ns - start for frame, _ in zip(everything(source), range(8), strict=False)]
    steps = (np.diff(times) / MS).tolist()
    assert steps[:3] == steps[4:7] == [100, 50, 150]
    assert 50 <= steps[3] <= 150


def test_a_rate_that_is_asked_for_makes_intervals_equal(tmp_path: Path, fake_time: Time) -> None:
    needs(opencv)
    times = [frame.captured_ns for frame in everything(film(tmp_path, fake_time, TIMES_MS, fps=10))]
    assert np.diff(times).tolist() == [100 * MS] * 7


@pytest.mark.parametrize(
    ("stamps_ms", "moments_ms"),
    [
        ([5, 10, 30], [0, 5, 25]),
        ([0, 50, 0, 50], [0, 50, 90, 140]),  # begun again
        ([0, 0, 0], [0, 40, 80]),  # no times in the file
        ([0, 10, float("nan"), 30], [0, 10, 50, 80]),
        ([0, 10, 9e9, 9e9 + 10], [0, 10, 50, 60]),  # a jump of months
    ],
)
def test_times_of_a_file_only_grow(stamps_ms: list[float], moments_ms: list[int]) -> None:
    times = FrameTimes(40 * MS)
    found = []
    for stamp_ms in stamps_ms:
        times.add(stamp_ms)
        found.append(times.moment_ns / MS)
    assert found == moments_ms


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
