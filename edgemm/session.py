"""The seam between a stream and what it runs: a model, a bundle or a chain."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from edgemm.media import Captured, Modality
from edgemm.results import Result


class StageClock(Protocol):
    """Takes the time of each stage of one item: `with clock("infer"): ...`."""

    def start(self, stage: str) -> None:
        """Ends the running stage, if any, and begins `stage`."""

    def stop(self) -> None:
        """Ends the running stage."""


class NoClock:
    """A `StageClock` that takes no time."""

    def start(self, stage: str) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing."""


NO_CLOCK = NoClock()


class Emission(NamedTuple):
    """A result, and when what it was made from was captured. Times travel with results: a stream asks no result what
    it is."""

    value: Result
    begin_ns: int
    """CLOCK_MONOTONIC, nanoseconds: the oldest part of what made the result."""
    newest_ns: int
    """The newest part, which the result's age is counted from; equal to `begin_ns` for a frame."""
    final: bool = True
    """False for a result that a later one replaces, such as half a sentence."""


@dataclass(frozen=True, slots=True)
class Gap:
    """What was lost between two items of a source."""

    samples: int
    """Samples of sound that are missing."""
    reason: str = "gap"
    """As the ledger counts it: "gap", "overflow", "stalled", "silence" ..."""


class Cancellation:
    """Whether the item that is worked on was given up. Set from any thread, and looked at between two steps."""

    def __init__(self) -> None:
        self._asked = False

    def __bool__(self) -> bool:
        return self._asked

    def cancel(self) -> None:
        """The item under way is given up."""
        self._asked = True

    def renew(self) -> None:
        """A new item begins."""
        self._asked = False


@runtime_checkable
class Session(Protocol):
    """The private state of one stream: windows, log-mel history, recurrent state, tracks.

    Exists so that the model itself holds no state and two streams of one model do not touch, and so
    that the stream, which keeps time and counts, needs to know nothing of models. One thread at a time, but for
    `cancel` and `close`.
    """

    def feed(self, item: Captured, clock: StageClock) -> Iterable[Emission]:
        """Takes one captured item and gives the results that it completes: none, one or several."""

    def gap(self, gap: Gap, clock: StageClock) -> Iterable[Emission]:
        """Something is missing before the next item: what was heard is finished and given, then forgotten."""

    def finish(self, clock: StageClock) -> Iterable[Emission]:
        """The source has ended: last words, right context, the final transcript. `reset` begins anew."""

    def cancel(self) -> None:
        """What is under way ends without a result after the step that it is in; from any thread. What is fed
        afterwards is worked on as ever."""

    def reset(self) -> None:
        """Forgets everything heard or seen."""

    def close(self) -> None:
        """Frees what the session holds; the model stays."""


@runtime_checkable
class TakesOneModality(Protocol):
    """A session that says what it is fed with.

    Exists so that a source that does not fit is an error before anything is read. Optional.
    """

    @property
    def modality(self) -> Modality:
        """Of what it is fed with."""
