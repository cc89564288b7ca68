"""A file that plays in real time, as a camera or a microphone would."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from edgemm.capture.files.file_source import FileSource, PictureReel, TimedReel
from edgemm.capture.files.timed_film import TimedFilm
from edgemm.capture.losses import CountsLosses
from edgemm.capture.source import Source
from edgemm.errors import SourceTimeout
from edgemm.media import AudioBlock, Captured, Modality


class PacedSource(FileSource):
    """Plays another source: each item comes when it is due, and that moment is its time of capture.

    Time begins with the first `read()`, after the first item has been decoded. The next item is decoded
    ahead, so that a reader who is in time gets it in time. As with a camera, time does not wait for the reader:
    of the pictures that became due since the last `read()` only the newest is given, the others are lost as
    "overrun". As with a sound card that has a long buffer, no sample is lost: a late reader gets older blocks.
    """

    live = True

    def __init__(
        self,
        source: Source,
        *,
        now_ns: Callable[[], int] = time.monotonic_ns,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        """Args:
        source: what is played; it is closed with this one.
        now_ns: the clock, nanoseconds.
        wait: waits so many seconds by the same clock; True, and earlier, when the source is closed meanwhile.
        """
        self.uri = source.uri
        self.modality: Modality = source.modality
        self._source = source
        self._reel = source if isinstance(source, PictureReel) else None
        self._film = (
            TimedFilm(source) if isinstance(source, TimedReel) and source.moment_ns is not None else None
        )
        self._counts = source if isinstance(source, CountsLosses) else None
        self._now_ns = now_ns
        self._stop = threading.Event()
        self._wait = wait or self._stop.wait
        self._next: Captured | None = None
        self._due_ns = 0
        self._start_ns: int | None = None
        self._next_sequence = 0
        self._played_ns = 0
        self._overrun = 0

    @property
    def lost(self) -> Mapping[str, int]:
        """Reason -> items: "overrun" for pictures that nobody read in time, and what the file lost."""
        inner = self._counts.lost if self._counts else {}
        overrun = self._film.overrun if self._film else self._overrun
        return {**inner, "overrun": overrun} if overrun else inner

    def read(self, timeout_s: float | None = None) -> Captured | None:
        """The next item when it is due; None at the end.

        Raises:
            SourceTimeout: it is not due within `timeout_s`.
            SourceLost: the file cannot be read.
        """
        if self._next is None and not self._stop.is_set():
            self._next = self._fetch()
        if self._next is None or not self._wait_until_due(timeout_s):
            return None
        item, self._next = self._next, None
        return item

    def close(self) -> None:
        """Wakes a waiting reader and frees the file."""
        self._stop.set()
        self._source.close()

    def _fetch(self) -> Captured | None:
        """The item that comes next, stamped; None at the end."""
        passed_ns = None if self._start_ns is None else self._now_ns() - self._start_ns
        if self._film is not None:
            item = self._film.read(passed_ns)
        else:
            self._let_pass(passed_ns)
            item = self._source.read()
        if item is None:
            return None
        if self._start_ns is None:
            self._start_ns = self._now_ns() - self._moment_ns(item)
        return self._stamp(item, self._start_ns)

    def _stamp(self, item: Captured, start_ns: int) -> Captured:
        """The item with its time of capture; sets when it is due: a block when its last sample is heard."""
        captured_ns = start_ns + self._moment_ns(item)
        if isinstance(item, AudioBlock):
            self._played_ns += round(len(item.samples) * 1e9 / item.sample_rate)
            self._due_ns = start_ns + self._played_ns
        else:
            self._next_sequence = item.sequence + 1
            self._due_ns = captured_ns
        return replace(item, captured_ns=captured_ns)

    def _moment_ns(self, item: Captured) -> int:
        """When the item is captured, counted from the start of the reel."""
        if isinstance(item, AudioBlock) or self._reel is None:
            return self._played_ns
        return self._film.moment_ns if self._film else round(item.sequence * 1e9 / self._reel.fps)

    def _let_pass(self, passed_ns: int | None) -> None:
        """Passes over the pictures that are no longer the newest."""
        if self._reel is not None and passed_ns is not None:
            newest = int(passed_ns * self._reel.fps / 1e9)
            if newest > self._next_sequence:
                self._overrun += self._reel.skip(newest - self._next_sequence)

    def _wait_until_due(self, timeout_s: float | None) -> bool:
        """True when the next item is due; False when the source is closed."""
        give_up_ns = None if timeout_s is None else self._now_ns() + round(timeout_s * 1e9)
        while (now_ns := self._now_ns()) < self._due_ns:
            if give_up_ns is not None and now_ns >= give_up_ns:
                raise SourceTimeout(f"{self.uri}: nothing is due within {timeout_s:g} s")
            until_ns = self._due_ns if give_up_ns is None else min(self._due_ns, give_up_ns)
            if self._wait((until_ns - now_ns) / 1e9):
                return False
        return not self._stop.is_set()
