"""WAV files as a source of audio blocks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np

from edgemm.capture.files.file_source import FileSource
from edgemm.capture.files.wav import Recording
from edgemm.capture.losses import Losses, Unreadable
from edgemm.errors import SourceLost
from edgemm.log import LOG
from edgemm.media import AudioBlock

NOT_FINITE = "not-finite"
SUFFIXES = frozenset({".wav", ".wave"})
DEFAULT_BLOCK_MS = 20.0
BOUNDARY = "next-file"
BOUNDARY_SAMPLES = 1
"""`gap_samples` of the first block of every recording after the first. Two recordings are not one sound:
the gap makes every consumer reset, `position` has a hole of this many samples, and the ledger counts them as BOUNDARY:
nothing was lost."""


class RecordingSource(FileSource):
    """Recordings one after the other, in blocks of equal length (the last of each may be shorter).

    With `pause_ms` so much silence follows each. `position` counts on from one recording to the next. A
    block bears the rate of its own recording. A recording that cannot be read is counted in `lost`; when
    none can be read, that is an error.
    """

    modality: Literal["image", "audio", "text"] = "audio"

    def __init__(
        self,
        uri: str,
        paths: Sequence[str],
        *,
        block_ms: float | None = None,
        pause_ms: float | None = None,
        loop: bool = False,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.uri = uri
        self._paths = paths
        self._block_ms = block_ms or DEFAULT_BLOCK_MS
        self._pause_ms = pause_ms or 0.0
        self._loop = loop
        self._now_ns = now_ns
        self._lock = threading.Lock()
        self._closed = False
        self._recording: Recording | None = None
        self._silence = 0
        self._opened = 0
        self._position = 0
        self._gap = 0
        self._not_finite = 0
        self._told: set[str] = set()
        self._losses = Losses()
        self._unreadable = Unreadable(self._losses, uri, len(paths), "recordings")

    @property
    def lost(self) -> Mapping[str, int]:
        """{"unreadable": recordings that could not be read}."""
        return self._losses.counts

    @property
    def faults(self) -> Mapping[str, int]:
        """{"not-finite": stored numbers that are NaN, read as 0, or infinity, read as full scale}; {} without any."""
        return {NOT_FINITE: self._not_finite} if self._not_finite else {}

    def read(self, timeout_s: float | None = None) -> AudioBlock | None:
        """The next block, its last sample stamped with the moment of reading; None at the end.

        Raises:
            SourceLost: not one of the recordings can be read.
        """
        with self._lock:
            while not self._closed and (self._recording or self._open_next()):
                block = self._read_block()
                if block is not None:
                    return block
            return None

    def close(self) -> None:
        """Closes the file."""
        self._closed = True
        with self._lock:
            self._end_recording()

    def _open_next(self) -> bool:
        """Opens the next recording that can be read; False when there is none."""
        while self._loop or self._opened < len(self._paths):
            path = self._paths[self._opened % len(self._paths)]
            self._opened += 1
            try:
                self._recording = Recording(path)
            except SourceLost as error:
                self._unreadable.unreadable(error)
                continue
            self._unreadable.readable()
            self._gap = BOUNDARY_SAMPLES if self._position else 0
            self._silence = round(self._recording.format.sample_rate * self._pause_ms / 1000)
            return True
        return False

    def _read_block(self) -> AudioBlock | None:
        """The next block of the open recording, which is closed at its end."""
        recording = self._recording
        if recording is None:
            return None
        rate = recording.format.sample_rate
        wanted = max(1, round(rate * self._block_ms / 1000))
        before = recording.not_finite
        samples = recording.read(wanted)
        self._count_not_finite(recording, recording.not_finite - before)
        if not len(samples):
            samples = np.zeros(min(wanted, self._silence), np.float32)
            self._silence -= len(samples)
        if not len(samples):
            self._end_recording()
            return None
        position, gap = self._position + self._gap, self._gap
        self._position, self._gap = position + len(samples), 0
        captured_ns = self._now_ns() - round(len(samples) * 1e9 / rate)
        return AudioBlock(
            samples, rate, captured_ns, position, gap, recording.path, BOUNDARY if gap else "gap"
        )

    def _count_not_finite(self, recording: Recording, count: int) -> None:
        """Counts them; logs the first of each file."""
        self._not_finite += count
        if count and recording.path not in self._told:
            self._told.add(recording.path)
            LOG.warning(
                "%s holds samples that are no finite numbers: NaN is read as 0, infinity as full scale",
                recording.path,
            )

    def _end_recording(self) -> None:
        if self._recording is not None:
            self._recording.close()
            self._recording = None
