"""What stands in front of a model, or behind it, as one to their user: a stage of sound; those that are enrolled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Protocol

from edgemm.enrolled import Enrolled
from edgemm.errors import InputError
from edgemm.lifecycle import Lifecycle
from edgemm.media import AudioBlock, Captured, Frame, Modality
from edgemm.model.coerce import as_block
from edgemm.results import Audio, Embedding, Identity, Result
from edgemm.session import NO_CLOCK, Emission, Gap, Session, StageClock

if TYPE_CHECKING:
    from typing_extensions import Self

    from edgemm.backends.backend import Coverage
    from edgemm.capture.source import Source
    from edgemm.preprocess.view import Region
    from edgemm.stream.budget import Budget
    from edgemm.stream.stream import Stream

SOUND, EMBEDDING = "audio", "embedding"
"""Tasks of what gives sound, and of what gives embeddings."""


class Stage(Protocol):
    """What a chain is made of: a `Model`, or a `BundleModel`. Exists so that a chain needs to know neither."""

    @property
    def card(self) -> Any:
        """What it says about itself."""

    @property
    def modality(self) -> str:
        """What it takes: "audio", "image", "text" or "tensor"."""

    @property
    def coverage(self) -> Coverage:
        """What the accelerator took."""

    @property
    def delegates(self) -> tuple[str, ...]:
        """What really runs it."""

    def __call__(self, x: Any, *, sample_rate: int | None = None) -> Result:
        """The result of one thing by itself."""

    def session(self, **options: Any) -> Session:
        """A new stream's private state."""

    def close(self) -> None:
        """Frees it."""


