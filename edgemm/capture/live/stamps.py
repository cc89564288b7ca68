"""Whether the time that a driver gives can be the time of capture."""

from __future__ import annotations

from edgemm.log import LOG


class Stamps:
    """Takes a driver's stamps where they can be true, and else the moment when the picture was handed over.

    A stamp can be true when it lies after the one before it (at first: after the device was opened) and not
    in the future. That refuses stamps of another clock, of a constant, and of positions in a file. Times only grow:
    where stamps are now true and now not, one that lies before the time last given is a little later.
    """

    def __init__(self, origin: str, opened_ns: int) -> None:
        self._origin = origin
        self._last_ns = self._given_ns = opened_ns
        self._told = False

    def captured_ns(self, stamp_ns: int | None, now_ns: int) -> int:
        """CLOCK_MONOTONIC, nanoseconds: the stamp, or `now_ns` where there is none that can be true."""
        self._given_ns = max(self._true_ns(stamp_ns, now_ns), self._given_ns + 1)
        return self._given_ns

    def _true_ns(self, stamp_ns: int | None, now_ns: int) -> int:
        if stamp_ns is not None and self._last_ns < stamp_ns <= now_ns:
            self._last_ns = stamp_ns
            return stamp_ns
        if not self._told:
            self._told = True
            found = "gives no time of capture" if stamp_ns is None else f"gives {stamp_ns} ns at {now_ns} ns"
            LOG.info("%s %s: a frame is taken to be captured when it is handed over", self._origin, found)
        return now_ns
