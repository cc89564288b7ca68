"""Closes from another thread at random moments: no exception, no abort, no thread and no descriptor left."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import random
import sys
import threading
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from fake_session import FakeSession, emitted
from needs import needs

import edgemm
from edgemm.app.recipe import AppRecipe, StreamRecipe
from edgemm.app.service import Service
from edgemm.capture.files.paced import PacedSource
from edgemm.capture.files.recordings import RecordingSource
from edgemm.capture.live.grabber import Shot
from edgemm.capture.live.live_frames import LiveFrames
from edgemm.capture.share.shared import SharedSource
from edgemm.media import AudioBlock, Captured, Color, Frame
from edgemm.opencv import opencv
from edgemm.results import Embedding
from edgemm.stream.budget import Budget
from edgemm.stream.runner import Runner
from edgemm.stream.stream import Stream

pytestmark = pytest.mark.device

WAIT_S = 20
ASSETS = Path(__file__).resolve().parents[1] / "assets"
CARD = {
    "schema": "edgemm.card/1", "name": "quadrant", "task": "classification", "labels": ["a", "b", "c", "d"],
    "inputs": [{"modality": "image", "image": {"color": "gray", "resize": "stretch"}}],
    "outputs": [{"decode": "probabilities"}],
}  # fmt: skip


class Ticks:
    """Live grey pixels, one a tenth of a millisecond or so."""

    uri = "ticks"
    modality: Literal["image", "audio", "text"] = "image"

    def __init__(self, *, live: bool = True) -> None:
        self.live = live
        self.stop = threading.Event()
        self.number = 0

    def read(self, timeout_s: float | None = None) -> Frame | None:
        if self.stop.wait(0.0001):
            return None
        self.number += 1
        return Frame(np.zeros((2, 2), np.uint8), time.monotonic_ns(), self.number - 1, "gray")

    def close(self) -> None:
        self.stop.set()

    def __enter__(self) -> Any: ...
    def __exit__(self, *error: object) -> None: ...


class Echo(FakeSession):
    """A session that says that it was fed after it was closed."""

    def __init__(self) -> None:
        self.closed = False

    def feed(self, captured: Captured, clock: Any) -> Any:
        assert not self.closed
        clock.start("infer")
        clock.stop()
        return (emitted(captured, Embedding(np.zeros(1, np.float32))),)

    def reset(self) -> None: ...

    def close(self) -> None:
        assert not self.closed
        self.closed = True


class Model:
    def session(self) -> Echo:
        return Echo()


class Shots:
    """A driver that gives pictures as fast as it is asked."""

    color: Color = "gray"

    def open(self) -> str:
        return "2x2"

    def grab(self) -> Shot:
        time.sleep(0.0001)
        return Shot(np.zeros((2, 2), np.uint8), time.monotonic_ns())

    def close(self) -> None: ...


def balanced(summary: dict[str, Any]) -> None:
    settled = summary["delivered"] + sum(summary["dropped"].values())
    assert summary["captured"] == settled + summary["in_flight"], summary


class Case:
    """Something that iterates, and something to close it with."""

    def __init__(self, draw: random.Random, folder: Path) -> None:
        self.draw, self.files = draw, [str(folder / "s.wav")]
        self.picture, self.card = f"{folder / 'grey.png'}?loop=1&fps=500", str(folder / "card.json")

    def model(self) -> Any:
        return edgemm.load(ASSETS / "bright.onnx", card=CARD)

    def live_frames(self) -> tuple[Callable[[], object], list[Callable[[], object]]]:
        frames = LiveFrames("shots", Shots)

        def read() -> None:
            while frames.read(WAIT_S) is not None:
                pass

        return read, [frames.close]

    def service(self) -> tuple[Callable[[], object], list[Callable[[], object]]]:
        recipe = StreamRecipe(
            str(ASSETS / "bright.onnx"), self.picture, card=self.card, live=self.draw.random() < 0.5
        )
        service = Service(AppRecipe({"a": recipe, "b": recipe}))
        return lambda: service.run(lambda name, item: None), [service.close, *self.maybe(service.stop)]

    def stream(self) -> tuple[Callable[[], object], list[Callable[[], object]]]:
        source = Ticks(live=self.draw.random() < 0.8)
        budget = Budget(policy=self.draw.choice(["auto", "all", "newest"]))
        stream = Stream(Echo(), source, budget, owns_source=self.draw.random() < 0.5)

        def iterate() -> None:
            for _ in stream:
                balanced(stream.ledger.summary())

        def close() -> None:
            stream.close()
            summary = stream.ledger.summary()
            balanced(summary)
            assert summary["in_flight"] == 0

        return iterate, [close, *self.maybe(source.close)]

    def async_stream(self) -> tuple[Callable[[], object], list[Callable[[], object]]]:
        stream = Stream(Echo(), Ticks(), Budget(policy=self.draw.choice(["auto", "all"])))

        async def iterate() -> int:
            return len([item async for item in stream])

        return lambda: asyncio.run(iterate()), [stream.close]

    def runner(self) -> tuple[Callable[[], object], list[Callable[[], object]]]:
        runner, source = Runner(threads=2), Ticks()
        last = self.draw.randrange(30)

        def on_item(item: Any) -> None:
            if item.sequence == last:
                runner.close()

        for number in range(self.draw.randrange(1, 4)):
            shared = source if self.draw.random() < 0.5 else Ticks()
            runner.add(str(number), Model(), shared, on_item=self.draw.choice([None, on_item]))
        return lambda: sum(1 for _ in runner), [runner.close, *self.maybe(source.close)]

    def taps(self) -> tuple[Callable[[], object], list[Callable[[], object]]]:
        shared = SharedSource(Ticks(live=self.draw.random() < 0.5))
        mine, other = shared.tap(), shared.tap()

        def read() -> None:
            while mine.read(1) is not None:
                other.read_waiting()

        return read, [mine.close, *self.maybe(other.close)]

    def recording(self) -> tuple[Callable[[], object], list[Callable[[], object]]]:
        source: Any = RecordingSource("speech", self.files, block_ms=1, loop=True)
        if self.draw.random() < 0.5:
            source = PacedSource(source)

        def read() -> None:
            while isinstance(source.read(), AudioBlock):
                pass

        return read, [source.close]

    def real_model(self) -> tuple[Callable[[], object], list[Callable[[], object]]]:
        """A model in its runtime: whoever uses it after it was closed gets an error in words."""
        model = self.model()
        stream, session = model.stream(Ticks()), model.session()
        picture = np.zeros((2, 2), np.uint8)

        def use() -> None:
            try:
                for item in stream:
                    model(picture)
                    for _ in session.feed(item.frame, stream._timer):
                        pass
            except edgemm.InputError as error:
                assert "is closed" in str(error)  # noqa: PT017 - which error it is depends on the moment

        return use, [stream.close, *self.maybe(model.close), *self.maybe(session.close)]

    def maybe(self, close: Callable[[], object]) -> list[Callable[[], object]]:
        return [close] if self.draw.random() < 0.5 else []


KINDS = ["stream", "async_stream", "runner", "taps", "recording", "live_frames", "real_model", "service"]
SLOW = ("real_model", "service")


def one_round(case: Case, kind: str, draw: random.Random, wrong: list[object]) -> None:
    use, closes = getattr(case, kind)()

    def guarded(action: Callable[[], object], wait_s: float) -> None:
        try:
            time.sleep(wait_s)
            action()
        except BaseException as error:  # noqa: BLE001 - looked at below
            wrong.append((kind, error))

    after_s = draw.choice([0, 0, 1e-4, 5e-4, 2e-3]) * draw.random()
    jobs = [(use, 0.0)] + [(close, after_s * draw.random()) for close in closes * draw.choice([1, 2])]
    draw.shuffle(jobs)
    threads = [threading.Thread(target=guarded, args=job, daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
        assert not thread.is_alive(), kind
    for close in closes:
        close()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def ours() -> list[str]:
    until = time.monotonic() + WAIT_S
    while found := [each.name for each in threading.enumerate() if each.name.startswith("edgemm")]:
        if time.monotonic() > until:
            return found
        time.sleep(0.01)
    return []


@pytest.mark.parametrize("kind", KINDS)
def test_closes_at_random_moments(
    kind: str, rounds: Callable[[int, int], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind in SLOW:
        pytest.importorskip("onnxruntime")
        monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "1")
    with wave.open(str(tmp_path / "s.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(1600))
    (tmp_path / "card.json").write_text(json.dumps(CARD))
    needs(opencv).imwrite(str(tmp_path / "grey.png"), np.zeros((2, 2), np.uint8))
    draw = random.Random(KINDS.index(kind))
    case = Case(draw, tmp_path)
    wrong: list[object] = []
    monkeypatch.setattr(threading, "excepthook", wrong.append)
    before_s = sys.getswitchinterval()
    one_round(case, kind, draw, wrong)  # what is loaded once is loaded
    gc.collect()
    open_before, count = descriptors(), rounds(5000 // len(KINDS) + 1, 12 if kind in SLOW else 60)
    for number in range(count):
        sys.setswitchinterval(1e-5 if kind != "runner" and number % 2 else before_s)
        one_round(case, kind, draw, wrong)
    sys.setswitchinterval(before_s)
    assert wrong == []
    assert ours() == []
    gc.collect()
    assert descriptors() <= open_before
