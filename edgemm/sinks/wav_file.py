"""A WAV file that is being written: int16, one channel, into NAME.part.wav beside the place where it shall be."""

from __future__ import annotations

import io
import wave
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgemm import atomic
from edgemm.errors import EdgemmError, InputError
from edgemm.log import LOG

MAX_BYTES = 0xFFFF_FFFF - 36
"""Of samples in one file: its length has 32 bits."""
HEADER_BYTES = 44
_SAMPLE_BYTES = 2


class WavFile:
    """One file of one rate. `add` samples, then `finish`; `drop` leaves nothing.

    After each `add` the header tells of all that is there: what a killed program has written, NAME.part.wav, can be
    played, without what was being added.
    """

    def __init__(self, path: Path, sample_rate: int, *, replace: bool = False) -> None:
        """Begins to write.

        Args:
            path: where the file shall be.
            sample_rate: hertz.
            replace: a file that is there is replaced; else the new one gets the next free name, NAME-2.wav.

        Raises:
            InputError: its folder cannot be written to.
        """
        self.path = path
        """Where the file is put; another one after `finish` where it was taken meanwhile."""
        self.sample_rate = sample_rate
        self.samples = 0
        self._replace = replace
        with ExitStack() as opened:
            try:
                self._made = opened.enter_context(atomic.visible_part(path, replace=replace)).absolute()
                self._file = opened.enter_context(open(self._made, "r+b", buffering=0))
            except OSError as error:
                raise InputError(atomic.cannot_write(path, error, "sound")) from error
            self._opened = opened.pop_all()

    def add(self, samples: npt.NDArray[np.float32]) -> None:
        """Adds float32[n] in -1..1.

        Raises:
            EdgemmError: the file would be larger than a WAV file can be; nothing of it is added.
            OSError: the disk is full, or fails.
        """
        if (self.samples + len(samples)) * _SAMPLE_BYTES > MAX_BYTES:
            seconds = self.samples / self.sample_rate
            raise EdgemmError(
                f"sound {self.path}: a WAV file holds 4 GiB: it ends after {seconds:.0f} s, which are kept"
            )
        self._write(pcm(samples), self._size)  # first, so that the header never tells of what is not there
        self.samples += len(samples)
        self._write(header(self.samples, self.sample_rate), 0)

    @property
    def _size(self) -> int:
        """Bytes of what is whole."""
        return HEADER_BYTES + self.samples * _SAMPLE_BYTES

    def _write(self, data: bytes, at: int) -> None:
        left = memoryview(data)
        self._file.seek(at)
        while left:  # a disk that fills up takes a part first, and then says so
            left = left[self._file.write(left) :]

    def finish(self) -> int:
        """Puts the file in its place, whole.

        Returns:
            Its size in bytes.

        Raises:
            InputError: it cannot be put there.
        """
        with self._opened:
            self._file.truncate(self._size)  # what an error has left behind
            while True:
                try:
                    return atomic.put_in_place(self._made, self.path, fresh=not self._replace)
                except FileExistsError:
                    taken, self.path = self.path, atomic.free_name(self.path)
                    LOG.warning(
                        "sound %s: another program has made it meanwhile; saved as %s", taken, self.path
                    )
                except OSError as error:
                    raise InputError(atomic.cannot_write(self.path, error, "sound")) from error

    def drop(self) -> None:
        """Leaves nothing of it. May be called after `finish`."""
        self._opened.close()


def wav_bytes(samples: npt.NDArray[np.float32], sample_rate: int) -> bytes:
    """A whole file of float32[n] in -1..1."""
    return header(len(samples), sample_rate) + pcm(samples)


def header(samples: int, sample_rate: int) -> bytes:
    """What stands before so many samples of int16 in one channel."""
    made = io.BytesIO()
    with wave.open(made, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(_SAMPLE_BYTES)
        writer.setframerate(sample_rate)
        writer.setnframes(samples)
        writer.writeframesraw(b"")
        found: bytes = made.getvalue()
    return found


def pcm(samples: npt.NDArray[np.float32]) -> bytes:
    """float32[n] in -1..1 -> int16, little endian; what is beyond is clipped, what is no number is silence."""
    finite = np.nan_to_num(samples, posinf=0.0, neginf=0.0)
    found: bytes = np.clip(np.rint(finite * np.float32(32768)), -32768, 32767).astype("<i2").tobytes()
    return found
