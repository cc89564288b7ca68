"""A film of a stream: its pictures with their results, at the times at which they were captured."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from edgemm import atomic
from edgemm.choices import choice, expected_one_of
from edgemm.errors import InputError, MachineShortage
from edgemm.log import LOG
from edgemm.sinks.drawn import DrawnItem, slots
from edgemm.sinks.film import CODECS, RESERVE_BYTES, SMALLEST, Codec, Film
from edgemm.sinks.grid import SKIP, TimeGrid
from edgemm.sinks.outbox import CAPACITY, Outbox
from edgemm.sinks.queued import CompleteSink

if TYPE_CHECKING:
    from edgemm.capture.source import Source
    from edgemm.stream.item import Item

LONGEST_LAG_S = 5.0
"""An encoder that is farther behind a live source repeats no pictures until it has caught up."""
SLOWEST, FASTEST = 0.1, 240.0
_LOOK_EVERY = 32
"""Pictures between two looks at the disk's free space."""
OTHER_STREAM = "other_stream"
DRAWN = ("image", "seed")
"""What a source may give where results are drawn: pictures, or seeds of pictures."""
Existing = Literal["refuse", "replace", "number"]
"""What is done where a film is there already."""


class VideoSink(CompleteSink):
    """Writes one stream into a film (.mp4, .webm, .avi, .mkv); the suffix decides the codec, see `CODECS`.

    The film has a fixed rate. A picture is repeated where the next one is not there in time, and skipped where there
    are more than the film has places, so that each is shown within 1/fps seconds of its time of capture; both are
    counted. From a file that is read as fast as it can be, the time of a picture is its number in the file divided by
    the file's rate. Of a pause of more than a minute nothing is shown; nor are pauses while the encoder is more than
    LONGEST_LAG_S behind a live source, which it is when it cannot write `fps` pictures a second. Both are told.

    The film's size is that of the first picture; others are scaled into it, centred on black. It is written as
    NAME.part.SUFFIX and gets its name from `close()`, whole: what a killed program leaves is that part, of which .mkv,
    .webm and .avi can be played, .mp4 cannot. When less than 8 MiB of the disk are free the film is ended and kept, and
    so it is after any other error; `drain` and `close` raise it.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        fps: float | None = None,
        source: Source | None = None,
        existing: Existing = "refuse",
        capacity: int = CAPACITY,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Args:
            path: of the film.
            fps: pictures per second; None: the source's rate, or where it tells none, 30, and 10 for .webm, which takes
                several times longer to write.
            source: where the stream's frames come from; None: any, whose frames have true times.
            existing: where a file of this name is there: "refuse" it; "replace" it, in the end; or "number" the new
                film, NAME-2.SUFFIX.
            capacity: pictures that may wait for the encoder.
            now_ns: the clock of capture times, nanoseconds.

        Raises:
            InputError: the suffix or the rate is not known, the source is sound, the folder cannot be written to, or a
                film is there.
            EdgemmError: OpenCV has no encoder for this suffix, or the disk is full.
            MissingDependency: OpenCV is not installed.
        """
        self._replace = choice("existing", existing, ("refuse", "replace", "number")) == "replace"
        path = Path(path) if existing != "number" else atomic.free_name(Path(path))
        self.path = path.absolute()
        self.name = str(path)
        self._codec = require_codec(path)
        require_pictures(source, self.name)
        rate = _rate_of(source)
        self.fps = _checked(fps if fps is not None else rate or self._codec.live_fps)
        self._period_ns = 0.0 if rate is None or source is None or source.live else 1e9 / rate
        """Between two frames of a file that is read as fast as it can be; 0: frames have true times."""
        atomic.check(self.path, "film")
        if not self._replace:
            require_free(path)
        self._try_encoder()
        self.grid = TimeGrid(self.fps)
        self._now_ns = now_ns
        self._begun_ns: int | None = None
        """Clock less time of capture, when the first picture came to the encoder."""
        self._film: Film | None = None
        self._before: npt.NDArray[np.uint8] | None = None
        self._bytes = 0
        self._stream: str | None = None
        self._outbox = Outbox(f"film {path}", slots(), self._write, self._finish, capacity=capacity)
        LOG.info("%s: %s", path, self._codec.words)

    def put(self, stream: str, item: Item) -> bool:
        """See `Sink.put`; the items of a second stream are refused."""
        if self._stream is None:
            self._stream = stream
        if stream != self._stream:
            return self._outbox.refuse(OTHER_STREAM)
        return super().put(stream, item)

    def close(self) -> None:
        """Puts the film in its place; without any picture there is no film.

        Raises:
            EdgemmError: it could not be written, or not to its end.
        """
        super().close()

    def summary(self) -> dict[str, Any]:
        """Plain JSON values: path, codec, fps; items taken, written and refused by reason; `frames` of the film,
        those `repeated` among them, pictures `skipped`, `left_out_s` of pauses, and its size in bytes when closed."""
        return {
            "path": self.name,
            "codec": self._codec.fourcc,
            "fps": self.fps,
            **super().summary(),
            "frames": self.grid.placed,
            "repeated": self.grid.repeated,
            "skipped": self.grid.skipped,
            "left_out_s": round(self.grid.left_out_ns / 1e9, 3),
            "bytes": self._bytes,
        }

    def _try_encoder(self) -> None:
        """A film without pictures, so that a missing encoder is told before the stream begins."""
        trial = Film(self.path, self.fps, (SMALLEST, SMALLEST), trial=True)
        try:
            if trial.free_bytes() <= 0:
                raise MachineShortage(_full(self.name, "expected more than that"))
        finally:
            trial.drop()

    def _write(self, slot: DrawnItem) -> bool:
        """False for a picture that is skipped."""
        if self._period_ns:
            repeats = self.grid.place(round(slot.frame_number * self._period_ns))
        else:
            repeats = self.grid.place(slot.captured_ns, without_pause=self._is_far_behind(slot.captured_ns))
        if repeats == SKIP:
            return False
        for _ in range(repeats):
            self._add(self._before)
        self._add(slot.drawn())
        return True

    def _is_far_behind(self, captured_ns: int) -> bool:
        """Compared with the first picture: to repeat others now would put the encoder farther and farther behind."""
        age_ns = self._now_ns() - captured_ns
        if self._begun_ns is None:
            self._begun_ns = age_ns
        return age_ns - self._begun_ns > LONGEST_LAG_S * 1e9

    def _add(self, pixels: npt.NDArray[np.uint8] | None) -> None:
        assert pixels is not None
        if self._film is None:
            size_wh = pixels.shape[1], pixels.shape[0]
            self._film = Film(self.path, self.fps, size_wh, replace=self._replace)
        self._film.write(pixels)
        if self._before is None or self._before.shape != pixels.shape:
            self._before = np.empty_like(pixels)
        if pixels is not self._before:
            np.copyto(self._before, pixels)
        if self._film.frames % _LOOK_EVERY == 0 and self._film.free_bytes() <= 0:
            seconds = self._film.frames / self.fps
            self._finish(failed=False)
            raise MachineShortage(_full(self.name, f"the film ends after {seconds:.1f} s, which are kept"))

    def _finish(self, failed: bool) -> None:
        """What was recorded until an error is kept, too."""
        film, self._film = self._film, None
        if film is None:
            return
        try:
            if film.frames:
                self._bytes = film.finish()
                self.name = str(Path(self.name).with_name(film.path.name))
                self.path = film.path
        finally:
            film.drop()


