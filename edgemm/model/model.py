"""A loaded artifact: pictures, sound, text or tensors in, results out. See `edgemm.model.load`."""

from __future__ import annotations

import os
import time
from _thread import RLock
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

import numpy as np

from edgemm.backends import open_backend
from edgemm.card.model_card import InputCard, ModelCard, OutputCard
from edgemm.errors import CardError, InputError, naming
from edgemm.lifecycle import Lifecycle, never_free_in_a_child, tell_in_a_child
from edgemm.model.exchange import check_card, make_exchange
from edgemm.tasks import open_decoder, undecoded

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgemm.artifact import Artifact
    from edgemm.backends.backend import Backend, Coverage
    from edgemm.capture.source import Source
    from edgemm.chain.crop import Crop
    from edgemm.chain.smooth import Smooth
    from edgemm.chain.track import Track
    from edgemm.enrolled import Enrolled
    from edgemm.model.chain import Chain, Recognizer, Stage
    from edgemm.model.exchange import Arrays
    from edgemm.model.generator_session import GeneratorSession
    from edgemm.model.item_sessions import ImageSession
    from edgemm.model.part import Part
    from edgemm.model.picture_chain import PictureChain
    from edgemm.model.points_session import PointsSession
    from edgemm.model.replay import GoldenOutcome
    from edgemm.model.sessions import AudioSession, Engine, ModelSession
    from edgemm.model.text_session import TextSession
    from edgemm.results import Result
    from edgemm.stream.budget import Budget
    from edgemm.stream.stream import Stream
    from edgemm.tasks import Decoder
    from edgemm.tensors import TensorSpec

Begun = TypeVar("Begun")
_TAKES = {"image": "pictures", "audio": "sound", "text": "text"}


