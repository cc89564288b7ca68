"""`Track`: from this frame's result to the next frame's part, so that the first model need not run on each frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from edgemm.chain.crop import Crop
from edgemm.chain.smooth import PointFilter, Smooth
from edgemm.errors import InputError
from edgemm.media import Frame
from edgemm.preprocess.view import Region
from edgemm.session import Session


@dataclass(frozen=True, slots=True)
class Track:
    """How things are followed from frame to frame by the points that the second model finds in them.

    The first model runs when nothing is tracked, on the frame after one in which a track was lost, after a gap in time,
    and every so often while fewer things are tracked than are wanted.
    """

    next: Crop
    """The part of the next frame that the second model sees, by its result in this one."""
    every_s: float | None = 0.5
    """Seconds between two runs of the first model while fewer things are tracked than the first crop's `at_most`, or
    where that is None. 0: on each frame; None: not for that."""
    lost_below: float = 0.5
    """0..1: a thing whose result has a lower score is lost."""
    overlap: float = 0.5
    """0..1: what is found and covers a tracked part so much (intersection over union of upright boxes) is the same."""
    gap_s: float = 1.0
    """Seconds between two frames after which all tracks are forgotten."""
    smooth: Smooth | None = None
    """Of the points that the next crop is made of; None: as they are."""

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {
        "every_s": (0, 1e6), "lost_below": (0, 1), "overlap": (0, 1), "gap_s": (1e-3, 1e6),
    }  # fmt: skip

    def __post_init__(self) -> None:
        if not isinstance(self.next, Crop):
            raise InputError(f"Track.next: expected a Crop, found {type(self.next).__name__}")
        if self.next.at_most not in (None, 1):
            raise InputError(
                "Track.next: expected a crop of one thing, found at_most. Say how many are wanted in the first crop"
            )
        if self.smooth is not None and not isinstance(self.smooth, Smooth):
            raise InputError(f"Track.smooth: expected a Smooth, found {type(self.smooth).__name__}")
        for name, (low, high) in self.BOUNDS.items():
            value = getattr(self, name)
            if value is None and name == "every_s":
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise InputError(f"Track.{name}: expected {low:g} to {high:g}, found {value!r}")


@dataclass(slots=True, eq=False)
class Tracked:
    """One thing that is followed, and what a chain remembers of it."""

    number: int
    region: Region
    """Where it is looked for in the next frame."""
    label: str
    filters: dict[str, PointFilter] = field(default_factory=dict)
    """Stage -> the smoothing of its points."""
    ahead: PointFilter | None = None
    """The smoothing of the points that the next part is made of."""
    sessions: dict[str, Session] = field(default_factory=dict)
    """Stage -> the session of a model that remembers this thing."""

    def close(self) -> None:
        """Frees the sessions."""
        sessions, self.sessions = self.sessions, {}
        for each in sessions.values():
            each.close()


class Continuity:
    """Whether a frame follows the one before it: of the same source and size, and soon after."""

    def __init__(self, gap_s: float) -> None:
        self._gap_ns = gap_s * 1e9
        self._last: tuple[int, tuple[int, ...], str] | None = None

    def follows(self, frame: Frame) -> bool:
        """True where it does; remembers it."""
        before, self._last = self._last, (frame.moment_ns, frame.pixels.shape[:2], frame.origin)
        if before is None:
            return False
        at_ns, shape, origin = before
        return 0 <= frame.moment_ns - at_ns <= self._gap_ns and (shape, origin) == self._last[1:]