def require_codec(path: Path) -> Codec:
    """What is written under the suffix of `path`.

    Raises:
        InputError: it is none of a film.
    """
    if path.suffix.lower() not in CODECS:
        raise InputError(f"film {path}: the suffix: {expected_one_of(list(CODECS), path.suffix.lower())}")
    return CODECS[path.suffix.lower()]


def require_free(path: Path, what: str = "film") -> None:
    """Hours of film or sound are not replaced unasked.

    Raises:
        InputError: something is there.
    """
    if os.path.lexists(path):
        raise InputError(
            f"{what} {path}: is there already. Choose another name, remove it, or replace it: --overwrite, or "
            'existing="replace" in Python'
        )


def require_pictures(source: Source | None, name: str) -> None:
    """Raises:
    InputError: the source is sound, or text.
    """
    if source is not None and source.modality not in DRAWN:
        found = "sound" if source.modality == "audio" else source.modality
        raise InputError(f"{name}: expected a source of pictures to draw on, found {found} ({source.uri})")


def _rate_of(source: Source | None) -> float | None:
    """Pictures per second, where the source tells a rate that a film can have."""
    rate = getattr(source, "fps", None)
    return rate if _in_range(rate) else None


def _checked(fps: float) -> float:
    if not _in_range(fps):
        raise InputError(f"fps: expected {SLOWEST:g} to {FASTEST:g} pictures per second, found {fps!r}")
    return float(fps)


def _in_range(fps: object) -> bool:
    return isinstance(fps, int | float) and not isinstance(fps, bool) and SLOWEST <= fps <= FASTEST


def _full(name: str, then: str) -> str:
    return (
        f"film {name}: less than {RESERVE_BYTES >> 20} MiB of the disk are free: {then}. "
        "Delete files, or choose another folder"
    )
