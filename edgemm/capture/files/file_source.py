"""What every source that reads files has in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from edgemm.capture.source import Source

if TYPE_CHECKING:
    from typing_extensions import Self


class FileSource:
    """A context manager whose items wait until they are read."""

    uri: str
    live: bool = False

    def close(self) -> None:
        """Frees the file."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


@runtime_checkable
class PictureReel(Source, Protocol):
    """Recorded pictures that can be played in real time.

    Exists so that pace="live" needs to know nothing of files: it asks for the rate, and passes over
    the pictures whose moment went by unread.
    """

    @property
    def fps(self) -> float:
        """Pictures per second."""

    def skip(self, count: int) -> int:
        """Passes over up to `count` pictures; returns how many there were."""


@runtime_checkable
class TimedReel(PictureReel, Protocol):
    """A reel that knows the moment of each picture, which need not come at equal intervals.

    Exists because phones, screen recorders and cameras in the dark write films of variable frame rate.
    """

    @property
    def moment_ns(self) -> int | None:
        """When the picture was taken that was read, or passed over, last; counted from the first one, in
        nanoseconds. None: pictures come at equal intervals, `fps` a second."""
