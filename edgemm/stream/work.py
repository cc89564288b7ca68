"""What a stream is at work on, between capture and delivery."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgemm.media import Captured
from edgemm.session import Emission


@dataclass(slots=True, eq=False)
class Work:
    """A captured item that the session is at work on."""

    item: Captured
    results: Iterator[Emission]
    answered: bool = False
    """True once it has given a result, or been counted as delivered before."""
    under_way: bool = True
    """False between a result and the next step."""
    unheard: int = 0
    """Samples, the gap before them counted in, that the session has not been given or told of."""
    interrupted: bool = False
    """True once the session was told to give it up."""
    before: Captured | None = None
    """The item that the session speaks of while it ends what was before a gap; None: of this one."""


@dataclass(frozen=True, slots=True, eq=False)
class Pending:
    """A result that is computed and not yet handed over."""

    work: Work
    frame: Captured
    """What the result was made from: the item, or the one before a gap."""
    emission: Emission
    first: bool
    stages_ms: dict[str, float]
