"""The seam between devices and streams."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, runtime_checkable

from edgemm.media import Captured, Modality


@runtime_checkable
class Source(Protocol):
    """Where frames, audio blocks, texts or seeds come from.

    One protocol for cameras, microphones, files and network streams, so that a stream does not
    know which it reads, and a recording can stand in for a device. A source is used from one
    thread, and `close()` may be called twice and from any thread.
    """

    uri: str
    """How it was named, without credentials."""
    live: bool
    """True when time runs on whether it is read or not (a device): a slow reader must drop.
    False for files: every item waits until it is read."""

    @property
    def modality(self) -> Modality:
        """Of its items."""

    def read(self, timeout_s: float | None = None) -> Captured | None:
        """The next item, or None at the end.

        Raises:
            SourceTimeout: nothing came within `timeout_s` seconds.
            SourceLost: the device went away.
        """

    def close(self) -> None:
        """Frees the device."""

    def __enter__(self) -> Source: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@runtime_checkable
class HoldsItems(Protocol):
    """A source that may hold items that were captured and not read yet.

    Exists so that a stream that is to stop still delivers them.
    """

    def read_waiting(self) -> Captured | None:
        """The next of them; None when there is none. Captures nothing."""


@runtime_checkable
class KeepsNewest(Protocol):
    """A source of pictures that is read all the time by itself, and hands out the newest.

    Exists so that a stream does not put a second thread behind the first. It counts what it passes over.
    """

    keeps_newest: bool
    """True: `read()` gives the newest picture, never one that waited behind others."""


@runtime_checkable
class MayBeAwaited(Protocol):
    """A source that need not be there when it is opened.

    Exists so that a stream, and a supervisor, can tell a source that has not come yet from one that hangs.
    """

    @property
    def awaited(self) -> bool:
        """True while it is not there, has never been, and is waited for."""
