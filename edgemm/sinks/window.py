"""A window with the pictures of a stream, where there is a display and an OpenCV that has windows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from edgemm.opencv import opencv
from edgemm.sinks.display import require_display
from edgemm.sinks.drawn import DrawnItem, slots
from edgemm.sinks.outbox import Outbox
from edgemm.sinks.queued import QueuedSink

if TYPE_CHECKING:
    from edgemm.stream.item import Item

TITLE = "edgemm"
WINDOW_CLOSED = "window_closed"
_CAPACITY = 2
"""What is shown is never far behind."""
_PUMP_S = 0.05
"""Between two looks at the keyboard while no picture comes."""
_LARGEST_WH = 1280, 720
"""Of a new window; the user may make it larger."""
_ESCAPE = 27


class WindowSink(QueuedSink):
    """Shows each item, in one window for each stream. Esc, or closing a window, ends it and calls `on_closed`.

    Pictures that come while one is being shown are refused: a display is never behind by more than two. All that is
    done with windows is done by one thread, as their libraries want it.
    """

    name = "window"

    def __init__(self, *, on_closed: Callable[[], object] = lambda: None) -> None:
        """Args:
            on_closed: called once, from the window's thread, when the user has closed it: `stream.stop`.

        Raises:
            MissingDependency: OpenCV is not installed, or has no windows (opencv-python-headless).
            InputError: there is no display, or none that a window can be opened on.
        """
        require_display()
        self.closed_by_user = False
        self._cv2: Any = opencv()
        self._on_closed = on_closed
        self._windows: dict[str, str] = {}
        self._seen: set[str] = set()
        self._outbox = Outbox(
            self.name, slots(), self._show, self._finish, capacity=_CAPACITY, idle=self._pump, idle_s=_PUMP_S
        )

    def put(self, stream: str, item: Item) -> bool:
        """See `Sink.put`."""
        return self._outbox.refuse(WINDOW_CLOSED) if self.closed_by_user else super().put(stream, item)

    def _show(self, slot: DrawnItem) -> bool:
        """False once the user has closed the window."""
        if self.closed_by_user:
            return False
        pixels = slot.drawn()
        if slot.stream not in self._windows:
            self._open(slot.stream, pixels.shape[1], pixels.shape[0])
        self._cv2.imshow(self._windows[slot.stream], pixels)
        self._pump()
        return True

    def _open(self, stream: str, width: int, height: int) -> None:
        title = self._windows[stream] = f"{TITLE} {stream}".rstrip()
        self._cv2.namedWindow(title, self._cv2.WINDOW_NORMAL | self._cv2.WINDOW_KEEPRATIO)
        scale = min(1.0, _LARGEST_WH[0] / width, _LARGEST_WH[1] / height)
        self._cv2.resizeWindow(title, max(1, round(width * scale)), max(1, round(height * scale)))

    def _pump(self) -> None:
        """Lets the windows live for a moment, and looks whether the user has had enough."""
        if self.closed_by_user or not self._windows:
            return
        key = self._cv2.waitKey(1) & 0xFF
        if key == _ESCAPE or any(map(self._is_closed, self._windows.values())):
            self.closed_by_user = True
            self._finish(failed=False)
            self._on_closed()

    def _is_closed(self, title: str) -> bool:
        """GTK tells of no window that it is visible; there one that is gone has no property at all."""
        try:
            if self._cv2.getWindowProperty(title, self._cv2.WND_PROP_VISIBLE) >= 1:
                self._seen.add(title)
                return False
            return (
                title in self._seen or self._cv2.getWindowProperty(title, self._cv2.WND_PROP_FULLSCREEN) < 0
            )
        except self._cv2.error:  # Qt, when the last window was closed
            return True

    def _finish(self, failed: bool) -> None:
        if self._windows:
            self._windows.clear()
            with suppress(self._cv2.error):  # they are gone already
                self._cv2.destroyAllWindows()
                self._cv2.waitKey(1)
