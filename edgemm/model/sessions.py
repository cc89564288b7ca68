"""Sessions: one stream's private state over a model that it may share with others.

Whatever a model remembers is kept here, behind one interface: windows that slide or follow each other
(`preprocess.AudioWindow`), recurrent state and caches of causal layers that pass from an output to an input
(`RecurrentState`), and variables inside the runtime, for which a session has a backend of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from edgemm.backends.backend import Backend
from edgemm.card.model_card import InputCard, ModelCard
from edgemm.errors import InputError
from edgemm.lifecycle import Lifecycle, Lock
from edgemm.media import AudioBlock, Captured
from edgemm.model.coerce import as_stored, require_finite
from edgemm.model.state import Constants, RealOutputs, RecurrentState
from edgemm.preprocess.encoder import Encoder
from edgemm.results import Result
from edgemm.session import NO_CLOCK, Cancellation, Emission, Gap, StageClock
from edgemm.tasks.context import Context
from edgemm.tasks.decoder import Decoder, HearsEveryWindow, HearsLevels, HearsOut, HearsSilence
from edgemm.tasks.outputs import Outputs

if TYPE_CHECKING:
    from edgemm.tasks.silence import Quiet


@dataclass(frozen=True, slots=True, eq=False)
class Engine:
    """What runs a session: shared with all others of the model, unless the model itself remembers."""

    card: ModelCard
    backend: Backend
    lock: Lock
    """Held while the backend's buffers are written, run and read."""
    owned: bool = False
    """The backend is this session's own, and closed with it."""


class Runs:
    """One run after the other of a backend, with this session's own state."""

    def __init__(self, engine: Engine, what: str = "the session") -> None:
        self.backend, self._lock, self._owned = engine.backend, engine.lock, engine.owned
        self._life = Lifecycle(what, "begin a new one of its model")
        self.remembers = bool(engine.card.states) or engine.backend.stateful
        self.state = RecurrentState(engine.card.states, engine.backend.inputs, engine.backend.outputs)
        self._constants = Constants(engine.card.inputs, engine.backend.inputs)
        self.outputs = Outputs(engine.backend.outputs, engine.backend.output_buffer)
        self._used = False
        self._fills = bool(engine.card.states) or bool(self._constants.values)

    @property
    def lock(self) -> Lock:
        """Held while the backend's buffers are written, run and read.

        Raises:
            InputError: the session is closed, or was made before this process was forked.
        """
        self._life.check()
        return self._lock

    def check(self) -> None:
        """Raises:
        InputError: it is closed, or was made before this process was forked.
        """
        self._life.check()

    def run(self, clock: StageClock) -> Outputs:
        """Runs what lies in the input buffers, for which the lock is held. The outputs are the backend's own, and
        to be read before the lock is released."""
        self._used = True
        backend = self.backend
        if not self._fills:
            clock.start("infer")
            backend.run()
            clock.start("decode")
            return self.outputs
        self.state.put(backend)
        self._constants.put(backend)
        clock.start("infer")
        backend.run()
        clock.start("decode")
        self.state.take(backend)
        return self.outputs

    def reset(self) -> None:
        """Nothing was heard or seen."""
        if self._fills:
            self.state.reset()
        if self._owned and self._used:
            with self.lock:
                self.backend.reset()
        self._used = False

    def close(self) -> None:
        """Frees the backend where it is this session's own."""
        self._life.close(self._end)

    def _end(self) -> None:
        if self._owned:
            with self._lock:
                self.backend.close()


