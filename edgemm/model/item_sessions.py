"""Sessions of single items, each prepared and run alone: pictures, and what text sessions share with them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from edgemm.card.model_card import InputCard
from edgemm.errors import InputError
from edgemm.media import Captured, Frame
from edgemm.model.sessions import Engine, ModelSession
from edgemm.preprocess import compile_image
from edgemm.preprocess.view import Region
from edgemm.results import Result
from edgemm.session import NO_CLOCK, Emission, StageClock
from edgemm.tasks.context import Context
from edgemm.tasks.decoder import Decoder
from edgemm.tasks.outputs import Outputs


class ItemSession(ModelSession):
    """One item after the other, each prepared and run alone: one result each, or one when the decoder has enough of
    them."""

    kind: type[Captured]

    def __init__(self, engine: Engine, decoder: Decoder) -> None:
        super().__init__(engine)
        self._decoder = decoder
        self._state = decoder.begin()
        self._context = Context()

    def _run(self, item: Any, clock: StageClock) -> Outputs:
        """Prepares and runs an item, for which the lock is held; sets the context."""
        raise NotImplementedError

    def feed(self, item: Captured, clock: StageClock) -> Iterable[Emission]:
        """The results that one item completes.

        Raises:
            InputError: not what the model takes, or one that does not fit it.
        """
        if not isinstance(item, self.kind):
            raise InputError(
                f"the model takes {self.takes}: expected a {self.kind.__name__}, found {type(item).__name__}"
            )
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
        """What the decoder has still to say of the items before."""
        at_ns = self._context.end_ns
        return [Emission(each, at_ns, at_ns) for each in self._decoder.end(self._context, self._state)]

    def whole(self, item: Captured) -> Result:
        """The result of one item alone; the state of a stream is not kept."""
        self.reset()
        with self._runs.lock:
            outputs = self._run(item, NO_CLOCK)
            return self._decoder.whole((outputs,), self._context, 0.0)

    def reset(self) -> None:
        """Forgets what was taken in."""
        self._runs.reset()
        self._state = self._decoder.begin()


class ImageSession(ItemSession):
    """Frames in."""

    takes = "pictures"
    kind = Frame
    modality: Literal["image", "audio", "text"] = "image"

    def __init__(self, engine: Engine, decoder: Decoder, card: InputCard, index: int) -> None:
        super().__init__(engine, decoder)
        self._prepare = compile_image(card, engine.backend.inputs[index])
        self._index = index
        self._tensor_wh = self._prepare.size_wh

    def _run(self, frame: Frame, clock: StageClock) -> Outputs:
        runs, pixels = self._runs, frame.pixels
        clock.start("preprocess")
        self._prepare(pixels, frame.color, runs.backend.input_buffer(self._index))
        height, width, *_ = pixels.shape
        at_ns = frame.captured_ns
        self._context = Context(self._prepare.to_source, (width, height), self._tensor_wh, at_ns, at_ns)
        return runs.run(clock)

    def look(self, frame: Frame, region: Region, clock: StageClock = NO_CLOCK) -> Result:
        """The result of a part of a frame, in pixels of the frame; the tensor is filled from the frame directly.

        Nothing is remembered, and what the stream remembers stays.

        Raises:
            InputError: the model remembers what it saw, so that it cannot look at one thing and then at another; or
                the region is nowhere.
        """
        runs, pixels = self._runs, frame.pixels
        if runs.remembers:
            raise InputError(
                "expected a model that sees each picture by itself behind a crop, found one that remembers those before"
            )
        with runs.lock:
            clock.start("preprocess")
            view = self._prepare.look(pixels, frame.color, region, runs.backend.input_buffer(self._index))
            height, width, *_ = pixels.shape
            at_ns = frame.captured_ns
            context = Context(view.to_source, (width, height), self._tensor_wh, at_ns, at_ns)
            result = self._decoder.whole((runs.run(clock),), context, 0.0)
            clock.stop()
        return result
