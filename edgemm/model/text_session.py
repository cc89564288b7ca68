"""A session that takes texts: one text fills the inputs of all roles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.media import Captured, Text
from edgemm.model.sessions import Engine, ModelSession
from edgemm.preprocess import compile_text
from edgemm.results import Result
from edgemm.session import NO_CLOCK, Emission, StageClock
from edgemm.tasks.context import Context
from edgemm.tasks.decoder import Decoder
from edgemm.tasks.outputs import Outputs


class TextSession(ModelSession):
    """Texts in, one result each, or one when the decoder has enough of them."""

    takes = "text"
    modality: Literal["image", "audio", "text"] = "text"

    def __init__(self, engine: Engine, decoder: Decoder) -> None:
        super().__init__(engine)
        specs = engine.backend.inputs
        self._prepare = compile_text(engine.card.inputs, specs, engine.card.files)
        self._places = {spec.name: at for at, spec in enumerate(specs)}
        self._decoder = decoder
        self._state = decoder.begin()
        self._context = Context()

    def feed(self, item: Captured, clock: StageClock) -> Iterable[Emission]:
        """The results that one text completes.

        Raises:
            InputError: no `Text`; or one that is empty, or has nothing that the model can take.
        """
        if not isinstance(item, Text):
            raise InputError(f"the model takes text: expected a Text, found {type(item).__name__}")
        self._cancelled.renew()
        with self._runs.lock:
            outputs = self._run(item, clock)
            at_ns = item.captured_ns
            emissions = [
                Emission(each, at_ns, at_ns)
                for each in self._decoder.decode(outputs, self._context, self._state)
            ]
            clock.stop()
        return () if self._cancelled else emissions

    def finish(self, clock: StageClock) -> Iterable[Emission]:
        """What the decoder has still to say of the texts before."""
        at_ns = self._context.end_ns
        return [Emission(each, at_ns, at_ns) for each in self._decoder.end(self._context, self._state)]

    def whole(self, text: Text) -> Result:
        """The result of one text alone; the state of a stream is not kept."""
        self.reset()
        with self._runs.lock:
            outputs = self._run(text, NO_CLOCK)
            return self._decoder.whole((outputs,), self._context, 0.0)

    def _run(self, item: Text, clock: StageClock) -> Outputs:
        clock.start("preprocess")
        mask = self._prepare(item.text, item.pair, self._buffer)
        self._context = Context(begin_ns=item.captured_ns, end_ns=item.captured_ns, mask=mask)
        return self._runs.run(clock)

    def _buffer(self, name: str) -> npt.NDArray[Any]:
        return self._runs.backend.input_buffer(self._places[name])

    def reset(self) -> None:
        """Forgets what was read."""
        self._runs.reset()
        self._state = self._decoder.begin()
