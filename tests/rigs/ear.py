"""What a virtual speaker plays, heard at its monitor, with the time of each sample."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from types import TracebackType

import numpy as np
import numpy.typing as npt
from pulse import RATE, VirtualMicrophone, wait_until

LOUD = 3000
"""Of 32768: louder is sound."""


class Ear:
    """Records the monitor at `RATE`, apart from PortAudio and from edgemm."""

    def __init__(self, virtual: VirtualMicrophone) -> None:
        self._virtual = virtual
        self._pieces: list[tuple[float, npt.NDArray[np.int16]]] = []
        self._begin()

    def _begin(self) -> None:
        self._child = self._virtual.listen()
        assert self._child.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(self._child.stdout.fileno(),), daemon=True)
        self._reader.start()

    def _read(self, file: int) -> None:
        while data := os.read(file, 4096):
            self._pieces.append((time.monotonic(), np.frombuffer(data[: len(data) // 2 * 2], "<i2")))

    def again(self) -> None:
        """Once the speaker was plugged in again."""
        self._end()
        self._begin()

    def _end(self) -> None:
        self._child.kill()
        self._child.wait()
        self._reader.join(5)  # it reads to the end before the pipe is closed
        for pipe in (self._child.stdout, self._child.stderr):
            if pipe is not None:
                pipe.close()

    def samples(self) -> npt.NDArray[np.int16]:
        """All that was heard."""
        return np.concatenate([samples for _, samples in list(self._pieces)])

    def loud_times(self) -> list[float]:
        """`time.monotonic()` of each loud sample: it was heard then at the latest, and some 5 ms before at most."""
        found: list[float] = []
        for arrived, samples in list(self._pieces):
            places = np.flatnonzero(np.abs(samples.astype(np.int32)) > LOUD)
            found += list(arrived - (len(samples) - places) / RATE)
        return found

    def wait_for(self, holds: Callable[[list[float]], bool], what: str, within_s: float = 10.0) -> None:
        """Until something holds for the loud times."""
        wait_until(lambda: holds(self.loud_times()), what, within_s)

    def __enter__(self) -> Ear:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
