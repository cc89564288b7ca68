"""The seam between streams and where their results go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from edgemm.stream.item import Item


class Sink(Protocol):
    """Takes the items of one stream or several.

    Exists so that what a disk, a display or a network does has no effect on the time at which results come.
    """

    name: str
    """What it is called in messages and summaries, such as its path."""

    def put(self, stream: str, item: Item) -> bool:
        """Takes the item, or refuses it: it never waits, and never raises because of the disk, display or network.

        What is kept of the item beyond the call, such as the picture, is copied.

        Args:
            stream: name of the stream; "" where there is one.

        Returns:
            False where it is refused, which is counted.
        """

    def drain(self, timeout_s: float) -> None:
        """Waits until what was taken is written.

        Raises:
            EdgemmError: it is not written within `timeout_s` seconds, or something failed since it was opened.
        """

    def close(self) -> None:
        """Writes what was taken, and ends. May be called twice.

        Raises:
            EdgemmError: something failed since it was opened, and was not told by `drain` yet.
        """

    def summary(self) -> Mapping[str, Any]:
        """Plain JSON values: `taken`, `written`, `refused` {reason: items}, and what else the sink counts."""


@runtime_checkable
class HasRoom(Protocol):
    """A sink that everything should reach, where the stream can wait.

    Exists because a film of a file that is read as fast as it can be should have all its pictures. A loop over a camera
    never calls this.
    """

    def wait_for_room(self, timeout_s: float) -> bool:
        """Waits until the next `put` is not refused for lack of room; False: there is none after `timeout_s` seconds,
        or the sink has failed or ended."""
