"""How long a live source is waited for, and how often it is tried again."""

from __future__ import annotations

import random
from dataclasses import dataclass

from edgemm.capture.uri import SourceUri
from edgemm.errors import InputError

OPTIONS = ("timeout_s", "reconnect", "attempts", "frozen_s", "wait")
"""What a source's name may set."""
_FIRST_S, _LONGEST_S = 0.25, 8.0
_JITTER = 0.2


@dataclass(frozen=True, slots=True)
class Timeouts:
    """What counts as a fault, and what is done about it."""

    timeout_s: float = 5.0
    """A source that is open and gives no frame for so long has stalled."""
    open_s: float = 15.0
    """Longest that opening may take: more than one time-out, since a driver may use one per step."""
    attempts: float = float("inf")
    """Failed attempts in a row to connect again after which the source is lost; 0: it is lost at once."""
    frozen_s: float | None = None
    """The same picture, bit by bit, for so long counts as a stall; None: never."""
    wait: bool = False
    """A source that is not there yet is waited for. False: it must open at the first attempt, so that a name with a
    spelling mistake does not look like a camera that is switched off."""


def timeouts_of(named: SourceUri) -> Timeouts:
    """From the options `timeout_s`, `reconnect` (0: a fault is the end), `attempts` (to connect again, in a row;
    without end when not given), `frozen_s` and `wait` (1: it need not be there yet).

    Raises:
        InputError: one of them is no number, or out of bounds.
    """
    timeout_s = named.number("timeout_s", 0.1, 600.0) or Timeouts().timeout_s
    reconnect, wait = reconnects_and_waits(named)
    attempts = named.number("attempts", 1, 1e9) if reconnect else 0.0
    return Timeouts(
        timeout_s,
        3 * timeout_s,
        float("inf") if attempts is None else attempts,
        named.number("frozen_s", 0.1, 86_400.0),
        wait,
    )


def reconnects_and_waits(named: SourceUri) -> tuple[bool, bool]:
    """From the options `reconnect` and `wait`.

    Raises:
        InputError: one of them is neither 1 nor 0, or they contradict each other.
    """
    reconnect, wait = named.switch("reconnect", default=True), named.switch("wait", default=False)
    if wait and not reconnect:
        raise InputError(f"{named.text!r}: wait=1 tries again and again, reconnect=0 never: give one of them")
    return reconnect, wait


class Backoff:
    """Waits between attempts: 0.25 s, then twice as long each time up to 8 s, each up to a fifth more or
    less, so that many devices do not come back to one server at the same moment."""

    def __init__(self, draw: random.Random | None = None) -> None:
        self._draw = draw or random.Random()
        self._base_s = _FIRST_S

    def next_s(self) -> float:
        """Seconds to wait before the next attempt."""
        wait_s, self._base_s = self._base_s, min(2 * self._base_s, _LONGEST_S)
        return wait_s * self._draw.uniform(1 - _JITTER, 1 + _JITTER)

    def reset(self) -> None:
        """A connection has worked: the next wait is short again."""
        self._base_s = _FIRST_S
