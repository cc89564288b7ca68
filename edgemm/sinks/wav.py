"""Results that are sound, saved: into one WAV file, or a folder with a file for each."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from edgemm import atomic
from edgemm.choices import choice
from edgemm.errors import InputError
from edgemm.log import LOG
from edgemm.preprocess.resample import resample
from edgemm.results import Audio
from edgemm.sinks.numbered import LIMIT, NumberedFolder
from edgemm.sinks.outbox import NO_PICTURE, Outbox
from edgemm.sinks.queued import CompleteSink
from edgemm.sinks.video import OTHER_STREAM, Existing, require_free
from edgemm.sinks.wav_file import WavFile, wav_bytes
from edgemm.stream.item import Item

SUFFIX = ".wav"
CAPACITY = 64
"""Sounds that wait for the disk."""
NO_SOUND = "no_sound"
"""Why an item was refused: its result is no sound."""


class SoundItem:
    """A slot for sounds."""

    __slots__ = ("sample_rate", "samples", "sequence", "stream")

    samples: npt.NDArray[np.float32]
    sample_rate: int
    """Hertz."""
    stream: str
    sequence: int
    """Of the result in its stream."""

    def take(self, stream: str, item: Item) -> None:
        """Copies the samples.

        Raises:
            InputError: the result is no sound.
        """
        if not isinstance(item.value, Audio):
            raise InputError(f"expected a result that is sound, found {type(item.value).__name__}")
        self.stream, self.sequence = stream, item.sequence
        self.samples, self.sample_rate = item.value.samples.astype(np.float32), item.value.sample_rate


class SoundOutbox(Outbox[SoundItem]):
    """An outbox that says "no_sound" of what is none."""

    def refuse(self, reason: str) -> bool:
        """See `Outbox.refuse`."""
        return super().refuse(NO_SOUND if reason == NO_PICTURE else reason)


class WavSink(CompleteSink):
    """Writes the sounds of one stream one after the other into a WAV file: int16, one channel, at the first one's rate.

    Sound of another rate is converted, which is counted and logged. The file is written as NAME.part.wav and gets its
    name from `close()`; without any sound there is no file. What a killed program leaves is that part, which can be
    played. When the disk is full the file is ended and kept, and so it is after any other error; `drain` and `close`
    raise it.
    """

    def __init__(self, path: str | Path, *, existing: Existing = "refuse", capacity: int = CAPACITY) -> None:
        """Args:
            path: of the file; ends in .wav.
            existing: where a file of this name is there: "refuse" it; "replace" it, in the end; or "number" the new
                one, NAME-2.wav.
            capacity: sounds that may wait for the disk.

        Raises:
            InputError: another suffix, the folder cannot be written to, or a file is there.
        """
        self._replace = choice("existing", existing, ("refuse", "replace", "number")) == "replace"
        path = Path(path) if existing != "number" else atomic.free_name(Path(path))
        if path.suffix.lower() != SUFFIX:
            raise InputError(f"sound {path}: the suffix: expected {SUFFIX}, found {path.suffix.lower()!r}")
        self.path = path.absolute()
        self.name = str(path)
        atomic.check(self.path, "sound")
        if not self._replace:
            require_free(path, "sound")
        self.converted = 0
        self._file: WavFile | None = None
        self._sample_rate = self._samples = self._bytes = 0
        self._stream: str | None = None
        self._outbox = SoundOutbox(f"sound {path}", SoundItem, self._write, self._finish, capacity=capacity)

    def put(self, stream: str, item: Item) -> bool:
        """See `Sink.put`; the items of a second stream are refused."""
        if self._stream is None:
            self._stream = stream
        return super().put(stream, item) if stream == self._stream else self._outbox.refuse(OTHER_STREAM)

    def summary(self) -> dict[str, Any]:
        """Plain JSON values: path; items taken, written, refused by reason; `sample_rate` of the file in hertz,
        `converted`, items of another rate, `seconds`, and its size in bytes when closed."""
        return {
            "path": self.name,
            **super().summary(),
            "sample_rate": self._sample_rate or None,
            "converted": self.converted,
            "seconds": round(self._samples / self._sample_rate, 3) if self._sample_rate else 0.0,
            "bytes": self._bytes,
        }

    def _write(self, slot: SoundItem) -> None:
        if self._file is None:
            self._file = WavFile(self.path, slot.sample_rate, replace=self._replace)
            self._sample_rate = slot.sample_rate
        if slot.sample_rate != self._sample_rate:
            if not self.converted:
                LOG.warning(
                    "%s: sound of %d Hz is converted to the file's %d Hz",
                    self.name,
                    slot.sample_rate,
                    self._sample_rate,
                )
            self.converted += 1
        self._file.add(resample(slot.samples, slot.sample_rate, self._sample_rate))
        self._samples = self._file.samples

    def _finish(self, failed: bool) -> None:
        """What was written until an error is kept, too."""
        file, self._file = self._file, None
        if file is None:
            require_sound(self.name, self._outbox)
            return
        try:
            if file.samples:
                self._bytes = file.finish()
                self.name = str(Path(self.name).with_name(file.path.name))
                self.path = file.path
        finally:
            file.drop()


class SoundFolder(NumberedFolder):
    """Writes each sound into a WAV file of its own, at its own rate; see `NumberedFolder`."""

    _WHAT: ClassVar[str] = "sounds"

    def __init__(self, path: str | Path, *, limit: int = LIMIT, capacity: int = CAPACITY) -> None:
        """Args:
            path: the folder; made where there is none, with those above it.
            limit: sounds that are kept.
            capacity: sounds that may wait for the disk.

        Raises:
            InputError: it is no folder, or cannot be written to.
        """
        super().__init__(path, SUFFIX[1:], limit)
        self._outbox = SoundOutbox(f"folder {path}", SoundItem, self._write, self._finish, capacity=capacity)

    def _coded(self, slot: SoundItem) -> bytes:
        return wav_bytes(slot.samples, slot.sample_rate)

    def _finish(self, failed: bool) -> None:
        super()._finish(failed)
        require_sound(self.name, self._outbox)


def require_sound(name: str, outbox: Outbox[SoundItem]) -> None:
    """Tells whoever saves the sound of a model that makes none.

    Raises:
        InputError: there were results, and none of them was sound.
    """
    others = outbox.refused.get(NO_SOUND, 0)
    if others and not outbox.taken:
        raise no_sound(name, others)


def no_sound(name: str, others: int) -> InputError:
    """The error of a sink for sound that was given none."""
    return InputError(
        f"{name}: expected results that are sound (Audio), found none among {others}. For results as lines of JSON say "
        "--record FILE"
    )