class Model:
    """One artifact in one runtime.

    Holds no state between calls: a model that remembers by itself is reset before each. May be used from several
    threads, which then take turns: the runtime has one set of buffers. For work that is really parallel, load
    the file once per thread. `close()` may come from any thread and twice: it waits for a run that is under way, and
    whoever uses the model afterwards gets InputError. A process that was forked after it was loaded cannot use it.
    """

    def __init__(
        self,
        artifact: Artifact,
        backend: Backend,
        another: Callable[[], Backend] | None = None,
        options: Mapping[str, Any] | None = None,
        decoder: Decoder | None = None,
    ) -> None:
        """Use `load`.

        Args:
            another: opens the same model in a backend of its own, which each session over a stateful one needs.
            options: of the task, instead of what the card says.
            decoder: of this very card, without options, where it is open already.

        Raises:
            CardError: the card and the tensors in the file do not agree.
        """
        self.artifact, self.backend = artifact, backend
        plain = artifact.card or _plain_card(artifact, backend)
        check_card(plain, backend)
        self.card: ModelCard = _with_options(plain, options) if options else plain
        self._decoder: Decoder | None = None
        self._serving: ModelSession | None = None
        self._pictures: tuple[type, ...] = ()
        """What pictures may be, once a session that takes them serves."""
        self._look: Callable[[Any], Result]
        """Of a picture -> its result, by that session."""
        self._main_places: list[tuple[InputCard, int]] | None = None
        if not undecoded(self.card):
            # what does not fit is said now, not at the first picture
            ready = None if options else decoder
            self._decoder = ready or _decoder_with(plain, options or {}, backend.outputs)
        never_free_in_a_child(backend)
        tell_in_a_child(self)
        self._life = Lifecycle(f"the model {os.path.basename(artifact.where)}", "load it again")
        self._lock = RLock()  # one run
        self._turn = RLock()  # one whole call
        self._another = another or partial(open_backend, artifact)
        self._exchange = make_exchange(backend, self._lock)

    @property
    def coverage(self) -> Coverage:
        """What the accelerator took."""
        return self.backend.coverage

    @property
    def delegates(self) -> tuple[str, ...]:
        """What really runs it, in order."""
        return self.backend.delegates

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """The file's inputs, as stored."""
        return self.backend.inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The file's outputs, as stored."""
        return self.backend.outputs

    @property
    def key_points(self) -> int | None:
        """How many key points each thing of a result has; None where the card does not tell."""
        found: int | None = getattr(self._decoder, "key_points", None)
        return found

    def __call__(
        self, x: Any, *, sample_rate: int | None = None, source_wh: tuple[int, int] | None = None
    ) -> Result:
        """Preprocesses, runs and decodes one thing; nothing is remembered.

        Args:
            x: for pictures a `Frame`, or uint8[height, width, 3] RGB or uint8[height, width] grey; for sound an
                `AudioBlock`, or samples[n] with `sample_rate`; for text a str, or a tuple of two that belong together;
                for points a `PointSet`, `Landmarks` or float[k, 2] in pixels of a picture, and where the card has a
                history so many of them, the oldest first; for tensors an array, or a mapping by name,
                stored or real-valued. A mapping is taken as prepared tensors by every model.
            sample_rate: hertz, of bare samples.
            source_wh: pixels of the picture that bare points or `Landmarks` were found in, for a model that needs them.

        Raises:
            InputError: `x` is not what the model takes.
            UnsupportedVersion: a task that this version does not decode.
        """
        self._life.check()
        if isinstance(x, self._pictures):
            with self._turn:
                self._life.check()  # closed while this call waited for its turn
                return self._look(x)
        if isinstance(x, Mapping):
            return self._call_tensors(x)
        from edgemm.media import Frame
        from edgemm.model.coerce import as_block, as_frame, as_points, as_text

        if self._takes_text():
            with self._turn:
                self._life.check()  # closed while this call waited for its turn
                text = cast("TextSession", self._whole)
                return text.whole(as_text(x))
        card = self._main_input()
        if card.modality == "tensor":
            return self._call_tensors({card.name: x})
        with self._turn:
            self._life.check()  # closed while this call waited for its turn
            session = self._whole
            if card.modality == "image":
                pictures = cast("ImageSession", session)
                self._look = lambda picture: pictures.whole(as_frame(picture))
                self._pictures = (np.ndarray, Frame)
                return self._look(x)
            if card.modality == "audio":
                return cast("AudioSession", session).whole(as_block(x, sample_rate))
            if card.modality == "points":
                return cast("PointsSession", session).whole(as_points(x, source_wh))
        raise CardError(
            f"input {card.name!r}: this edgemm makes no tensor of {card.modality}. Give a mapping of tensors"
        )

    def generate(
        self, seed: int = 0, *, label: str | int | None = None, count: int = 1
    ) -> tuple[Result, ...]:
        """Results of a generator: of noise, and of a class where it makes several.

        The same seed gives the same numbers on every machine: NumPy's PCG64. Result i is that of `seed + i` alone.

        Args:
            seed: 0 or more.
            label: of the class that is to be made: its name in the card, or its number from 0. None: the seed decides.
            count: how many results.

        Raises:
            InputError: the model is no generator; or no such seed, class or count.
        """
        self._life.check()
        if self.modality != "seed":
            raise InputError(
                f"{self.artifact.path}: expected a generator, whose card says what its inputs are drawn from "
                f"(`latent`), found a model that takes {_TAKES.get(self.modality, 'tensors')}"
            )
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise InputError(f"count: expected 1 or more, found {count!r}")
        from edgemm.media import Seed
        from edgemm.preprocess.latents import check_seed

        first = check_seed(seed)
        with self._turn:
            self._life.check()  # closed while this call waited for its turn
            session = cast("GeneratorSession", self._whole)
            return tuple(
                session.whole(Seed(first + at, time.monotonic_ns(), at, label)) for at in range(count)
            )

    def run(self, inputs: Arrays, out: Arrays | None = None) -> dict[str, npt.NDArray[Any]]:
        """Tensors in, tensors out, exactly as the file stores them: int8 stays int8.

        `inputs[i].quantize` and `outputs[i].dequantize` convert; calling the model does it by itself.

        Args:
            inputs: name -> array, of each input's shape and type.
            out: name -> array to fill; for outputs that it does not name, a new array is made.

        Returns:
            Name -> output, in the file's order.

        Raises:
            InputError: names, shapes or types that are not the file's.
            DelegateFailed: the accelerator failed.
        """
        return self._exchange(inputs, out)

    def session(self, **options: Any) -> ModelSession:
        """A new stream's private state over this model; close it when done.

        A model that takes bare tensors gives a `TensorSession`, which is stepped by hand.

        Args:
            options: of the task, for this session, as in `load`.

        Raises:
            CardError: the card does not say how pictures, sound or text become the inputs.
            UnsupportedVersion: a task that this version does not decode.
            InputError: the model is closed, or was loaded before this process was forked; or no such option.
        """
        from edgemm.model.sessions import TensorSession

        self._life.check()
        mains = self._mains()
        if {card.modality for card, _ in mains} <= {"tensor"}:
            if mains and all(card.latent is not None for card, _ in mains):
                from edgemm.model.generator_session import GeneratorSession

                with naming(self.artifact.path):
                    decode = (
                        self._decode
                        if not options
                        else _decoder_with(self.card, options, self.backend.outputs)
                    )
                    return self._begun(lambda engine: GeneratorSession(engine, decode))
            if options:
                raise InputError(
                    f"options {', '.join(options)}: a session over bare tensors decodes nothing. Give them to `load`, "
                    "and call the model"
                )
            return self._begun(TensorSession)
        return self._decoded(
            lambda: self._decode if not options else _decoder_with(self.card, options, self.backend.outputs)
        )

    def read_by(self, decoder: Decoder) -> ModelSession:
        """A session of which another decoder reads the outputs, such as one that tells the score of every class.

        Raises:
            CardError: the card does not say how pictures, sound or text become the inputs.
            InputError: the model is closed, or was loaded before this process was forked.
        """
        self._life.check()
        return self._decoded(lambda: decoder)

    def _decoded(self, opened: Callable[[], Decoder]) -> ModelSession:
        mains = self._mains()
        kinds = {card.modality for card, _ in mains}
        if kinds == {"text"} or (len(mains) == 1 and kinds <= {"image", "audio", "points"}):
            card, index = mains[0]
            with naming(self.artifact.path):
                decode = opened()
            if card.modality == "text":
                from edgemm.model.text_session import TextSession

                return self._begun(lambda engine: TextSession(engine, decode))
            if card.modality == "image":
                kind = _picture_session(decode)
                with naming(self.artifact.path):
                    return self._begun(lambda engine: kind(engine, decode, card, index))
            if card.modality == "points":
                from edgemm.model.points_session import PointsSession

                return self._begun(lambda engine: PointsSession(engine, decode, card, index))
            from edgemm.model.sessions import AudioSession

            return self._begun(lambda engine: AudioSession(engine, decode, card, index))
        raise CardError(
            f"{self.artifact.path}: expected one input of pictures or of sound, or inputs of text, found {len(mains)}: "
            f"{', '.join(f'{card.name!r} ({card.modality})' for card, _ in mains)}. Give tensors to model.run(...)"
        )

    def _begun(self, make: Callable[[Engine], Begun]) -> Begun:
        """A session over the shared backend; a model that remembers by itself is opened once more for it."""
        from edgemm.model.sessions import Engine

        if not self.backend.stateful:
            return make(Engine(self.card, self.backend, self._lock))
        own = self._another()
        never_free_in_a_child(own)
        try:
            return make(Engine(self.card, own, RLock(), owned=True))
        except BaseException:
            own.close()
            raise

    @property
    def modality(self) -> str:
        """What it takes: "image", "audio", "text", "points"; "seed" of a generator; "tensor": prepared tensors, or
        inputs of several kinds."""
        mains = self._mains()
        if mains and all(card.latent is not None for card, _ in mains):
            return "seed"
        kinds = {card.modality for card, _ in mains}
        return kinds.pop() if len(kinds) == 1 else "tensor"

    @overload
    def then(self, behind: Enrolled) -> Recognizer: ...

    @overload
    def then(
        self,
        behind: Crop,
        model: Stage,
        *,
        name: str = "",
        track: Track | None = None,
        smooth: Smooth | None = None,
    ) -> PictureChain: ...

    @overload
    def then(self, behind: Stage) -> Chain: ...

    def then(
        self,
        behind: Crop | Stage | Enrolled,
        model: Stage | None = None,
        *,
        name: str = "",
        track: Track | None = None,
        smooth: Smooth | None = None,
    ) -> Chain | Recognizer | PictureChain:
        """This in front of another, as one model: see docs/chains.md.

        A crop and a model that sees each thing this one finds; or those that are enrolled, of a model that makes
        embeddings: it says whose they are. A model that hears what a stage of sound makes stands behind that: see
        `BundleModel.then`.

        Args:
            behind: a `Crop`, or an `Enrolled`.
            model: behind a crop: what sees the parts that are cut out.
            name: behind a crop: of its results, in `Thing.results` and the ledger; "": its task, with a number behind
                it where that is taken.
            track: behind a crop: how things are followed, so that this model need not run on each frame; None: it does.
            smooth: behind a crop: how the model's points are smoothed over time; needs `track`.

        Raises:
            InputError: the two do not fit; says what was expected.
        """
        from edgemm.chain.crop import Crop
        from edgemm.enrolled import Enrolled
        from edgemm.model.chain import Chain, Recognizer
        from edgemm.model.picture_chain import begin_chain

        if isinstance(behind, Crop):
            self._life.check()
            return begin_chain(self, behind, model, name, track, smooth)
        if model is not None or name or track is not None or smooth is not None:
            raise InputError(
                f"then: expected a Crop in front of a model, name, track or smooth, found {type(behind).__name__}"
            )
        if not isinstance(behind, Enrolled):
            return Chain(self, behind)
        behind.require_model(self.artifact.sha256())
        return Recognizer(self, behind)

    def part(self) -> Part:
        """This model as one of several that call each other, with a state of its own; close it when done.

        Raises:
            InputError: the model is closed, or was loaded before this process was forked.
        """
        from edgemm.model.fixed_part import FixedPart

        self._life.check()
        return self._begun(FixedPart)

    def stream(
        self,
        source: Source,
        budget: Budget | None = None,
        *,
        timeout_s: float | None = None,
        **options: Any,
    ) -> Stream:
        """Runs the model on a source, inside a budget; use as a context manager and iterate.

        Args:
            source: what is read; whoever opened it closes it.
            budget: None: no limit.
            timeout_s: a source that gives nothing for so many seconds raises SourceTimeout, and to ask again is
                to wait again; None: 30 seconds; math.inf: a device may be away for ever.
            options: of the task, for this stream, as in `load`.

        Raises:
            CardError: the card does not say how pictures, sound or text become the input.
            InputError: `source` is no open source, as its name alone, or `budget` is no Budget.
        """
        from edgemm.stream.opened import open_stream

        return open_stream(lambda: self._streamed(options), source, budget, timeout_s)

    def _streamed(self, options: Mapping[str, Any]) -> ModelSession:
        """A session that a stream can feed.

        Raises:
            CardError: the card does not say how pictures, sound or text become the input.
        """
        from edgemm.model.sessions import TensorSession

        session = self.session(**options)
        if isinstance(session, TensorSession):
            session.close()
            raise CardError(
                f"{self.artifact.path}: expected a card that says how pictures, sound or text become the input, found "
                'modality "tensor". Write it with `edgemm card set`, or step through model.session() with tensors'
            )
        return session

    def replay_goldens(self) -> tuple[GoldenOutcome, ...]:
        """Runs the inputs that the artifact carries, on the delegate in use, and compares in real units.

        Raises:
            CardError: it carries none, or they are not of its tensors.
        """
        if self.artifact.goldens is None:
            raise CardError(
                f"{self.artifact.path}: has no goldens to replay. Convert it with edgemm, which writes them"
            )
        from edgemm.model.replay import replay

        return replay(self, self.artifact.goldens)

    def close(self) -> None:
        """Frees the runtime; waits for a run that is under way. May be called twice."""
        self._life.close(self._end)

    def _end(self) -> None:
        with self._turn:
            with self._lock:
                self._exchange = _closed  # lets go of the buffers first
                self.backend.close()
            if self._serving is not None:
                self._serving.close()

    def after_fork(self) -> None:
        """In a forked child: `run` refuses, as all else does by itself."""
        self._exchange = self._refuse

    def _refuse(self, inputs: Arrays, out: Arrays | None) -> dict[str, npt.NDArray[Any]]:
        self._life.check()
        raise AssertionError("a fork was not noticed")

    def __enter__(self) -> Model:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _decode(self) -> Decoder:
        if self._decoder is None:
            self._decoder = open_decoder(self.card, self.backend.outputs)
        return self._decoder

    @property
    def _whole(self) -> ModelSession:
        """Serves single calls, one at a time."""
        if self._serving is None:
            self._serving = self.session()
        return self._serving

    def _mains(self) -> list[tuple[InputCard, int]]:
        """The inputs that are neither states nor constants, and their places in the file."""
        if self._main_places is None:
            states = {pair.input for pair in self.card.states}
            names = [spec.name for spec in self.inputs]
            self._main_places = [
                (each, names.index(each.name))
                for each in self.card.inputs
                if each.name not in states and each.value is None
            ]
        return self._main_places

    def _takes_text(self) -> bool:
        return {card.modality for card, _ in self._mains()} == {"text"}

    def _main_input(self) -> InputCard:
        """The only one.

        Raises:
            InputError: there are several.
        """
        mains = [card for card, _ in self._mains()]
        if len(mains) != 1:
            names = ", ".join(repr(each.name) for each in mains)
            raise InputError(f"expected a mapping of the model's {len(mains)} inputs by name: {names}")
        return mains[0]

    def _call_tensors(self, x: Mapping[str, Any]) -> Result:
        """Prepared tensors by name, stored or real-valued; a state that is left out is zero, a constant what it is."""
        from edgemm.model.coerce import as_stored
        from edgemm.model.state import Constants
        from edgemm.tasks.masks import context_of
        from edgemm.tasks.outputs import Outputs

        constants = Constants(self.card.inputs, self.inputs).values
        zeros = {pair.input for pair in self.card.states} - x.keys()
        given = {spec.name: as_stored(x[spec.name], spec) for spec in self.inputs if spec.name in x}
        begun = {
            spec.name: spec.quantize(np.zeros(spec.shape, np.float32))
            for spec in self.inputs
            if spec.name in zeros
        }
        outputs = self.run({**constants, **x, **given, **begun})
        context = context_of({**constants, **given}, self.card.inputs, self.inputs)
        return self._decode.whole((Outputs.of(self.outputs, outputs),), context, 0.0)