class ModelSession:
    """One stream's private state over a model. See `edgemm.session.Session`."""

    takes = "something else"

    def __init__(self, engine: Engine) -> None:
        self._runs = Runs(engine)
        self._cancelled = Cancellation()

    def feed(self, item: Captured, clock: StageClock) -> Iterable[Emission]:
        """The results that one captured item completes.

        Raises:
            InputError: not what the model takes.
        """
        raise InputError(f"the model takes {self.takes}: found {type(item).__name__}")

    def step(self, inputs: Mapping[str, npt.NDArray[Any]] | npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
        """One run on prepared tensors; see `TensorSession.step`.

        Raises:
            InputError: the model's card says how pictures, sound or text become its input.
        """
        raise InputError(f"the model takes {self.takes}: expected feed(...), or tensors in model.run(...)")

    def gap(self, gap: Gap, clock: StageClock) -> Iterable[Emission]:
        """What is still to be said; then what was heard is forgotten."""
        yield from self.finish(clock)
        self.reset()

    def finish(self, clock: StageClock) -> Iterable[Emission]:
        """What is still to be said."""
        return ()

    def cancel(self) -> None:
        """The item that is fed right now ends after the run that it is in. From any thread."""
        self._cancelled.cancel()

    def reset(self) -> None:
        """What the model remembers is forgotten."""
        self._runs.reset()

    def close(self) -> None:
        """Frees what is this session's own; may be called twice."""
        self._runs.close()


class AudioSession(ModelSession):
    """Audio blocks in, one result per window that they complete."""

    takes = "sound"
    modality: Literal["image", "audio", "text"] = "audio"

    def __init__(self, engine: Engine, decoder: Decoder, card: InputCard, index: int) -> None:
        from edgemm.preprocess.audio import compile_audio
        from edgemm.preprocess.window import checked_samples
        from edgemm.tasks.silence import Silence
        from edgemm.tasks.sound_levels import SoundLevels

        super().__init__(engine)
        if card.audio is None:
            raise InputError(f"input {card.name!r}: expected a card with `audio`, found none")
        self._window, self._checked = compile_audio(card, engine.backend.inputs[index]), checked_samples
        self._rate, self._index, self._decoder = card.audio.sample_rate, index, decoder
        self._every = isinstance(decoder, HearsEveryWindow | HearsOut)
        self._to_the_end = isinstance(decoder, HearsEveryWindow) and decoder.to_the_end
        self._tail_s = decoder.tail_s if isinstance(decoder, HearsOut) else 0.0
        self._levels = SoundLevels() if isinstance(decoder, HearsLevels) and decoder.by_level else None
        self._hears_silence: HearsSilence | None = None
        if isinstance(decoder, HearsSilence) and (decoder.silence_s or self._levels is not None):
            self._hears_silence = decoder
        self._silence = Silence(self._hears_silence.silence_s if self._hears_silence else 0.0)
        self._state = decoder.begin()
        self._context = Context()
        self._began_s: float | None = None
        self._most_s = math.inf
        """Where the sound ends at the latest: what silence fills up is no part of it."""
        self._newest: AudioBlock | None = None

    def feed(self, item: Captured, clock: StageClock) -> Iterator[Emission]:
        """The results of the windows that the block completes.

        Raises:
            InputError: not an audio block, or its rate changed.
        """
        if not isinstance(item, AudioBlock):
            raise InputError(f"the model takes sound: expected an AudioBlock, found {type(item).__name__}")
        self._cancelled.renew()
        if self._began_s is None:
            self._began_s = item.position / item.sample_rate
        self._newest = item
        if self._hears_silence is not None:
            item = replace(item, samples=self._checked(item.samples))
        if self._levels is not None:
            self._levels.push(item)
        for part, quiet in self._silence.parts(item):
            yield from self._hear(part, clock)
            if self._cancelled:
                return
            if quiet is not None:
                yield from self._quiet(quiet)

    def _quiet(self, quiet: Quiet) -> Iterator[Emission]:
        """The results that end with the silence."""
        assert self._hears_silence is not None
        begin_ns = min(self._context.begin_ns, quiet.now_ns)
        at = Context(begin_ns=begin_ns, end_ns=quiet.now_ns, begin_s=quiet.since_s, end_s=quiet.now_s)
        at = at._replace(levels=self._levels)
        for each in self._hears_silence.quiet(at, self._state):
            yield Emission(each, begin_ns, quiet.now_ns, each.final)

    def _hear(self, item: AudioBlock, clock: StageClock) -> Iterator[Emission]:
        yield from self._heard(self._window.push(item.samples, item.sample_rate), item, clock)

    def _heard(self, ends: Iterator[int], item: AudioBlock, clock: StageClock) -> Iterator[Emission]:
        """The results of windows that end within the block."""
        clock.start("preprocess")
        for end in ends:
            context = self._context = self._place(end, item)
            results = self._run(context, clock)
            clock.stop()
            for each in results:
                yield Emission(each, context.begin_ns, context.end_ns, each.final)
            if self._cancelled:
                return
            clock.start("preprocess")
        clock.stop()

    def _place(self, end: int, block: AudioBlock) -> Context:
        """Of the window that ends at sample `end` since the last reset, and within the block."""
        began_s = self._began_s or 0.0
        begin_s, end_s = (began_s + max(0, end - back) / self._rate for back in (self._window.span, 0))
        end_s = min(end_s, self._most_s)
        last = min(float(len(block.samples)), end_s * block.sample_rate - block.position)
        end_ns = block.captured_ns + round(last * 1e9 / block.sample_rate)
        begin_ns = end_ns - round((end_s - begin_s) * 1e9)
        return Context(begin_ns=begin_ns, end_ns=end_ns, begin_s=begin_s, end_s=end_s, levels=self._levels)

    def _run(self, context: Context, clock: StageClock) -> Iterable[Result]:
        runs = self._runs
        with runs.lock:
            self._window.write(runs.backend.input_buffer(self._index))
            return tuple(self._decoder.decode(runs.run(clock), context, self._state))

    def finish(self, clock: StageClock) -> Iterator[Emission]:
        """What the decoder has still to say of what was heard, and of the silence behind it where it needs some."""
        self._cancelled.renew()
        last, self._newest = self._newest, None
        if last is not None and self._every:
            for each in self._rest(last, clock):
                newest_ns = min(each.newest_ns, _end_ns(last))  # what is heard of the silence is no younger
                yield each._replace(begin_ns=min(each.begin_ns, newest_ns), newest_ns=newest_ns)
            end_s, end_ns = (last.position + len(last.samples)) / last.sample_rate, _end_ns(last)
            at = self._context
            self._context = at._replace(
                begin_ns=min(at.begin_ns, end_ns), end_ns=end_ns, begin_s=min(at.begin_s, end_s), end_s=end_s
            )
        at = self._context
        for result in self._decoder.end(at, self._state):
            yield Emission(result, at.begin_ns, at.end_ns, result.final)

    def _rest(self, last: AudioBlock, clock: StageClock) -> Iterator[Emission]:
        """The results of what no window has heard, and of silence: what the decoder asks for, and what a sound that is
        shorter than one window lacks."""
        lacking_s = (self._window.first - self._window.position) / self._rate
        if self._to_the_end and lacking_s <= 0:
            yield from self._heard(self._window.rest(), last, clock)
            return
        if self._to_the_end:
            self._most_s = (last.position + len(last.samples)) / last.sample_rate
        yield from self._hear(_silence(last, max(self._tail_s, lacking_s)), clock)

    def whole(self, block: AudioBlock) -> Result:
        """One result for a whole recording; the state of a stream is not kept."""
        self.reset()
        if self._hears_silence is not None:
            found = [each.value for each in (*self.feed(block, NO_CLOCK), *self.finish(NO_CLOCK))]
            self.reset()
            return self._hears_silence.joined(found)
        from edgemm.preprocess.window import CLIP_STRIDES

        runs, windows = self._runs, []
        strides = 1 if runs.remembers or self._every else CLIP_STRIDES
        for tensor in self._window.clip(
            block.samples, block.sample_rate, strides, tail_s=self._tail_s, to_the_end=self._to_the_end
        ):
            with runs.lock:
                runs.backend.input_buffer(self._index)[...] = tensor
                windows.append(runs.run(NO_CLOCK).copy())
        seconds = len(block.samples) / block.sample_rate
        stride_s = self._window.stride / self._rate if runs.remembers else 0.0
        return self._decoder.whole(windows, Context(end_s=seconds), stride_s)

    def reset(self) -> None:
        """Forgets everything heard."""
        self._window.reset()
        self._silence.reset()
        if self._levels is not None:
            self._levels.reset()
        self._runs.reset()
        self._state = self._decoder.begin()
        self._began_s, self._most_s = None, math.inf
        self._newest = None


def _silence(last: AudioBlock, seconds: float) -> AudioBlock:
    """What follows a block when nothing does."""
    count = len(last.samples)
    samples = np.zeros(math.ceil(seconds * last.sample_rate), np.float32)
    return replace(
        last, samples=samples, captured_ns=_end_ns(last), position=last.position + count, gap_samples=0
    )


def _end_ns(block: AudioBlock) -> int:
    return block.captured_ns + round(len(block.samples) * 1e9 / block.sample_rate)


class TensorSession(ModelSession):
    """Tensors in, tensors out, one step after the other, the state carried: what chains of models are made of.

    session = model.session()
    for frame in frames:
        mask = session.step(frame)["mask"]
    """

    takes = "tensors, by step(...)"

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        specs_in, specs_out = engine.backend.inputs, engine.backend.outputs
        carried = {name for pair in engine.card.states for name in (pair.input, pair.output)}
        kept = carried | {card.name for card in engine.card.inputs if card.value is not None}
        self._inputs = {spec.name: index for index, spec in enumerate(specs_in) if spec.name not in kept}
        self._outputs = {spec.name: index for index, spec in enumerate(specs_out) if spec.name not in carried}
        self._specs = specs_in
        self._real = RealOutputs(specs_out)
        self._encoders = {
            name: Encoder(specs_in[index], int(engine.backend.input_buffer(index).size))
            for name, index in self._inputs.items()
            if specs_in[index].quantized
        }

    def step(self, inputs: Mapping[str, npt.NDArray[Any]] | npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
        """One run.

        Args:
            inputs: name -> array, stored or real-valued, without states and constants; or the only input's array.

        Returns:
            Name -> output, real-valued, without states. The arrays are the session's, and the next step
            overwrites them.

        Raises:
            InputError: names, shapes or types that do not fit.
            DelegateFailed: the accelerator failed.
        """
        given = inputs if isinstance(inputs, Mapping) else dict.fromkeys(list(self._inputs)[:1], inputs)
        if given.keys() != self._inputs.keys():
            raise InputError(f"inputs: expected {', '.join(self._inputs)}; found {', '.join(given)}")
        runs = self._runs
        with runs.lock:
            for name, index in self._inputs.items():
                self._write(name, given[name], runs.backend.input_buffer(index))
            runs.run(NO_CLOCK)
            real = self._real.read(runs.backend)
        return {name: real[index] for name, index in self._outputs.items()}

    def _write(self, name: str, given: npt.NDArray[Any], buffer: npt.NDArray[Any]) -> None:
        spec = self._specs[self._inputs[name]]
        is_array = isinstance(given, np.ndarray)
        if name in self._encoders and is_array and given.shape == spec.shape and given.dtype.kind == "f":
            require_finite(given, spec)
            self._encoders[name].write(given.reshape(-1), buffer.reshape(-1))
        else:
            buffer[...] = as_stored(given, spec)
