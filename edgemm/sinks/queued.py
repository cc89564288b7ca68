"""What all sinks with a thread of their own have in common: they hand over to an `Outbox`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgemm.sinks.outbox import Outbox

if TYPE_CHECKING:
    from typing_extensions import Self

    from edgemm.stream.item import Item


class QueuedSink:
    """A `Sink` whose items wait in an outbox, which a subclass makes: `self._outbox`."""

    _outbox: Outbox[Any]

    def put(self, stream: str, item: Item) -> bool:
        """See `Sink.put`."""
        return self._outbox.put(stream, item)

    def drain(self, timeout_s: float) -> None:
        """See `Sink.drain`."""
        self._outbox.drain(timeout_s)

    def close(self) -> None:
        """See `Sink.close`."""
        self._outbox.close()

    def summary(self) -> dict[str, Any]:
        """Plain JSON values: items taken, written and refused by reason."""
        outbox = self._outbox
        return {"taken": outbox.taken, "written": outbox.written, "refused": dict(outbox.refused)}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self._outbox.leave(kind)


class CompleteSink(QueuedSink):
    """One that everything should reach, where the stream can wait: see `HasRoom`."""

    def wait_for_room(self, timeout_s: float) -> bool:
        """See `HasRoom`."""
        return self._outbox.wait_for_room(timeout_s)
