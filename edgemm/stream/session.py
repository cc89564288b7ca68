"""The seam between a stream and a model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Protocol, runtime_checkable

from edgemm.media import Captured
from edgemm.results import Result


class StageClock(Protocol):
    """Takes the time of each stage of one item: `with clock("infer"): ...`."""

    def start(self, stage: str) -> None:
        """Ends the running stage, if any, and begins `stage`."""

    def stop(self) -> None:
        """Ends the running stage."""


@runtime_checkable
class Session(Protocol):
    """The private state of one stream over one model: windows, log-mel history, recurrent state.

    Exists so that the model itself holds no state and two streams of one model do not touch, and so
    that the stream, which keeps time and counts, needs to know nothing of models.
    """

    def feed(self, captured: Captured, clock: StageClock) -> Iterable[Result]:
        """Takes one captured item and gives the results that it completes: one for a frame; none, one
        or several for an audio block. An `AudioBlock` with `gap_samples` above 0 resets first."""

    def reset(self) -> None:
        """Forgets everything heard or seen."""

    def close(self) -> None:
        """Frees what the session holds; the model stays."""


@runtime_checkable
class TakesOneModality(Protocol):
    """A session that says what it is fed with.

    Exists so that a source that does not fit is an error before anything is read. Optional.
    """

    modality: Literal["image", "audio"]
