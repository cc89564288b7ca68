"""Sessions: one stream's private state over a model that it may share with others.

Whatever a model remembers is kept here, behind one interface: windows that slide or follow each other
(`preprocess.AudioWindow`), recurrent state and caches of causal layers that pass from an output to an input
(`RecurrentState`), and variables inside the runtime, for which a session has a backend of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edgemm.backends.backend import Backend
from edgemm.card import InputCard, ModelCard
from edgemm.errors import InputError
from edgemm.lifecycle import Lifecycle, Lock
from edgemm.media import AudioBlock, Captured, Frame
from edgemm.model.coerce import as_stored, require_finite
from edgemm.model.state import Constants, RealOutputs, RecurrentState
from edgemm.preprocess import compile_audio, compile_image
from edgemm.preprocess.encoder import Encoder
from edgemm.preprocess.window import CLIP_STRIDES
from edgemm.results import Result
from edgemm.stream.session import StageClock
from edgemm.tasks import Decoder, KeywordDecoder, KeywordSpotter, Outputs


@dataclass(frozen=True, slots=True, eq=False)
class Engine:
    """What runs a session: shared with all others of the model, unless the model itself remembers."""

    card: ModelCard
    backend: Backend
    lock: Lock
    """Held while the backend's buffers are written, run and read."""
    owned: bool = False
    """The backend is this session's own, and closed with it."""


class NoClock:
    """A `StageClock` that takes no time."""

    def start(self, stage: str) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing."""


NO_CLOCK = NoClock()


class _Runs:
    """One run after the other of a backend, with this session's own state."""

    def __init__(self, engine: Engine) -> None:
        self.backend, self._lock, self._owned = engine.backend, engine.lock, engine.owned
        self._life = Lifecycle("the session", "begin a new one of its model")
        self.remembers = bool(engine.card.states) or engine.backend.stateful
        self._state = RecurrentState(engine.card.states, engine.backend.inputs, engine.backend.outputs)
        self._constants = Constants(engine.card.inputs, engine.backend.inputs)
        self._real = RealOutputs(engine.backend.outputs)
        self._used = False

    @property
    def lock(self) -> Lock:
        """Held while the backend's buffers are written, run and read.

        Raises:
            InputError: the session is closed, or was made before this process was forked.
        """
        self._life.check()
        return self._lock

    def run(self, clock: StageClock) -> Outputs:
        """Runs what lies in the input buffers, for which the lock is held; gives real-valued outputs."""
        self._used = True
        self._state.put(self.backend)
        self._constants.put(self.backend)
        clock.start("infer")
        self.backend.run()
        clock.start("decode")
        self._state.take(self.backend)
        return self._real.read(self.backend)

    def reset(self) -> None:
        """Nothing was heard or seen."""
        self._state.reset()
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
    """One stream's private state over a model. See `edgemm.stream.session.Session`."""

    takes = "something else"

    def __init__(self, engine: Engine) -> None:
        self._runs = _Runs(engine)

    def feed(self, captured: Captured, clock: StageClock) -> Iterable[Result]:
        """The results that one captured item completes.

        Raises:
            InputError: not what the model takes.
        """
        raise InputError(f"the model takes {self.takes}: found {type(captured).__name__}")

    def step(self, inputs: Mapping[str, npt.NDArray[Any]] | npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
        """One run on prepared tensors; see `TensorSession.step`.

        Raises:
            InputError: the model's card says how pictures or sound become its input.
        """
        raise InputError(f"the model takes {self.takes}: expected feed(...), or tensors in model.run(...)")

    def reset(self) -> None:
        """What the model remembers is forgotten."""
        self._runs.reset()

    def close(self) -> None:
        """Frees what is this session's own; may be called twice."""
        self._runs.close()


class ImageSession(ModelSession):
    """Frames in, one result each."""

    takes = "pictures"
    modality: Literal["image", "audio"] = "image"

    def __init__(self, engine: Engine, decode: Decoder, card: InputCard, index: int) -> None:
        super().__init__(engine)
        self._prepare = compile_image(card, engine.backend.inputs[index])
        self._index, self._decode = index, decode

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


class AudioSession(ModelSession):
    """Audio blocks in, one result per window that they complete."""

    takes = "sound"
    modality: Literal["image", "audio"] = "audio"

    def __init__(self, engine: Engine, decode: Decoder, card: InputCard, index: int) -> None:
        super().__init__(engine)
        if card.audio is None:
            raise InputError(f"input {card.name!r}: expected a card with `audio`, found none")
        self._window = compile_audio(card, engine.backend.inputs[index])
        self._rate, self._index, self._decode = card.audio.sample_rate, index, decode
        self._spotter = KeywordSpotter(decode) if isinstance(decode, KeywordDecoder) else None
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
            start_s, end_s = (max(0, end - back) / self._rate for back in (self._window.span, 0))
            return self._spotter(outputs, began_s + start_s, began_s + end_s)

    def whole(self, block: AudioBlock) -> Result:
        """One result for a whole recording; the state of a stream is not kept."""
        self.reset()
        runs, windows = self._runs, []
        strides = 1 if runs.remembers else CLIP_STRIDES
        for tensor in self._window.clip(block.samples, block.sample_rate, strides):
            with runs.lock:
                runs.backend.input_buffer(self._index)[...] = tensor
                windows.append([each.copy() for each in runs.run(NO_CLOCK)])
        seconds = len(block.samples) / block.sample_rate
        if self._spotter is not None and runs.remembers:
            return self._spotter.clearest(windows, self._window.stride / self._rate, seconds)
        return self._decode.whole(windows, seconds)

    def reset(self) -> None:
        """Forgets everything heard."""
        self._window.reset()
        self._runs.reset()
        if self._spotter is not None:
            self._spotter.reset()
        self._began_s = None


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
            outputs = runs.run(NO_CLOCK)
        return {name: outputs[index] for name, index in self._outputs.items()}

    def _write(self, name: str, given: npt.NDArray[Any], buffer: npt.NDArray[Any]) -> None:
        spec = self._specs[self._inputs[name]]
        is_array = isinstance(given, np.ndarray)
        if name in self._encoders and is_array and given.shape == spec.shape and given.dtype.kind == "f":
            require_finite(given, spec)
            self._encoders[name].write(given.reshape(-1), buffer.reshape(-1))
        else:
            buffer[...] = as_stored(given, spec)
