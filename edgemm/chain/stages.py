"""The models behind the first one, and what they say of one part of a frame."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np

from edgemm.chain.crop import Part
from edgemm.chain.found import around, kind_of
from edgemm.chain.step import Looks, LooksAtPoints, StageNames, Step
from edgemm.chain.track import Tracked
from edgemm.errors import InputError
from edgemm.media import Frame
from edgemm.preprocess.view import Region
from edgemm.results import Landmarks, Result, Thing
from edgemm.session import Cancellation, Session, StageClock


class Stages:
    """Sessions of all models behind the first, of one stream."""

    def __init__(self, steps: Sequence[Step], cancelled: Cancellation) -> None:
        """Begins the sessions.

        Args:
            steps: at least one; the first has a crop.
            cancelled: looked at between two models.

        Raises:
            InputError: a model cannot stand where it stands.
        """
        self._steps, self._cancelled = tuple(steps), cancelled
        self._names = [StageNames(step.name) for step in steps]
        self._sessions: list[Session] = []
        try:
            for step in self._steps:
                self._sessions.append(step.model.session())
                _require(step, self._sessions[-1])
        except BaseException:
            self.close()
            raise

    def ask(self, at: int, frame: Frame, region: Region, clock: StageClock) -> Result:
        """What the model at one place of the chain says of a part of the frame."""
        session = self._sessions[at]
        assert isinstance(session, Looks)
        return session.look(frame, region, self._names[at].on(clock))

    def behind(
        self,
        at: int,
        frame: Frame,
        before: Result,
        results: dict[str, Result],
        memory: Tracked | None,
        clock: StageClock,
    ) -> tuple[Thing, ...]:
        """What the models from one place of the chain on say behind a result.

        Args:
            results: what they say of the same thing is put in here.
            memory: of that thing; None where nothing is tracked.

        Returns:
            The things in the thing, where `before` is of a detector.
        """
        if at == len(self._steps) or self._cancelled:
            return ()
        step = self._steps[at]
        if step.crop is None:
            found = self._ask_points(at, frame, before, memory, clock)
            return () if found is None else self._more(at, frame, found, 0.0, results, memory, clock)
        parts, _ = step.crop.parts(before)
        if kind_of(before).several:
            return tuple(self._thing(at, frame, part, clock) for part in parts if not self._cancelled)
        if not parts:
            return ()
        found = self.ask(at, frame, parts[0].region, clock)
        return self._more(at, frame, found, parts[0].side, results, memory, clock)

    def put(
        self,
        at: int,
        found: Result,
        side: float,
        at_ns: int,
        results: dict[str, Result],
        memory: Tracked | None,
    ) -> None:
        """Puts a result to the others of its thing, smoothed where that is asked for.

        Raises:
            InputError: it is to be smoothed, and has no points, or belongs to nothing that is tracked.
        """
        step = self._steps[at]
        if step.smooth is not None:
            if memory is None:
                raise InputError(
                    f"smooth: expected a thing that is tracked in front of {step.name!r}, found one of several that a "
                    "detector finds in each frame anew. Leave `smooth` out of this stage"
                )
            if step.name not in memory.filters:
                memory.filters[step.name] = step.smooth.begin()
            found = memory.filters[step.name](found, at_ns, side)
        results[step.name] = found

    def cancel(self) -> None:
        """The model that runs gives up its item; from any thread."""
        for each in self._sessions:
            each.cancel()

    def reset(self) -> None:
        """What the sessions remember is forgotten."""
        for each in self._sessions:
            each.reset()

    def close(self) -> None:
        """Frees what the sessions hold."""
        with ExitStack() as closing:
            for each in self._sessions:
                closing.callback(each.close)

    def _more(
        self,
        at: int,
        frame: Frame,
        found: Result,
        side: float,
        results: dict[str, Result],
        memory: Tracked | None,
        clock: StageClock,
    ) -> tuple[Thing, ...]:
        self.put(at, found, side, frame.moment_ns, results, memory)
        return self.behind(at + 1, frame, found, results, memory, clock)

    def _thing(self, at: int, frame: Frame, part: Part, clock: StageClock) -> Thing:
        """One of several in a part of the frame."""
        results: dict[str, Result] = {}
        found = self.ask(at, frame, part.region, clock)
        things = self._more(at, frame, found, part.side, results, None, clock)
        return thing_of(part, results, things)

    def _ask_points(
        self, at: int, frame: Frame, before: Result, memory: Tracked | None, clock: StageClock
    ) -> Result | None:
        """None where the thing has no points.

        Raises:
            InputError: the result before has none at all.
        """
        step = self._steps[at]
        if not isinstance(before, Landmarks):
            raise InputError(
                f"then: expected a stage that gives points (Landmarks) in front of {step.name!r}, found "
                f"{type(before).__name__}"
            )
        if not len(before.points_xy):
            return None
        session = self._sessions[at]
        if memory is None:
            session.reset()  # what it remembers is of another thing
        else:
            if step.name not in memory.sessions:
                memory.sessions[step.name] = step.model.session()
            session = memory.sessions[step.name]
        assert isinstance(session, LooksAtPoints)
        height, width = frame.pixels.shape[:2]
        return session.look_at(before, (width, height), self._names[at].on(clock))


def thing_of(
    part: Part,
    results: dict[str, Result],
    things: tuple[Thing, ...],
    *,
    quad: Region | None = None,
    track: int | None = None,
    label: str | None = None,
) -> Thing:
    """A thing, as a result tells of it."""
    sighting = part.sighting
    return Thing(
        (quad or part.region).corners_xy,
        np.array(sighting.box or around(sighting.points_xy), np.float32),
        sighting.score,
        sighting.label if label is None else label,
        track,
        results,
        things,
    )


def _require(step: Step, session: Session) -> None:
    """Raises:
    InputError: the session cannot do what its place in the chain asks for.
    """
    if step.crop is not None and not isinstance(session, Looks):
        raise InputError(
            f"then: expected a model of one file that takes pictures behind a crop, found {type(session).__name__} of "
            f"{step.name!r}"
        )
    if step.crop is None and not isinstance(session, LooksAtPoints):
        raise InputError(
            f"then: expected a Crop and a model that takes pictures, or a model that takes points; found "
            f"{type(session).__name__} of {step.name!r} alone"
        )
