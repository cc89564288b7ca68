"""A film that is being written: OpenCV's encoder, into NAME.part.SUFFIX beside the place where the film shall be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm import atomic
from edgemm.errors import EdgemmError, InputError, MachineShortage
from edgemm.log import LOG
from edgemm.opencv import opencv
from edgemm.runtime_noise import without_noise


@dataclass(frozen=True, slots=True)
class Codec:
    """What is written under one suffix."""

    fourcc: str
    """As OpenCV's FFMPEG takes it."""
    words: str
    """What it is, and what plays it."""
    live_fps: float = 30.0
    """Pictures per second of a film from a source that does not tell its rate, such as a camera."""


CODECS = {
    ".mp4": Codec("mp4v", "MPEG-4 Part 2, which VLC, mpv and ffmpeg play and browsers do not"),
    ".webm": Codec(
        "VP80", "VP8, which browsers play; several times slower to write than .mp4", live_fps=10.0
    ),
    ".avi": Codec("MJPG", "motion JPEG: large files, every picture by itself"),
    ".mkv": Codec("mp4v", "MPEG-4 Part 2, which VLC, mpv and ffmpeg play and browsers do not"),
}
"""Suffix -> codec. OpenCV's wheels have no encoder for H.264."""
SMALLEST = 16
"""Pixels of a side: encoders refuse less."""
RESERVE_BYTES = 8 << 20
"""Of free disk space, which the end of a film needs for its index."""


class Film:
    """One film of one size. `write` pictures, then `finish`; `drop` leaves nothing.

    A killed program leaves nothing under the film's own name, and what it has written as NAME.part.SUFFIX: .mkv, .webm
    and .avi can be played, without the last 5 seconds and 256 KiB, which were in memory; an .mp4 cannot, since its
    index comes at the end.
    """

    def __init__(
        self, path: Path, fps: float, size_wh: tuple[int, int], *, replace: bool = False, trial: bool = False
    ) -> None:
        """Begins to write.

        Args:
            path: where the film shall be; its suffix is one of CODECS.
            size_wh: of the first picture; the film's sides are even, and SMALLEST at least.
            replace: a film that is there is replaced; else the new one gets the next free name, NAME-2.SUFFIX.
            trial: it is never finished, and written in a hidden folder, which is removed in any case.

        Raises:
            InputError: its folder cannot be written to.
            EdgemmError: OpenCV cannot write this codec here.
        """
        self.path = path
        """Where the film is put; another one after `finish` where it was taken meanwhile."""
        self.frames = 0
        self._replace = replace
        self.size_wh = even(size_wh[0]), even(size_wh[1])
        self._room: npt.NDArray[np.uint8] | None = None
        self._cv2: Any = opencv()
        with ExitStack() as opened:
            try:
                self._made = opened.enter_context(_in_folder(path) if trial else self._part()).absolute()
            except OSError as error:
                raise InputError(atomic.cannot_write(path, error, "film")) from error
            self._writer = self._open(fps)
            opened.callback(self._writer.release)
            self._opened = opened.pop_all()

    def write(self, pixels: npt.NDArray[np.uint8]) -> None:
        """Adds a picture, uint8[height, width, 3] BGR: of another size it is scaled into the film's, centred on
        black."""
        self._writer.write(self._fitted(pixels))
        self.frames += 1

    def finish(self) -> int:
        """Ends the film and puts it in its place, whole.

        Returns:
            Its size in bytes.

        Raises:
            MachineShortage: the disk is full.
            EdgemmError: it cannot be written, or is not whole; nothing is left.
        """
        with self._opened:
            self._writer.release()  # errors while writing are told by nobody: what is there is looked at
            self._require_whole()
            return self._put_in_place()

    def drop(self) -> None:
        """Leaves nothing of it. May be called after `finish`."""
        self._opened.close()

    def free_bytes(self) -> int:
        """Of the disk that the film is on, beyond what its end needs."""
        found = os.statvfs(self._made.parent)
        return found.f_bavail * found.f_frsize - RESERVE_BYTES

    def _part(self) -> AbstractContextManager[Path]:
        return atomic.visible_part(self.path.with_suffix(self.path.suffix.lower()), replace=self._replace)

    def _put_in_place(self) -> int:
        while True:
            try:
                return atomic.put_in_place(self._made, self.path, fresh=not self._replace)
            except FileExistsError:
                taken, self.path = self.path, atomic.free_name(self.path)
                LOG.warning("film %s: another program has made it meanwhile; saved as %s", taken, self.path)
            except OSError as error:
                raise InputError(atomic.cannot_write(self.path, error, "film")) from error

    def _open(self, fps: float) -> Any:
        codec = CODECS[self.path.suffix.lower()]
        fourcc = self._cv2.VideoWriter_fourcc(*codec.fourcc)
        with without_noise():
            writer = self._cv2.VideoWriter(str(self._made), self._cv2.CAP_FFMPEG, fourcc, fps, self.size_wh)
        if not writer.isOpened():
            raise EdgemmError(
                f"film {self.path}: this OpenCV cannot write {codec.fourcc} films of "
                f"{self.size_wh[0]}x{self.size_wh[1]}: its FFMPEG lacks the encoder, or the disk is full. Choose "
                f"another suffix of {', '.join(CODECS)}, or save pictures into a folder"
            )
        return writer

    def _fitted(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        high, wide = pixels.shape[:2]
        if (wide, high) == self.size_wh:
            return pixels
        width, height = self.size_wh
        if self._room is None:
            self._room = np.empty((height, width, 3), np.uint8)
        self._room[:] = 0
        if width - wide not in (0, 1) or height - high not in (0, 1):
            scale = min(width / wide, height / high)
            wide, high = max(1, int(wide * scale + 1e-6)), max(1, int(high * scale + 1e-6))
            pixels = self._cv2.resize(pixels, (wide, high), interpolation=self._cv2.INTER_AREA)
        left, top = (width - wide) // 2, (height - high) // 2
        self._room[top : top + high, left : left + wide] = pixels
        return self._room

    def _require_whole(self) -> None:
        """Reads the written file's own account of its pictures, which its end would lack on a full disk."""
        reader = self._cv2.VideoCapture(str(self._made), self._cv2.CAP_FFMPEG)
        found = int(reader.get(self._cv2.CAP_PROP_FRAME_COUNT)) if reader.isOpened() else 0
        reader.release()
        if abs(found - self.frames) <= 1:  # .webm tells its length, not its pictures
            return
        message = (
            f"film {self.path}: {self.frames} pictures were written, of which {max(found, 0)} can be read, so nothing "
            "is kept"
        )
        if self.free_bytes() <= 0:
            raise MachineShortage(f"{message}: the disk is full. Delete files, or choose another folder")
        raise EdgemmError(f"{message}. The disk, a quota or a limit of file size (`ulimit -f`) was reached")


@contextmanager
def _in_folder(path: Path) -> Iterator[Path]:
    with atomic.trial_folder(path) as folder:
        yield folder / f"film{path.suffix.lower()}"


def even(side: int) -> int:
    """The smallest size of a film's side that holds so many pixels."""
    return max(SMALLEST, side + side % 2)
