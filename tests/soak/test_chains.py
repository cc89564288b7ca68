"""Chains of three under random faults: whatever fails, is cancelled, lost or missing, the account is right."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from disc_chain import AROUND, NEXT, Disc, Load, Watched, drawn, network

import edgemm
from edgemm.errors import DelegateFailed, EdgemmError
from edgemm.media import Frame
from edgemm.stream.stream import Stream

pytestmark = pytest.mark.device
__all__ = ["network"]

Rounds = Callable[[int, int], int]
FRAMES = 60
then: Any = edgemm.Model.then


class Time:
    """Moves when it is looked at, a little, and when it is told to."""

    def __init__(self) -> None:
        self.ns = 1_000_000_000

    def now_ns(self) -> int:
        self.ns += 1_000
        return self.ns

    def pass_ms(self, ms: float) -> None:
        self.ns += round(ms * 1e6)


class Film:
    """Frames with discs that move, vanish and come back; frames of other sizes and colours, and frames of nothing."""

    uri, modality, live = "film:", "image", False

    def __init__(self, draw: random.Random, time: Time) -> None:
        self._draw, self._time, self._at = draw, time, 0

    def read(self, timeout_s: float | None = None) -> Frame | None:
        if self._at == FRAMES:
            return None
        draw, at = self._draw, self._at
        self._at += 1
        self._time.pass_ms(draw.choice([33, 33, 33, 900, 1500]))
        discs = [
            Disc(color, 40 + 60 * color + 20 * np.sin(at / 6), 60 + 3 * at % 90, draw.choice([9, 12, 12, 16]))
            for color in range(3)
            if draw.random() < 0.85
        ]
        size_wh = draw.choice([(256, 192)] * 12 + [(128, 96), (1, 1), (400, 30)])
        color: Any = draw.choice(["rgb", "bgr", "gray"])
        origin = draw.choice(["one"] * 20 + ["other"])
        captured_ns = self._time.now_ns() - draw.choice([0, 0, 0, 40_000_000])
        return Frame(drawn(discs, size_wh, color), captured_ns, at, color, origin)

    def close(self) -> None: ...

    def __enter__(self) -> Film:
        return self

    def __exit__(self, *error: object) -> None: ...


class Faults:
    """What happens before each run of a model."""

    def __init__(self, draw: random.Random, time: Time) -> None:
        self._draw, self._time = draw, time
        self.fails, self.cancels = draw.choice([0, 0.02, 0.2]), draw.choice([0, 0.02, 0.2])
        self.stream: Any = None
        self.looked_at = 0

    def __call__(self, name: str) -> None:
        balanced(self.stream.ledger.summary())
        self.looked_at += 1
        self._time.pass_ms(self._draw.random() * 20)
        if self._draw.random() < self.cancels:
            self.stream.cancel()
        if self._draw.random() < self.fails:
            raise DelegateFailed("on purpose")


def balanced(summary: dict[str, Any]) -> None:
    lost = sum(summary["dropped"].values())
    assert summary["captured"] == summary["delivered"] + lost + summary["in_flight"]
    assert min(summary["delivered"], summary["in_flight"], lost) >= 0


def some_chain(network: Load, draw: random.Random, faults: Faults) -> tuple[Any, list[Watched]]:
    models = [Watched(name, network(name), faults) for name in ("discs", "shape", "color")]
    detector, shape, color = models
    crop = edgemm.Crop(
        margin=1.6, square=True, at_most=draw.choice([None, 1, 2, 3]), min_score=draw.choice([0, 0.8])
    )
    track = smooth = None
    if draw.random() < 0.75:
        steady = draw.choice([None, edgemm.Smooth(0.5, 5.0)])
        track = edgemm.Track(
            NEXT, every_s=draw.choice([None, 0.0, 0.3]), gap_s=draw.choice([0.1, 2.0]), smooth=steady
        )
        smooth = draw.choice([None, edgemm.Smooth()])
    chain = then(detector, crop, shape, track=track, smooth=smooth)
    return chain.then(draw.choice([AROUND, NEXT]), color), models


def run(network: Load, seed: int) -> int:
    """One stream to its end; how many results there were."""
    draw, time = random.Random(seed), Time()
    faults = Faults(draw, time)
    chain, models = some_chain(network, draw, faults)
    max_age_ms = draw.choice([None, 25])
    drops = max_age_ms is not None and draw.random() < 0.5
    budget = edgemm.Budget(max_age_ms, "all", "drop" if drops else "deliver")
    source: Any = Film(draw, time)
    seen, ended = 0, False
    numbers: set[int] = set()
    with Stream(chain.session(), source, budget, now_ns=time.now_ns) as faults.stream:
        stream: Any = faults.stream
        while not ended:
            item: Any = stream
            with suppress(EdgemmError):
                item = next(stream, None)
            ended = item is None
            balanced(stream.ledger.summary())
            if not ended and item is not stream:
                seen += 1
                assert sum(item.stages_ms.values()) == pytest.approx(item.age_ms, rel=0.01, abs=0.05)
                scene = item.value
                tracks = [thing.track for thing in scene.things]
                assert scene.detected or all(track is not None for track in tracks)
                assert len(set(tracks)) == len(tracks) or None in tracks
                assert not numbers & set(scene.lost), "what was lost was lost once"
                numbers |= set(scene.lost)
                for thing in scene.things:
                    assert np.isfinite(thing.quad_xy).all()
                    assert np.isfinite(thing.box_xyxy).all()
                item.to_json()
    summary = stream.ledger.summary()
    balanced(summary)
    assert (summary["captured"], summary["in_flight"]) == (FRAMES, 0)
    assert seen == summary["results"] == summary["delivered"]
    assert [each.open_sessions for each in models] == [0, 0, 0]
    assert faults.looked_at >= seen
    return seen


def test_the_account_is_right_whatever_happens(network: Load, rounds: Rounds) -> None:
    loaded = {name: network(name) for name in ("discs", "shape", "color")}
    seen = [run(loaded.__getitem__, seed) for seed in range(rounds(400, 5))]
    assert sum(seen) > 0.2 * FRAMES * len(seen)
    assert min(seen) < FRAMES