class Joined:
    """A model and something beside it, with the face of a `Model`; `close()` closes both."""

    def __init__(self, what: str, answers: Stage, closed: Sequence[Stage]) -> None:
        self._answers, self._closed = answers, closed
        self._life = Lifecycle(what, "load its models again")

    @property
    def card(self) -> Any:
        """Of the model whose results are given."""
        return self._answers.card

    @property
    def modality(self) -> str:
        """What it takes."""
        return self._answers.modality

    @property
    def coverage(self) -> Coverage:
        """What the accelerator took of the model whose results are given."""
        return self._answers.coverage

    @property
    def delegates(self) -> tuple[str, ...]:
        """What really runs it, each once."""
        return tuple(dict.fromkeys(name for each in self._closed for name in each.delegates))

    def session(self, **options: Any) -> Session:
        """A new stream's private state; close it when done.

        Args:
            options: of the model whose results are given, for this session.
        """
        raise NotImplementedError

    def stream(
        self, source: Source, budget: Budget | None = None, *, timeout_s: float | None = None, **options: Any
    ) -> Stream:
        """Runs it on a source, inside a budget; see `Model.stream`."""
        from edgemm.stream.opened import open_stream

        return open_stream(lambda: self.session(**options), source, budget, timeout_s)

    def close(self) -> None:
        """Frees the models; may be called twice."""
        self._life.close(self._end)

    def _end(self) -> None:
        with ExitStack() as closing:  # the last first, and each, whatever the others raise
            for each in self._closed:
                closing.callback(each.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Chain(Joined):
    """A stage that gives sound, and a model that hears that instead of the source, with the face of a `Model`.

    The sound keeps the times at which it was captured, so that the delay of the stage stands in the age of a result.
    `close()` closes both.
    """

    def __init__(self, first: Stage, second: Stage) -> None:
        """Use `then` of the stage.

        Raises:
            InputError: the first takes or gives something else than sound, or the second takes something else.
        """
        for what, found in (("gives", first.card.task), ("takes", first.modality)):
            if found != SOUND:
                raise InputError(
                    f"then: expected a stage that {what} sound, as one that removes noise, found {found!r}"
                )
        if second.modality != SOUND:
            raise InputError(
                f"then: expected a model that takes sound behind the stage, found {second.modality!r}"
            )
        super().__init__("the chain", second, (first, second))
        self._first, self._second = first, second

    def __call__(self, x: Any, *, sample_rate: int | None = None) -> Result:
        """The result of one recording; see `Model`."""
        self._life.check()
        sound = self._first(as_block(x, sample_rate))
        assert isinstance(sound, Audio)
        return self._second(sound.samples, sample_rate=sound.sample_rate)

    def session(self, **options: Any) -> ChainSession:
        """A new stream's private state; close it when done.

        Args:
            options: of the second, for this session.
        """
        self._life.check()
        second = self._second.session(**options)
        try:
            return ChainSession(self._first.session(), second)
        except BaseException:
            second.close()
            raise


class Recognizer(Joined):
    """A model that makes embeddings, and those that are enrolled: it says whose they are, with a `Model`'s face."""

    def __init__(self, model: Stage, enrolled: Enrolled) -> None:
        """Use `then` of the model.

        Raises:
            InputError: the model makes no embeddings, nobody is enrolled, or with another model.
        """
        if model.card.task != EMBEDDING:
            raise InputError(
                f"then: expected a model that makes embeddings in front of those that are enrolled, found "
                f"{model.card.task!r}"
            )
        if not len(enrolled):
            raise InputError("then: expected somebody to be enrolled, found nobody")
        super().__init__("the recognizer", model, (model,))
        self._model, self._enrolled = model, enrolled

    def __call__(self, x: Any, *, sample_rate: int | None = None) -> Identity:
        """Whose voice, face or whatever it is of one thing by itself; see `Model`."""
        self._life.check()
        return self._named(self._model(x, sample_rate=sample_rate))

    def session(self, **options: Any) -> RecognizerSession:
        """A new stream's private state; close it when done.

        Args:
            options: of the model, for this session.
        """
        self._life.check()
        return RecognizerSession(self._model.session(**options), self._named)

    def _named(self, found: Result) -> Identity:
        assert isinstance(found, Embedding)
        return self._enrolled.identify(found)


class RecognizerSession:
    """One stream of embeddings with names. See `edgemm.session.Session`."""

    def __init__(self, session: Session, named: Callable[[Result], Identity]) -> None:
        self._session, self._named = session, named
        self.modality: Modality = getattr(session, "modality", "audio")

    def feed(self, item: Captured, clock: StageClock) -> Iterator[Emission]:
        """Whose each embedding is that the item completes."""
        return self._each(self._session.feed(item, clock))

    def look(self, frame: Frame, region: Region, clock: StageClock = NO_CLOCK) -> Identity:
        """Whose the part of a frame is; see `ImageSession.look`.

        Raises:
            InputError: the model takes no pictures.
        """
        look = getattr(self._session, "look", None)
        if look is None:
            raise InputError("then: expected a model that takes pictures behind a crop, found another")
        return self._named(look(frame, region, clock))

    def gap(self, gap: Gap, clock: StageClock) -> Iterator[Emission]:
        """What is still to be said."""
        return self._each(self._session.gap(gap, clock))

    def finish(self, clock: StageClock) -> Iterator[Emission]:
        """What is still to be said."""
        return self._each(self._session.finish(clock))

    def _each(self, found: Iterable[Emission]) -> Iterator[Emission]:
        for each in found:
            yield each._replace(value=self._named(each.value))

    def cancel(self) -> None:
        """See `edgemm.session.Session`."""
        self._session.cancel()

    def reset(self) -> None:
        """Forgets everything heard or seen; who is enrolled stays so."""
        self._session.reset()

    def close(self) -> None:
        """Frees what the session of the model holds."""
        self._session.close()


class ChainSession:
    """One stream through both. See `edgemm.session.Session`."""

    modality: Literal["image", "audio", "text"] = "audio"

    def __init__(self, first: Session, second: Session) -> None:
        self._first, self._second = first, second
        self._began_s: float | None = None
        """Where the sound began, seconds; None before the first block."""
        self._given = 0
        """Samples that the first has given since then."""
        self._origin = ""

    def feed(self, item: Captured, clock: StageClock) -> Iterator[Emission]:
        """The results of the sound that the first makes of this block.

        Raises:
            InputError: not an audio block, or its rate changed.
        """
        if not isinstance(item, AudioBlock):
            raise InputError(f"the model takes sound: expected an AudioBlock, found {type(item).__name__}")
        if self._began_s is None:
            self._began_s, self._origin = item.position / item.sample_rate, item.origin
        yield from self._pass_on(self._first.feed(item, clock), clock)

    def _pass_on(self, made: Iterable[Emission], clock: StageClock) -> Iterator[Emission]:
        for each in made:
            sound = each.value
            if not isinstance(sound, Audio):
                raise InputError(f"then: expected sound from the stage, found {type(sound).__name__}")
            position = round((self._began_s or 0.0) * sound.sample_rate) + self._given
            self._given += len(sound.samples)
            block = AudioBlock(sound.samples, sound.sample_rate, each.begin_ns, position, origin=self._origin)
            yield from self._second.feed(block, clock)

    def gap(self, gap: Gap, clock: StageClock) -> Iterator[Emission]:
        """What both have still to say; then what was heard is forgotten."""
        yield from self._pass_on(self._first.gap(gap, clock), clock)
        yield from self._second.gap(gap, clock)
        self._began_s, self._given = None, 0

    def finish(self, clock: StageClock) -> Iterator[Emission]:
        """What both have still to say."""
        yield from self._pass_on(self._first.finish(clock), clock)
        yield from self._second.finish(clock)

    def cancel(self) -> None:
        """What is under way in either ends without a result; from any thread."""
        self._first.cancel()
        self._second.cancel()

    def reset(self) -> None:
        """Forgets everything heard."""
        self._first.reset()
        self._second.reset()
        self._began_s, self._given = None, 0

    def close(self) -> None:
        """Frees what both hold."""
        try:
            self._second.close()
        finally:
            self._first.close()
