"""A function that is called with each item, in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from edgemm.drawing import Canvas
from edgemm.media import AudioBlock, Captured, Frame
from edgemm.sinks.outbox import CAPACITY, Outbox
from edgemm.sinks.queued import CompleteSink
from edgemm.stream.item import Item

if TYPE_CHECKING:
    pass


class CallbackSink(CompleteSink):
    """Calls `function(stream, item)`, for what edgemm has no sink for: a message to a broker, a row in a table.

    The item's picture is a copy in RGB that is written over after the call, so who keeps it copies it. An error that
    the function raises ends the sink, and is raised by `drain` or `close`.
    """

    def __init__(
        self, function: Callable[[str, Item], object], *, name: str = "callback", capacity: int = CAPACITY
    ) -> None:
        """Args:
        name: what messages and summaries call it.
        capacity: items that may wait for the function.
        """
        self.name = name
        self._function = function
        self._outbox = Outbox(name, _CopiedItem, self._call, capacity=capacity)

    def _call(self, slot: _CopiedItem) -> None:
        self._function(slot.stream, slot.item)


class _CopiedItem:
    """A slot for whole items."""

    __slots__ = ("_canvas", "item", "stream")

    item: Item
    stream: str

    def __init__(self) -> None:
        self._canvas: Canvas | None = None  # sound needs no OpenCV

    def take(self, stream: str, item: Item) -> None:
        self.stream, self.item = stream, replace(item, frame=self._copied(item.frame))

    def _copied(self, frame: Captured) -> Captured:
        if isinstance(frame, AudioBlock):
            return replace(frame, samples=frame.samples.copy())
        if not isinstance(frame, Frame):
            return frame
        if self._canvas is None:
            self._canvas = Canvas("rgb")
        self._canvas.load(frame)
        return replace(frame, pixels=self._canvas.pixels, color="rgb")
