"""Chains on streams: what the ledger says of them, beside others, cancelled, failing, closed, in a forked child."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from disc_chain import AROUND, NEXT, Disc, Load, Watched, drawn, frame
from fake_session import FakeSession

import edgemm
from edgemm.errors import DelegateFailed, InputError
from edgemm.media import Frame
from edgemm.session import NO_CLOCK
from edgemm.stream.stream import Stream

pytestmark = pytest.mark.device

DISCS = (Disc(0, 60, 60), Disc(1, 190, 120))


class Ticking:
    """A clock that moves by 3 microseconds whenever it is looked at, and when it is told to."""

    def __init__(self) -> None:
        self.ns = 10_000_000

    def now_ns(self) -> int:
        self.ns += 3_000
        return self.ns

    def pass_ms(self, ms: float) -> None:
        self.ns += round(ms * 1e6)


class Frames:
    """Frames of a clip, captured when they are read."""

    uri, modality, live = "clip:", "image", False

    def __init__(self, count: int, now_ns: Any, frames: Any = None) -> None:
        self._left = iter(range(count))
        self._now_ns, self._frames = now_ns, frames

    def read(self, timeout_s: float | None = None) -> Frame | None:
        at = next(self._left, None)
        if at is None:
            return None
        pixels = drawn(DISCS) if self._frames is None else self._frames(at)
        return Frame(pixels, self._now_ns(), at)

    def close(self) -> None: ...

    def __enter__(self) -> Frames:
        return self

    def __exit__(self, *error: object) -> None: ...


def clip(count: int, now_ns: Any) -> Any:
    return Frames(count, now_ns)


then: Any = edgemm.Model.then
"""Of models that are watched too."""


def chain_of_three(network: Load, before: Any = lambda name: None, **track: Any) -> Any:
    models = [Watched(name, network(name), before) for name in ("discs", "shape", "color")]
    detector, shape, color = models
    chain = then(detector, AROUND, shape, **track)
    return chain.then(NEXT, color), models


def test_stage_times_sum_to_the_age_within_one_percent(network: Load) -> None:
    time = Ticking()
    chain, _ = chain_of_three(network, lambda name: time.pass_ms({"discs": 9, "shape": 4, "color": 2}[name]))
    source = clip(20, time.now_ns)
    with Stream(chain.session(), source, edgemm.Budget(), now_ns=time.now_ns) as stream:
        items = list(stream)
    assert len(items) == 20
    for item in items:
        assert sum(item.stages_ms.values()) == pytest.approx(item.age_ms, rel=0.01)
        assert list(item.stages_ms) == [
            "wait", "chain", "detection.preprocess", "detection.infer", "detection.decode", "landmarks.preprocess",
            "landmarks.infer", "landmarks.decode", "classification.preprocess", "classification.infer",
            "classification.decode",
        ]  # fmt: skip
        assert item.age_ms > 9 + 2 * (4 + 2)
    summary = stream.ledger.summary()
    assert (summary["captured"], summary["delivered"], summary["in_flight"], summary["results"]) == (
        20,
        20,
        0,
        20,
    )
    assert summary["stages_ms"].keys() == items[0].stages_ms.keys()


def test_a_frame_without_the_detector_has_no_times_of_it(network: Load) -> None:
    chain, _ = chain_of_three(network, track=edgemm.Track(NEXT, every_s=None))
    time = Ticking()
    with Stream(chain.session(), clip(3, time.now_ns), edgemm.Budget(), now_ns=time.now_ns) as stream:
        items: list[Any] = list(stream)
    assert [item.value.detected for item in items] == [True, False, False]
    assert ["detection.infer" in item.stages_ms for item in items] == [True, False, False]
    assert all("landmarks.infer" in item.stages_ms for item in items)


def test_real_models_on_a_real_source(network: Load, tmp_path: Path) -> None:
    import cv2

    film = cv2.VideoWriter(str(tmp_path / "clip.avi"), cv2.VideoWriter.fourcc(*"FFV1"), 20, (256, 192))
    for at in range(12):
        film.write(drawn([Disc(0, 60 + 2 * at, 60), Disc(1, 190, 120)])[..., ::-1])
    film.release()
    chain = network("discs").then(AROUND, network("shape"), track=edgemm.Track(NEXT))
    out = tmp_path / "out.avi"
    from edgemm.sinks import open_sinks

    with (
        edgemm.open_source(str(tmp_path / "clip.avi")) as source,
        chain.stream(source) as stream,
        open_sinks([str(out)], source=source) as sinks,
    ):
        scenes = []
        for item in stream:
            sinks.wait_for_room(5)
            sinks.put("", item)
            scenes.append(item.value)
    assert [each.detected for each in scenes] == [at in (0, 10) for at in range(12)]
    assert {each.track for scene in scenes for each in scene.things} == {1, 2}
    saved = edgemm.open_source(str(out))
    first: Any = saved.read()
    saved.close()
    assert first.pixels.shape == (192, 256, 3)
    assert np.abs(first.pixels.astype(int) - drawn([Disc(0, 60, 60), Disc(1, 190, 120)])).max() > 100, (
        "drawn on"
    )


def test_beside_others_in_a_runner_within_its_threads(network: Load) -> None:
    working, most, lock = 0, 0, threading.Lock()

    def at_work(name: str) -> None:
        nonlocal most
        with lock:
            most = max(most, working)

    class Counted(Watched):
        def session(self, **options: Any) -> Any:
            session = super().session(**options)
            for verb in ("feed", "look"):
                setattr(session, verb, self.counted(getattr(session, verb)))
            return session

        def counted(self, run: Any) -> Any:
            def counting(*arguments: Any) -> Any:
                nonlocal working
                with lock:
                    working += 1
                try:
                    return run(*arguments)
                finally:
                    with lock:
                        working -= 1

            return counting

    detector, shape = (Counted(name, network(name), at_work) for name in ("discs", "shape"))
    chain = then(detector, AROUND, shape, track=edgemm.Track(NEXT))
    alone = Counted("alone", network("color"), at_work)
    now = Ticking().now_ns
    with edgemm.Runner(threads=1) as runner:
        runner.add("one", chain, clip(15, now))
        runner.add("two", chain, clip(15, now), options={"classes": "green"})
        runner.add("three", alone, clip(15, now))
        found: dict[str, list[Any]] = {"one": [], "two": [], "three": []}
        for name, item in runner:
            found[name].append(item.value)
    assert {name: len(each) for name, each in found.items()} == {"one": 15, "two": 15, "three": 15}
    assert {len(each.things) for each in found["one"]} == {2}
    assert {tuple(thing.label for thing in each.things) for each in found["two"]} == {("green",)}
    assert most == 1
    assert (detector.open_sessions, shape.open_sessions, alone.open_sessions) == (0, 0, 0)


@pytest.mark.parametrize("stage", ["discs", "shape", "color"])
def test_a_cancelled_frame_gives_nothing_and_the_next_one_all(network: Load, stage: str) -> None:
    def before(name: str) -> None:
        if name == cancelled_at:
            session.cancel()

    cancelled_at = ""
    chain, _ = chain_of_three(network, before, track=edgemm.Track(NEXT, every_s=0.0))
    session = chain.session()
    (first,) = session.feed(frame(DISCS, 0.0), NO_CLOCK)
    cancelled_at = stage
    assert list(session.feed(frame(DISCS, 0.03), NO_CLOCK)) == []
    cancelled_at = ""
    (third,) = session.feed(frame(DISCS, 0.06), NO_CLOCK)
    assert (
        [each.track for each in third.value.things] == [each.track for each in first.value.things] == [1, 2]
    )
    session.close()


@pytest.mark.parametrize("stage", ["discs", "shape", "color"])
def test_a_frame_that_fails_is_dropped_and_what_was_tracked_is_forgotten(network: Load, stage: str) -> None:
    runs: dict[str, int] = {}

    def before(name: str) -> None:
        runs[name] = runs.get(name, 0) + 1
        if name == stage and runs[name] == 3:
            raise DelegateFailed("on purpose")

    chain, _ = chain_of_three(network, before, track=edgemm.Track(NEXT, every_s=0.0))
    time, scenes = Ticking(), []
    with Stream(chain.session(), clip(6, time.now_ns), edgemm.Budget(), now_ns=time.now_ns) as stream:
        for _ in range(7):
            try:
                item: Any = next(stream, None)
            except DelegateFailed:
                continue
            if item is not None:
                scenes.append(item.value)
        summary = stream.ledger.summary()
    assert (summary["captured"], summary["delivered"], summary["dropped"]) == (6, 5, {"failed": 1})
    tracks = [tuple(thing.track for thing in each.things) for each in scenes]
    before_it = {"discs": 2, "shape": 1, "color": 1}[stage]
    assert tracks[:before_it] == [(1, 2)] * before_it
    assert tracks[before_it:] == [(3, 4)] * (5 - before_it)


def test_all_sessions_are_closed_with_it(network: Load) -> None:
    chain, models = chain_of_three(network, track=edgemm.Track(NEXT))
    session = chain.session()
    list(session.feed(frame(DISCS), NO_CLOCK))
    assert [each.open_sessions for each in models] == [1, 1, 1]
    session.close()
    session.close()
    assert [each.open_sessions for each in models] == [0, 0, 0]


def test_what_answered_single_pictures_is_closed_too(network: Load) -> None:
    chain, models = chain_of_three(network)
    chain(drawn(DISCS))
    chain(drawn(DISCS))
    assert [each.open_sessions for each in models] == [1, 1, 1]
    chain.close()
    assert [each.open_sessions for each in models] == [0, 0, 0]


def test_what_cannot_begin_leaves_nothing_open(network: Load) -> None:
    chain, models = chain_of_three(network)
    models[2].model.close()
    with pytest.raises(InputError, match="closed"):
        chain.session()
    assert [each.open_sessions for each in models[:2]] == [0, 0]


def test_a_model_that_cannot_stand_behind_a_crop_is_refused(network: Load) -> None:
    class Blind(Watched):
        def session(self, **options: Any) -> Any:
            return FakeSession()

    chain = network("discs").then(AROUND, Blind("blind", network("color"), lambda name: None))
    with pytest.raises(
        InputError, match="then: expected a model of one file that takes pictures behind a crop, found"
    ):
        chain.session()


def test_filters_in_front_of_a_chain(network: Load) -> None:
    chain = network("discs").then(AROUND, network("color"))
    filtered = edgemm.Filter("invert", "invert").then(chain)
    found: Any = filtered(drawn(DISCS))
    assert found.to_json() == chain(drawn(DISCS)).to_json()


def _in_child(chain: Any, session: Any, pipe: Any) -> None:
    said = []
    for use in (
        lambda: chain(drawn(DISCS)),
        chain.session,
        lambda: list(session.feed(frame(DISCS), NO_CLOCK)),
    ):
        try:
            use()
            said.append("worked")
        except InputError as error:
            said.append(str(error))
    pipe.send(said)


def test_a_forked_child_is_refused(network: Load) -> None:
    chain = network("discs").then(AROUND, network("shape"), track=edgemm.Track(NEXT))
    session = chain.session()
    list(session.feed(frame(DISCS), NO_CLOCK))
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=_in_child, args=(chain, session, there))
    child.start()
    assert here.poll(20)
    said = here.recv()
    child.join()
    assert all("was made before this process was forked" in each for each in said), said
    assert list(session.feed(frame(DISCS, 0.03), NO_CLOCK)), "here it goes on"


def test_steady_state_costs_no_memory(network: Load) -> None:
    import tracemalloc

    chain = network("discs").then(AROUND, network("shape"), track=edgemm.Track(NEXT, every_s=0.0))
    session = chain.session()
    frames: Iterator[Frame] = (frame(DISCS, at / 30, at) for at in range(40))
    kept = list(frames)
    for each in kept[:20]:
        list(session.feed(each, NO_CLOCK))
    tracemalloc.start()
    try:
        for each in kept[20:]:
            list(session.feed(each, NO_CLOCK))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 48 * 64 * 3 * 4, "bytes of the detector's input"
