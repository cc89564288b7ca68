"""RIFF WAVE files: integer PCM of 8, 16, 24 and 32 bits and 32-bit float, read block by block.

Follows the "Multiple Channel Audio Data and WAVE Files" note for the extensible header. The standard
library's `wave` refuses float everywhere and, before Python 3.12, the extensible header that 24-bit
recorders write; so the header is read here.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from edgemm.errors import SourceLost
from edgemm.log import LOG

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_UNTIL_THE_END = 0xFFFFFFFF
"""The size that a program writes into a pipe, where it does not know the length yet."""
_MAX_CHUNKS = 1000
_RATES = range(1000, 768_001)
_CONVERT = "convert it with: ffmpeg -i FILE -c:a pcm_s16le OUT.wav"


@dataclass(frozen=True, slots=True)
class WavFormat:
    """How samples are stored in a file."""

    channels: int
    sample_rate: int
    """Hertz."""
    bits: int
    """Per sample: 8, 16, 24 or 32."""
    is_float: bool

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample in all channels."""
        return self.channels * self.bits // 8

    def mono(self, raw: bytes) -> npt.NDArray[np.float32]:
        """Stored bytes -> float32[n] in -1..1, the mean of the channels."""
        samples = self._float_samples(raw)
        if self.channels > 1:
            samples = samples.reshape(-1, self.channels).mean(axis=1, dtype=np.float32)
        return samples

    def _float_samples(self, raw: bytes) -> npt.NDArray[np.float32]:
        """One number per stored sample; the divisors are powers of two, so nothing is rounded twice."""
        if self.is_float:
            heard: npt.NDArray[np.float32] = np.nan_to_num(np.frombuffer(raw, "<f4")).astype(np.float32)
            return np.clip(heard, np.float32(-1), np.float32(1))
        if self.bits == 8:
            return (np.frombuffer(raw, np.uint8).astype(np.float32) - np.float32(128)) / np.float32(128)
        if self.bits == 16:
            return np.frombuffer(raw, "<i2").astype(np.float32) / np.float32(1 << 15)
        if self.bits == 24:
            widened = np.zeros((len(raw) // 3, 4), np.uint8)
            widened[:, 1:] = np.frombuffer(raw, np.uint8).reshape(-1, 3)
            raw = widened.tobytes()
        return np.frombuffer(raw, "<i4").astype(np.float32) / np.float32(1 << 31)


class Recording:
    """One open WAV file."""

    def __init__(self, path: str) -> None:
        """Opens the file and reads its header.

        Raises:
            SourceLost: it cannot be read, is no WAV file, is stored in a way that is not supported, or
                holds no sound.
        """
        self.path = path
        try:
            self._file = open(path, "rb")  # noqa: SIM115 - closed by close()
        except OSError as error:
            raise SourceLost(f"{path} cannot be read: {error}") from error
        try:
            self.format, self._bytes_left = _read_header(self._file, path)
        except BaseException:
            self._file.close()
            raise

    def read(self, frames: int) -> npt.NDArray[np.float32]:
        """Up to `frames` further samples, mono; none at the end.

        Raises:
            SourceLost: the file cannot be read any more.
        """
        wanted = min(frames * self.format.frame_bytes, self._bytes_left)
        try:
            raw = self._file.read(wanted)
        except OSError as error:
            raise SourceLost(f"{self.path} cannot be read: {error}") from error
        self._bytes_left -= len(raw)
        if len(raw) < wanted:
            self._bytes_left = 0
        return self.format.mono(raw[: len(raw) - len(raw) % self.format.frame_bytes])

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _read_header(file: BinaryIO, path: str) -> tuple[WavFormat, int]:
    """Format of the samples, and how many bytes of them follow from where the file now stands."""
    size = os.fstat(file.fileno()).st_size
    riff = file.read(12)
    if riff[:4] != b"RIFF" or riff[8:] != b"WAVE":
        raise SourceLost(f"{path} is not a WAV file: it begins with {riff[:12]!r}; {_CONVERT}")
    found: WavFormat | None = None
    for _ in range(_MAX_CHUNKS):
        header = file.read(8)
        if len(header) < 8:
            break
        name, length = header[:4], struct.unpack("<I", header[4:])[0]
        if name == b"data":
            return _require(found, path), _data_bytes(length, size - file.tell(), path)
        if name == b"fmt ":
            found = _parse_format(file.read(min(length, 40)), path)
            length -= min(length, 40)
        file.seek(length + length % 2, os.SEEK_CUR)
    raise SourceLost(f"{path} is a WAV file without sound: it holds no data chunk, or is cut short before it")


def _require(found: WavFormat | None, path: str) -> WavFormat:
    if found is None:
        raise SourceLost(f"{path} is a damaged WAV file: its sound comes before its format")
    return found


def _data_bytes(length: int, present: int, path: str) -> int:
    """Bytes of sound that are really there."""
    if length != _UNTIL_THE_END and present < length:
        LOG.warning(
            "%s is cut short: its header promises %d bytes of sound, %d are there", path, length, present
        )
    usable = present if length == _UNTIL_THE_END else min(length, present)
    if usable <= 0:
        raise SourceLost(f"{path} is a WAV file without sound: 0 bytes of it")
    return usable


def _parse_format(chunk: bytes, path: str) -> WavFormat:
    if len(chunk) < 16:
        raise SourceLost(f"{path} is a damaged WAV file: {len(chunk)} bytes of format, expected at least 16")
    tag, channels, rate, _, align, bits = struct.unpack("<HHIIHH", chunk[:16])
    if tag == _EXTENSIBLE and len(chunk) >= 26:
        tag = struct.unpack("<H", chunk[24:26])[0]
    supported = (tag == _PCM and bits in (8, 16, 24, 32)) or (tag == _FLOAT and bits == 32)
    if not supported:
        raise SourceLost(f"{path} stores sound as format {tag} with {bits} bits; expected integer PCM of 8, 16, "
                         f"24 or 32 bits, or 32-bit float: {_CONVERT}")  # fmt: skip
    if not 1 <= channels <= 64 or rate not in _RATES or align != channels * bits // 8:
        raise SourceLost(
            f"{path} is a damaged WAV file: {channels} channels, {rate} Hz, {align} bytes a sample"
        )
    return WavFormat(channels, rate, bits, tag == _FLOAT)
