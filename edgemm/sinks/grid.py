"""A film has a picture every 1/fps seconds; results come when they come. Which picture belongs where."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_GAP_S = 60.0
"""Of a longer pause the film shows nothing: its time goes on with the next picture, and what is left out is told."""
SKIP = -1


@dataclass(slots=True)
class TimeGrid:
    """Places pictures on a grid so that each is shown within one period of its time of capture.

    As long as pictures come at about the grid's rate each is placed once, whatever the jitter: one is repeated, or
    skipped, only where the film would be a whole period ahead, or behind.
    """

    fps: float
    """Places per second."""
    placed: int = 0
    """Places that are taken, repeats counted in."""
    repeated: int = 0
    """Places that show the picture before once more."""
    skipped: int = 0
    """Pictures for which there is no place."""
    left_out_ns: int = 0
    """Time that the film does not show, and time that ran backwards, in nanoseconds."""
    _origin_ns: int = 0
    _last_ns: int = 0

    def place(self, moment_ns: int, *, without_pause: bool = False) -> int:
        """Where the picture of that moment goes.

        Args:
            without_pause: at once after the one before, however long ago that was: there is no time for repeats.

        Returns:
            How often the picture before it is to be repeated first, 0 or more; SKIP: there is no place for it.
        """
        if not self.placed:
            self._origin_ns = moment_ns
        elif without_pause or not 0 <= moment_ns - self._last_ns <= LONGEST_GAP_S * 1e9:
            self._join(moment_ns)
        self._last_ns = moment_ns
        behind = (moment_ns - self._origin_ns) * self.fps / 1e9 - self.placed  # in periods
        if behind <= -1:
            self.skipped += 1
            return SKIP
        repeats = int(behind + 0.5) if behind >= 1 else 0
        self.repeated += repeats
        self.placed += repeats + 1
        return repeats

    def _join(self, moment_ns: int) -> None:
        """The picture of that moment comes next, without a pause."""
        origin_ns = moment_ns - round(self.placed * 1e9 / self.fps)
        self.left_out_ns += abs(origin_ns - self._origin_ns)
        self._origin_ns = origin_ns
