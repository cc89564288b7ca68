"""The budget: how old a result may be, and what to do when that cannot be met."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from edgemm.amounts import amount
from edgemm.choices import choice
from edgemm.errors import InputError

Policy = Literal["auto", "newest", "all"]
OnLate = Literal["deliver", "drop"]


@dataclass(frozen=True, slots=True)
class Budget:
    """The age that a result may have when it is delivered, counted from capture."""

    max_age_ms: float | None = None
    """Milliseconds from capture to delivery; None: no limit."""
    policy: Policy = "auto"
    """newest: a newer frame replaces one that waits (dropped as "superseded"). all: nothing is dropped by
    the stream: a file waits; a device that cannot wait loses frames itself, and they are counted.
    auto: newest for live pictures, all for files and for audio."""
    on_late: OnLate = "deliver"
    """A result above `max_age_ms` is delivered and counted late, or dropped as "late". A frame that
    is too old before the model has run is not run at all when "drop" ("stale"), nor is one that could not be ready
    in time, judged by the times that the last ones took ("no-time"); a model that is always too slow is tried
    again once a second. Sound and text are always delivered."""

    ahead: bool = False
    """Pictures of files: the next one is read and decoded in a thread of its own while the model is at work, which
    takes a second core. It waits there for one run of the model, and its age counts that: of a small model, results
    come no sooner, and older. Refused for live pictures, which are read in a thread as they come, and for all that is
    no picture."""

    def __post_init__(self) -> None:
        """Raises:
        InputError: `max_age_ms` is no number above 0, another word than these, no True or False, or nothing that
                makes a result late where late ones are dropped.
        """
        if self.max_age_ms is not None:
            amount("max_age_ms", self.max_age_ms, "milliseconds")
        choice("policy", self.policy, get_args(Policy))
        choice("on_late", self.on_late, get_args(OnLate))
        if not isinstance(self.ahead, bool):
            raise InputError(f"ahead: expected True or False, found {self.ahead!r}")
        if self.on_late == "drop" and self.max_age_ms is None:
            raise InputError(
                'on_late "drop": expected max_age_ms (--max-age MS) beside it, above which a result is late, found none'
            )
