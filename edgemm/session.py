"""Sessions: one stream's private state over a model that it may share with others."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from edgemm.backends.backend import Backend
from edgemm.card import InputCard, ModelCard
from edgemm.errors import InputError
from edgemm.media import AudioBlock, Captured, Frame
from edgemm.preprocess import compile_audio, compile_image
from edgemm.results import Result
from edgemm.state import RealOutputs, RecurrentState
from edgemm.stream.session import StageClock
from edgemm.tasks import Decoder, KeywordDecoder, KeywordSpotter, Outputs


@dataclass(frozen=True, slots=True, eq=False)
class Engine:
    """What all sessions of one model share."""

    card: ModelCard
    backend: Backend
    decode: Decoder
    lock: threading.Lock
    """Held while the backend's buffers are written, run and read."""


class NoClock:
    """A `StageClock` that takes no time."""

    def start(self, stage: str) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing."""


NO_CLOCK = NoClock()


class _Runs:
    """One run of a shared backend with this session's own state."""

    def __init__(self, engine: Engine) -> None:
        self.backend, self.lock = engine.backend, engine.lock
        self.state = RecurrentState(engine.card.states, engine.backend.inputs, engine.backend.outputs)
        self._real = RealOutputs(engine.backend.outputs)

    def run(self, clock: StageClock) -> Outputs:
        """Runs what lies in the input buffers, for which the lock is held; gives real-valued outputs."""
        self.state.put(self.backend)
        clock.start("infer")
        self.backend.run()
        clock.start("decode")
        self.state.take(self.backend)
        return self._real.read(self.backend)


class ImageSession:
    """Frames in, one result each. See `edgemm.stream.session.Session`."""

    def __init__(self, engine: Engine, card: InputCard, index: int) -> None:
        self._prepare = compile_image(card, engine.backend.inputs[index])
        self._index, self._decode = index, engine.decode
        self._runs = _Runs(engine)

    def feed(self, captured: Captured, clock: StageClock) -> Iterable[Result]:
        """One result for one frame.

        Raises:
            InputError: not a frame, or a picture that does not fit.
        """
        if not isinstance(captured, Frame):
            raise InputError(f"the model takes pictures: expected a Frame, found {type(captured).__name__}")
        runs = self._runs
        with runs.lock:
            clock.start("preprocess")
            self._prepare(captured.pixels, captured.color, runs.backend.input_buffer(self._index))
            result = self._decode(runs.run(clock))
            clock.stop()
        return (result,)

    def whole(self, frame: Frame) -> Result:
        """The result of one frame alone; the state of a stream is not kept."""
        self.reset()
        (result,) = self.feed(frame, NO_CLOCK)
        return result

    def reset(self) -> None:
        """Recurrent state back to zero."""
        self._runs.state.reset()

    def close(self) -> None:
        """Nothing to free."""


class AudioSession:
    """Audio blocks in, one result per window that they complete. See `edgemm.stream.session.Session`."""

    def __init__(self, engine: Engine, card: InputCard, index: int) -> None:
        if card.audio is None:
            raise InputError(f"input {card.name!r}: expected a card with `audio`, found none")
        self._window = compile_audio(card, engine.backend.inputs[index])
        self._rate, self._index, self._decode = card.audio.sample_rate, index, engine.decode
        self._spotter = KeywordSpotter(engine.decode) if isinstance(engine.decode, KeywordDecoder) else None
        self._runs = _Runs(engine)
        self._began_s: float | None = None

    def feed(self, captured: Captured, clock: StageClock) -> Iterator[Result]:
        """One result for each window that the block completes.

        Raises:
            InputError: not an audio block, or its rate changed.
        """
        if not isinstance(captured, AudioBlock):
            raise InputError(
                f"the model takes sound: expected an AudioBlock, found {type(captured).__name__}"
            )
        if captured.gap_samples:
            self.reset()
        if self._began_s is None:
            self._began_s = captured.position / captured.sample_rate
        clock.start("preprocess")
        for end in self._window.push(captured.samples, captured.sample_rate):
            result = self._run(end, clock)
            clock.stop()
            yield result
            clock.start("preprocess")
        clock.stop()

    def _run(self, end: int, clock: StageClock) -> Result:
        """The window that ends at sample `end`."""
        runs, began_s = self._runs, self._began_s or 0.0
        with runs.lock:
            self._window.write(runs.backend.input_buffer(self._index))
            outputs = runs.run(clock)
            if self._spotter is None:
                return self._decode(outputs)
            start_s, end_s = ((end - back) / self._rate for back in (self._window.span, 0))
            return self._spotter(outputs, began_s + start_s, began_s + end_s)

    def whole(self, block: AudioBlock) -> Result:
        """One result for a whole recording; the state of a stream is not kept."""
        self.reset()
        runs, windows = self._runs, []
        for tensor in self._window.clip(block.samples, block.sample_rate):
            with runs.lock:
                runs.backend.input_buffer(self._index)[...] = tensor
                windows.append([each.copy() for each in runs.run(NO_CLOCK)])
        return self._decode.whole(windows, len(block.samples) / block.sample_rate)

    def reset(self) -> None:
        """Forgets everything heard."""
        self._window.reset()
        self._runs.state.reset()
        if self._spotter is not None:
            self._spotter.reset()
        self._began_s = None

    def close(self) -> None:
        """Nothing to free."""
