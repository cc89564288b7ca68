"""Several sinks that each get every item."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from edgemm.errors import EdgemmError
from edgemm.log import LOG, RateLimitedLog
from edgemm.sinks.sink import HasRoom, Sink

if TYPE_CHECKING:
    from typing_extensions import Self

    from edgemm.stream.item import Item


class Sinks:
    """Hands an item to each of several sinks; one that refuses, or fails, has no effect on the others.

    A sink whose `put` raises, against the protocol, is taken to have refused.
    """

    name = "sinks"

    def __init__(self, sinks: Sequence[Sink]) -> None:
        """Args:
        sinks: closed with this one, in this order.
        """
        self.sinks = tuple(sinks)
        self._refused = [0] * len(self.sinks)
        self._log = RateLimitedLog()

    def put(self, stream: str, item: Item) -> bool:
        """False when one of them has refused it."""
        all_took = True
        for at, sink in enumerate(self.sinks):
            if not self._put(sink, stream, item):
                self._refused[at] += 1
                all_took = False
        return all_took

    def wait_for_room(self, timeout_s: float) -> bool:
        """Waits for those that `HasRoom`, `timeout_s` seconds in all. For streams of files alone."""
        until_s = time.monotonic() + timeout_s
        have_room = True
        for sink in self.sinks:
            if isinstance(sink, HasRoom):
                have_room &= sink.wait_for_room(max(0.0, until_s - time.monotonic()))
        return have_room

    def drain(self, timeout_s: float) -> None:
        """Waits for each of them, `timeout_s` seconds in all.

        Raises:
            EdgemmError: the first error; the others were waited for too, and theirs are logged.
        """
        until_s = time.monotonic() + timeout_s
        self._each(lambda sink: sink.drain(max(0.0, until_s - time.monotonic())))

    def close(self) -> None:
        """Closes each of them; may be called twice.

        Raises:
            EdgemmError: the first error; the others are closed too, and theirs are logged.
            BaseException: Ctrl-C and its like, once all are closed.
        """
        interruptions: list[BaseException] = []

        def close(sink: Sink) -> None:
            try:
                sink.close()
            except Exception:
                raise
            except BaseException as stop:  # noqa: BLE001 - raised when the others are closed
                interruptions.append(stop)

        try:
            self._each(close)
        except EdgemmError as error:
            if not interruptions:
                raise
            LOG.warning("%s", error)
        if interruptions:
            raise interruptions[0]

    def refused(self) -> dict[str, int]:
        """Name of a sink -> items that it has not taken. Sinks of one name are numbered: "callback", "callback 2"."""
        return dict(zip(self._unique_names(), self._refused, strict=True))

    def summary(self) -> dict[str, Any]:
        """Name of a sink -> its summary."""
        return {name: sink.summary() for name, sink in zip(self._unique_names(), self.sinks, strict=True)}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        try:
            self.close()
        except EdgemmError as failed:
            if kind is None:
                raise
            LOG.warning("%s", failed)

    def _put(self, sink: Sink, stream: str, item: Item) -> bool:
        try:
            return sink.put(stream, item)
        except Exception as error:  # noqa: BLE001 - a sink never ends a stream
            self._log.warning(sink.name, f"{sink.name}: {type(error).__name__}: {error}")
            return False

    def _each(self, action: Any) -> None:
        errors: list[EdgemmError] = []
        for sink in self.sinks:
            try:
                action(sink)
            except EdgemmError as error:
                errors.append(error)
            except Exception as error:  # noqa: BLE001 - the others are closed as well
                errors.append(EdgemmError(f"{sink.name}: {type(error).__name__}: {error}"))
        for other in errors[1:]:
            LOG.warning("%s", other)
        if errors:
            raise errors[0]

    def _unique_names(self) -> list[str]:
        names: list[str] = []
        for sink in self.sinks:
            again, name = 2, sink.name
            while name in names:
                name, again = f"{sink.name} {again}", again + 1
            names.append(name)
        return names
