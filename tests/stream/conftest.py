"""Sessions and sources that are small and real: sums of pixels and samples, read from files."""

from __future__ import annotations

import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from fake_session import FakeSession, emitted
from needs import needs

from edgemm.capture.files.paced import PacedSource
from edgemm.capture.files.pictures import PictureSource
from edgemm.capture.files.recordings import RecordingSource
from edgemm.errors import EdgemmError
from edgemm.media import AudioBlock, Captured, Frame
from edgemm.opencv import opencv
from edgemm.results import Embedding
from edgemm.session import Emission, StageClock


class FakeTime:
    """A clock that moves only when somebody waits, or says so."""

    def __init__(self) -> None:
        self.ns = 1_000_000_000

    def now_ns(self) -> int:
        return self.ns

    def wait(self, seconds: float) -> bool:
        self.ns += round(seconds * 1e9)
        return False

    def pass_ms(self, ms: float) -> None:
        self.ns += round(ms * 1e6)


class Sums(FakeSession):
    """Adds up pixels, or the samples of windows that overlap by half; each stage takes as long as it is told.

    `before(item)` is called first and may raise.
    """

    def __init__(
        self, time: FakeTime, *, window: int = 160, before: Callable[[Captured], object] | None = None
    ):
        self.time = time
        self.window = window
        self.before = before
        self.stages_ms = {"preprocess": 1.0, "infer": 2.0, "decode": 0.5}
        self.heard: npt.NDArray[np.float32] = np.zeros(0, np.float32)
        self.resets = 0
        self.closed = 0

    def feed(self, captured: Captured, clock: StageClock) -> Iterator[Emission]:
        if self.before is not None:
            self.before(captured)
        if not isinstance(captured, AudioBlock):
            assert isinstance(captured, Frame)
            yield emitted(captured, self._sum(captured.pixels, clock))
            return
        self.heard = np.concatenate([self.heard, captured.samples])
        while len(self.heard) >= self.window:
            window, self.heard = self.heard[: self.window], self.heard[self.window // 2 :]
            yield emitted(captured, self._sum(window, clock))

    def _sum(self, values: npt.NDArray[Any], clock: StageClock) -> Embedding:
        for stage, ms in self.stages_ms.items():
            clock.start(stage)
            self.time.pass_ms(ms)
        return Embedding(np.array([values.sum(dtype=np.float64)], np.float32))

    def reset(self) -> None:
        self.heard = np.zeros(0, np.float32)
        self.resets += 1

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def sums(time: FakeTime) -> Callable[..., Sums]:
    def make(**options: Any) -> Sums:
        return Sums(time, **options)

    return make


@pytest.fixture
def pictures(tmp_path: Path, time: FakeTime) -> Callable[..., Any]:
    """A source of `count` pictures whose pixels are their number; live with `fps`."""

    cv2 = needs(opencv)

    def make(count: int, *, fps: float | None = None, loop: bool = False, bad: tuple[int, ...] = ()) -> Any:
        paths = [str(tmp_path / f"{number:04}.png") for number in range(count)]
        for number, path in enumerate(paths):
            if number in bad:
                Path(path).write_bytes(b"no picture")
            else:
                cv2.imwrite(path, np.full((1, 1), number, np.uint8))
        reel = PictureSource("pictures", paths, fps=fps, loop=loop, now_ns=time.now_ns)
        return reel if fps is None else PacedSource(reel, now_ns=time.now_ns, wait=time.wait)

    return make


@pytest.fixture
def speech(tmp_path: Path, time: FakeTime) -> Callable[..., Any]:
    """A source of recordings of so many samples at 8 kHz; live on demand."""

    def make(*lengths: int, block_ms: float = 10, live: bool = False, seed: int = 0) -> Any:
        draw = np.random.default_rng(seed)
        paths = [str(tmp_path / f"{seed}-{number}.wav") for number in range(len(lengths))]
        for path, length in zip(paths, lengths, strict=True):
            with wave.open(path, "wb") as file:
                file.setparams((1, 2, 8000, 0, "NONE", ""))
                file.writeframes(draw.integers(-1000, 1000, length).astype("<i2").tobytes())
        source = RecordingSource("speech", paths, block_ms=block_ms, now_ns=time.now_ns)
        return PacedSource(source, now_ns=time.now_ns, wait=time.wait) if live else source

    return make


@pytest.fixture
def balanced() -> Callable[[dict[str, Any]], None]:
    """Checks that nothing is unaccounted for, in items and in samples."""

    def check(summary: dict[str, Any]) -> None:
        for account in (summary, summary.get("samples", summary)):
            settled = account["delivered"] + sum(account["dropped"].values())
            assert account["captured"] == settled + account["in_flight"], summary
            assert min(account["in_flight"], account["delivered"], *account["dropped"].values(), 0) >= 0

    return check


@pytest.fixture
def failure() -> type[EdgemmError]:
    class ModelFailed(EdgemmError):
        """What a session raises in these tests."""

    return ModelFailed
