"""Two networks behind each other on a film: the detector finds digits, and the classifier looks at each by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import edgemm
from edgemm.cli.demo.live import TIMEOUT_S, LiveRun, Progress, medians
from edgemm.cli.demo.scenes import FPS, board_film, write_film
from edgemm.data.scenes import Scene
from edgemm.judge.matching import overlaps
from edgemm.sinks import VideoSink

FRAMES = 60
"""4 seconds."""
EVERY = 10
"""Of so many frames the page shows one."""
MARGIN = 1.3
"""A digit fills 20 of the 28 pixels that the classifier sees, and its box leaves a little room already."""
LEAST = 0.5
"""Intersection over union from which a thing is the true one."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How much of the truth a chain found."""

    true: int = 0
    """Digits that are there."""
    things: int = 0
    """Things that the detector found."""
    found: int = 0
    """Digits that one of the things covers."""
    read: int = 0
    """Of those that are found: the classifier behind reads them right."""
    detector: int = 0
    """Of those that are found: the detector itself names them right."""

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.true + other.true, self.things + other.things, self.found + other.found, self.read + other.read,
            self.detector + other.detector,
        )  # fmt: skip

    @property
    def right(self) -> bool:
        """All were found and read, and nothing else was found."""
        return self.true == self.things == self.read


@dataclass(frozen=True, slots=True)
class ChainRun:
    """A chain on a film whose truth is known."""

    run: LiveRun
    tally: Tally

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        t = self.tally
        told = {
            "true": t.true,
            "things": t.things,
            "found": t.found,
            "read": t.read,
            "by_detector": t.detector,
        }
        return {**self.run.to_json(), "digits": told}


def run_chain(
    detector: Path, digits: Path, budget: edgemm.Budget, folder: Path, progress: Progress
) -> ChainRun:
    """Both int8 files as a chain, on a film of light digits on a dark board, played in real time.

    Args:
        detector: finds the digits.
        digits: reads each of them.
        folder: the film and the one that is drawn on are written there.
    """
    scenes, path = board_film(FRAMES), folder / "board.avi"
    drawn = folder / "chain.drawn.webm"
    write_film(path, scenes)
    ages, stages = [], []
    shown = []
    tally = Tally()
    chain = edgemm.load(detector).then(edgemm.Crop("box", square=True, margin=MARGIN), edgemm.load(digits))
    with (
        chain,
        edgemm.open_source(str(path), pace="live") as source,
        chain.stream(source, budget=budget, timeout_s=TIMEOUT_S) as stream,
        VideoSink(drawn, fps=FPS, existing="replace") as sink,
    ):
        for item in stream:
            sink.put("", item)
            ages.append(item.age_ms)
            stages.append(joined(item.stages_ms))
            assert isinstance(item.frame, edgemm.Frame)
            assert isinstance(item.value, edgemm.Scene)
            number = item.frame.sequence
            one = tallied(item.value, scenes[number])
            tally += one
            if number % EVERY == 0:
                shown.append(
                    (edgemm.draw(item.frame, item.value), f"{one.read} of {one.true} read", one.right)
                )
            progress("detector, then digits, live", number + 1, FRAMES)
        summary = stream.ledger.summary()
    run = LiveRun(
        "detector, then digits", float(budget.max_age_ms or 0), tuple(ages), medians(stages), summary, tuple(shown),
        film=drawn,
    )  # fmt: skip
    return ChainRun(run, tally)


def joined(stages_ms: Any) -> dict[str, float]:
    """Milliseconds of each kind of stage, those of all models together: "digits.infer" is "infer"."""
    found: dict[str, float] = {}
    for name, ms in stages_ms.items():
        kind = name.rpartition(".")[2]
        found[kind] = found.get(kind, 0.0) + ms
    return found


def tallied(answer: edgemm.Scene, truth: Scene) -> Tally:
    """One frame against its truth: each true digit is looked for in the thing that covers it best."""
    true, things = len(truth.class_ids), answer.things
    if not true or not things:
        return Tally(true, len(things))
    boxes = np.array([thing.box_xyxy for thing in things], np.float64)
    shares = overlaps(truth.boxes_xyxy.astype(np.float64), boxes)
    best: Sequence[tuple[Any, str]] = [
        (things[int(row.argmax())], str(digit))
        for row, digit in zip(shares, truth.class_ids, strict=True)
        if row.max() >= LEAST
    ]
    read = sum(bool(getattr(thing.result, "label", "") == digit) for thing, digit in best)
    return Tally(true, len(things), len(best), read, sum(thing.label == digit for thing, digit in best))
