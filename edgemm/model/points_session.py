"""A session that takes the points of another model: gestures of hands, poses of bodies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from edgemm.card.model_card import InputCard
from edgemm.errors import InputError
from edgemm.media import Captured, PointSet
from edgemm.model.sessions import Engine, ModelSession
from edgemm.preprocess import compile_points
from edgemm.results import Landmarks, Result
from edgemm.session import NO_CLOCK, Emission, StageClock
from edgemm.tasks.context import Context
from edgemm.tasks.decoder import Decoder


class PointsSession(ModelSession):
    """Points in; a result as soon as there are as many items as the card's history, and then with each. Of one stream,
    or of one track of a chain."""

    takes = "points"
    modality: Literal["image", "audio", "text", "points"] = "points"

    def __init__(self, engine: Engine, decoder: Decoder, card: InputCard, index: int) -> None:
        super().__init__(engine)
        self._window = compile_points(card, engine.backend.inputs[index])
        self._index, self._decoder = index, decoder
        self._state, self._context = decoder.begin(), Context()

    def feed(self, item: Captured, clock: StageClock) -> Iterable[Emission]:
        """The results that the points of one item complete; none where it has no points.

        Raises:
            InputError: no points, or not those that the model takes.
        """
        if not isinstance(item, PointSet):
            raise InputError(
                f"the model takes {self.takes}: expected a PointSet, found {type(item).__name__}"
            )
        self._cancelled.renew()
        found = self._look(item, clock)
        at_ns = item.captured_ns
        return () if found is None or self._cancelled else [Emission(found, at_ns, at_ns)]

    def look_at(self, landmarks: Landmarks, source_wh: tuple[int, int], clock: StageClock) -> Result | None:
        """What the points of one thing make complete; None while there are too few items, or where it has no points.

        Args:
            landmarks: of a picture.
            source_wh: pixels of that picture.

        Raises:
            InputError: not the points that the model takes.
        """
        return self._look(PointSet(landmarks.points_xy, 0, 0, source_wh), clock)

    def _look(self, item: PointSet, clock: StageClock) -> Result | None:
        clock.start("preprocess")
        try:
            if not self._window.push(item.points_xy, item.source_wh):
                return None
            with self._runs.lock:
                self._window.write(self._runs.backend.input_buffer(self._index))
                at_ns = item.captured_ns
                self._context = Context(source_wh=item.source_wh, begin_ns=at_ns, end_ns=at_ns)
                outputs = self._runs.run(clock)
                return next(iter(self._decoder.decode(outputs, self._context, self._state)), None)
        finally:
            clock.stop()

    def finish(self, clock: StageClock) -> Iterable[Emission]:
        """What the decoder has still to say of the items before."""
        at_ns = self._context.end_ns
        return [Emission(each, at_ns, at_ns) for each in self._decoder.end(self._context, self._state)]

    def whole(self, items: Sequence[PointSet]) -> Result:
        """The result of as many items as the card's history; the state of a stream is not kept.

        Raises:
            InputError: another number of items, or not the points that the model takes.
        """
        self.reset()
        found = None
        for item in items:
            found = self._look(item, NO_CLOCK)
        if found is None or len(items) != self._window.history:
            raise InputError(
                f"the model takes the points of {self._window.history} items that follow each other: expected "
                f"float[{self._window.history}, k, 2], found {len(items)}, or some of them without points"
            )
        return found

    def reset(self) -> None:
        """Forgets what was taken in."""
        self._window.reset()
        self._runs.reset()
        self._state = self._decoder.begin()
