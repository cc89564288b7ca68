"""`Filter`: filters of pictures, alone or in front of a model, as one to their user."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal

from edgemm.errors import InputError
from edgemm.filters.kernel import Kernel
from edgemm.filters.session import FilterSession, as_picture, filtered
from edgemm.filters.table import read_filter
from edgemm.media import Captured, Frame
from edgemm.model.chain import Joined, Stage
from edgemm.model.coerce import as_frame
from edgemm.results import Picture, Result
from edgemm.session import NO_CLOCK, Emission, Gap, Session, StageClock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgemm.capture.source import Source
    from edgemm.stream.budget import Budget
    from edgemm.stream.stream import Stream


MAX_FILTERS = 32
"""Behind each other."""


class Filter:
    """Filters of OpenCV's, by name. Holds no state between pictures: sessions have the memory that they write into.

    In a stream each has a stage of its own name in the ledger.
    """

    modality: Literal["image", "audio", "text"] = "image"

    def __init__(self, *filters: str) -> None:
        """Args:
        filters: `NAME` or `NAME?SETTING=VALUE&SETTING=VALUE`, in the order in which they are applied.

        Raises:
            InputError: none or too many; no such filter or setting, or a value out of bounds.
        """
        if not 1 <= len(filters) <= MAX_FILTERS:
            raise InputError(f"Filter: expected 1 to {MAX_FILTERS} filters, found {len(filters)}")
        self._steps = [read_filter(each) for each in filters]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the filters, in order: the stages of a stream."""
        return tuple(name for name, _ in self._steps)

    def kernels(self) -> list[tuple[str, Kernel]]:
        """Name and function of each, with memory of their own.

        Raises:
            MissingDependency: OpenCV is not installed.
        """
        return [(name, recipe.kernel()) for name, recipe in self._steps]

    def __call__(self, x: Any) -> Picture:
        """One picture, filtered, in memory of its own.

        Args:
            x: a `Frame`, or uint8[height, width, 3] RGB or uint8[height, width] grey.

        Raises:
            InputError: no picture.
            MissingDependency: OpenCV is not installed.
        """
        return as_picture(filtered(as_frame(x), self.kernels(), NO_CLOCK))

    def session(self, **options: Any) -> FilterSession:
        """A new stream's own memory.

        Raises:
            InputError: an option: filters have none besides their settings.
        """
        if options:
            raise InputError(f"options {', '.join(options)}: filters have none. Write 'canny?low=50'")
        return FilterSession(self.kernels())

    def then(self, model: Stage) -> Filtered:
        """These filters in front of a model that takes pictures, with the face of a model.

        Places in its results are those of the frame: filters keep the size. `close()` closes the model.

        Raises:
            InputError: the model takes no pictures.
        """
        return Filtered(self, model)

    def stream(
        self, source: Source, budget: Budget | None = None, *, timeout_s: float | None = None
    ) -> Stream:
        """Runs the filters on a source, inside a budget; see `Model.stream`. Each result is a `Picture`."""
        from edgemm.stream.opened import open_stream

        return open_stream(self.session, source, budget, timeout_s)

    def close(self) -> None:
        """Nothing: filters hold nothing."""


class Filtered(Joined):
    """Filters, and a model that sees what they make, with the face of a `Model`. `close()` closes the model."""

    def __init__(self, filters: Filter, model: Stage) -> None:
        """Use `then` of the filters.

        Raises:
            InputError: the model takes no pictures.
        """
        if model.modality != "image":
            raise InputError(
                f"then: expected a model that takes pictures behind filters, found one of {model.modality}"
            )
        super().__init__("the filtered model", model, (model,))
        self._filters, self._model = filters, model

    def __call__(self, x: Any, *, sample_rate: int | None = None) -> Result:
        """The result of one picture; see `Model`."""
        self._life.check()
        return self._model(filtered(as_frame(x), self._filters.kernels(), NO_CLOCK))

    def session(self, **options: Any) -> FilteredSession:
        """A new stream's private state; close it when done.

        Args:
            options: of the model, for this session.
        """
        self._life.check()
        return FilteredSession(self._filters.kernels(), self._model.session(**options))


class FilteredSession:
    """One stream of pictures through filters into a model. See `edgemm.session.Session`."""

    modality: Literal["image", "audio", "text"] = "image"

    def __init__(self, kernels: Sequence[tuple[str, Kernel]], session: Session) -> None:
        self._kernels, self._session = kernels, session

    def feed(self, item: Captured, clock: StageClock) -> Iterator[Emission]:
        """What the model says of the filtered picture.

        Raises:
            InputError: no frame.
        """
        if not isinstance(item, Frame):
            raise InputError(f"the model takes pictures: expected a Frame, found {type(item).__name__}")
        yield from self._session.feed(filtered(item, self._kernels, clock), clock)

    def gap(self, gap: Gap, clock: StageClock) -> Iterable[Emission]:
        """What the model has still to say; then what was seen is forgotten."""
        return self._session.gap(gap, clock)

    def finish(self, clock: StageClock) -> Iterable[Emission]:
        """What the model has still to say."""
        return self._session.finish(clock)

    def cancel(self) -> None:
        """See `edgemm.session.Session`."""
        self._session.cancel()

    def reset(self) -> None:
        """What the model remembers is forgotten."""
        self._session.reset()

    def close(self) -> None:
        """Frees what the model's session holds."""
        self._session.close()
