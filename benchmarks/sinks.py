"""What saving a film costs the stream at 1280x720: processor time of the stream's own thread per result, with a film
being written against without.

The model is a blur of the whole picture, some 10 ms without Python's lock, as a runtime's. The loop puts every result
into a `VideoSink`, and never waits: what the encoder does not follow is refused and counted. The two take turns, a few
seconds each. The cost is the copy of the picture (2.8 MB); drawing and encoding are done by another thread. `wall`
counts what both threads wait for each other and for other programs: on a machine without a free core it is higher.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from fake_session import FakeSession, emitted

from edgemm.drawing import draw
from edgemm.media import Captured, Frame
from edgemm.opencv import opencv
from edgemm.results import Detections
from edgemm.session import Emission, StageClock
from edgemm.sinks import VideoSink
from edgemm.stream.stream import Stream

LIMIT = 1.15
SIZE_WH = 1280, 720
FRAMES = 100
TURNS = 5
_BLUR = 31


class Pictures:
    """A number of frames, eight different ones in turn, as fast as they are read."""

    uri = "made"
    modality: Literal["image", "audio", "text"] = "image"
    live = False

    def __init__(self, number: int) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (45, 80, 3), np.uint8)
        picture = opencv().resize(noise, SIZE_WH)
        self._pictures = [np.roll(picture, 16 * step, axis=1) for step in range(8)]
        self._number, self._next = number, 0

    def read(self, timeout_s: float | None = None) -> Frame | None:
        """The next frame, captured now."""
        number, self._next = self._next, self._next + 1
        if number >= self._number:
            return None
        return Frame(self._pictures[number % 8], time.monotonic_ns(), number, "bgr")

    def close(self) -> None:
        """Holds nothing."""

    def __enter__(self) -> Pictures:
        return self

    def __exit__(self, *error: object) -> None:
        pass


class Blur(FakeSession):
    """A model that finds three boxes everywhere."""

    _room = np.empty((SIZE_WH[1], SIZE_WH[0], 3), np.uint8)
    result = Detections(
        np.array([[100, 100, 400, 400], [300, 50, 900, 700], [600, 300, 1200, 600]], np.float32),
        np.array([0.9, 0.8, 0.7], np.float32),
        np.arange(3),
        ("person", "dog", "bicycle"),
    )

    def feed(self, captured: Captured, clock: StageClock) -> Iterator[Emission]:
        """One result per frame."""
        assert isinstance(captured, Frame)
        clock.start("infer")
        opencv().GaussianBlur(captured.pixels, (_BLUR, _BLUR), 0, dst=self._room)
        yield emitted(captured, self.result)

    def reset(self) -> None:
        """Holds nothing."""

    def close(self) -> None:
        """Holds nothing."""


def run(frames: int = FRAMES, turns: int = TURNS) -> dict[str, Any]:
    """Milliseconds per result, the whole loop counted; medians of all turns."""
    plain_ms: list[tuple[float, float]] = []
    saved_ms: list[tuple[float, float]] = []
    put_us: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(turns):
            plain_ms += _turn(frames, None, put_us)
            with VideoSink(Path(folder) / "out.mp4", existing="replace") as sink:
                saved_ms += _turn(frames, sink, put_us)
    (plain_cpu_ms, plain_wall_ms), (saved_cpu_ms, saved_wall_ms) = (
        np.median(np.array(each), axis=0).tolist() for each in (plain_ms, saved_ms)
    )
    ratio = saved_cpu_ms / plain_cpu_ms
    summary = sink.summary()
    return {
        "name": "a stream at 1280x720 with a film being written, against without: processor time of the stream",
        "ratio": ratio,
        "limit": LIMIT,
        "ok": ratio <= LIMIT,
        "details": {
            "plain_ms": plain_cpu_ms,
            "saved_ms": saved_cpu_ms,
            "plain_wall_ms": plain_wall_ms,
            "saved_wall_ms": saved_wall_ms,
            "put_p50_us": statistics.median(put_us),
            "put_p99_us": float(np.percentile(put_us, 99)),
            "draw_ms": _draw_ms(),
            "last_film": {key: summary[key] for key in ("taken", "refused", "frames", "repeated", "skipped")},
        },
    }


def _turn(frames: int, sink: VideoSink | None, put_us: list[float]) -> list[tuple[float, float]]:
    """Processor time of this thread, and wall time, of each result."""
    spent_ms = []
    with Stream(Blur(), Pictures(frames)) as stream:
        before_ns = _now_ns()
        for item in stream:
            if sink is not None:
                put_ns = time.perf_counter_ns()
                sink.put("", item)
                put_us.append((time.perf_counter_ns() - put_ns) / 1e3)
            now_ns = _now_ns()
            spent_ms.append(((now_ns[0] - before_ns[0]) / 1e6, (now_ns[1] - before_ns[1]) / 1e6))
            before_ns = now_ns
    return spent_ms


def _now_ns() -> tuple[int, int]:
    return time.thread_time_ns(), time.perf_counter_ns()


def _draw_ms() -> float:
    frame = Pictures(1).read()
    assert frame is not None
    times = []
    for _ in range(30):
        begin_ns = time.perf_counter_ns()
        draw(frame, Blur.result)
        times.append((time.perf_counter_ns() - begin_ns) / 1e6)
    return statistics.median(times)


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