def _with_options(card: ModelCard, options: Mapping[str, Any]) -> ModelCard:
    from edgemm.card.options import with_options

    return with_options(card, options)


def _decoder_with(card: ModelCard, options: Mapping[str, Any], specs: Sequence[TensorSpec]) -> Decoder:
    """What decodes a model with these options.

    Raises:
        InputError: an option does not fit the model, such as a class that it has not.
    """
    if not options:
        return open_decoder(card, specs)
    try:
        return open_decoder(_with_options(card, options), specs)
    except CardError as error:
        open_decoder(card, specs)  # what is wrong without the options is the card's fault
        named = str(error).partition(":")[0] in options
        raise InputError(f"option {error}" if named else f"options {', '.join(options)}: {error}") from error


def _picture_session(decode: Decoder) -> type[ImageSession]:
    """What takes pictures for this decoder."""
    from edgemm.tasks.decoder import MakesPictures

    if isinstance(decode, MakesPictures):
        from edgemm.model.picture_session import PictureSession

        return PictureSession
    from edgemm.model.item_sessions import ImageSession

    return ImageSession


def _closed(inputs: Arrays, out: Arrays | None) -> dict[str, npt.NDArray[Any]]:
    raise InputError("the model is closed: load it again")


def _plain_card(artifact: Artifact, backend: Backend) -> ModelCard:
    """For a file that has none: tensors in, tensors out."""
    return ModelCard(
        name=artifact.path.stem,
        inputs=tuple(InputCard(spec.name, "tensor", spec.shape) for spec in backend.inputs),
        outputs=tuple(OutputCard(spec.name, spec.shape) for spec in backend.outputs),
    )
