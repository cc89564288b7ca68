"""One model of a chain behind the first, what its session must be able to do, and the names of its times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from edgemm.chain.crop import Crop
from edgemm.chain.smooth import Smooth
from edgemm.chain.track import Track
from edgemm.media import Frame
from edgemm.preprocess.view import Region
from edgemm.results import Landmarks, Result
from edgemm.session import NO_CLOCK, Session, StageClock

CHAIN = "chain"
"""The stage of what lies between the models: cropping, following, smoothing."""


@runtime_checkable
class Looks(Protocol):
    """A session of a model that can stand behind a crop. Exists so that a crop is never copied."""

    def look(self, frame: Frame, region: Region, clock: StageClock = NO_CLOCK) -> Result:
        """The result of a part of a frame, in pixels of the frame."""


@runtime_checkable
class LooksAtPoints(Protocol):
    """A session of a model that takes the points of one thing, frame after frame."""

    def look_at(self, landmarks: Landmarks, size_wh: tuple[int, int], clock: StageClock = NO_CLOCK) -> Result:
        """The result of these points and those before, in a frame of this size."""


class HasSession(Protocol):
    """What a chain asks of a model."""

    def session(self) -> Session:
        """A new stream's private state."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One model of a chain behind the first."""

    name: str
    """Of its results, and before those of its stages in the ledger."""
    model: HasSession
    crop: Crop | None
    """None: it takes the points of the stage before."""
    track: Track | None = None
    smooth: Smooth | None = None


class StageNames:
    """A `StageClock` that puts a name before each stage: "landmarks.infer". Where a model stops, the chain's own time
    begins, so that none is lost between two models."""

    def __init__(self, name: str) -> None:
        self._head = f"{name}."
        self._clock: StageClock = NO_CLOCK
        self._names: dict[str, str] = {}

    def on(self, clock: StageClock) -> StageNames:
        """Takes the time with this clock from now on."""
        self._clock = clock
        return self

    def start(self, stage: str) -> None:
        """Begins a stage of this model."""
        named = self._names.get(stage)
        if named is None:
            named = self._names[stage] = self._head + stage
        self._clock.start(named)

    def stop(self) -> None:
        """The model has done its part."""
        self._clock.start(CHAIN)
