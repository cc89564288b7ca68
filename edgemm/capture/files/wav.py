"""RIFF WAVE files: integer PCM of up to 32 bits and float of 32 and 64 bits, read block by block.

Follows the "Multiple Channel Audio Data and WAVE Files" note for the extensible header. The standard
library's `wave` refuses float everywhere and, before Python 3.12, the extensible header that 24-bit
recorders write; so the header is read here. A recording that was written into a pipe, whose header was never
completed, is read to the end of the file.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from edgemm.errors import SourceLost
from edgemm.log import LOG

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_LONG = (b"RF64", b"BW64")
"""How files above 4 GiB begin: EBU Tech 3306, ITU-R BS.2088. Their length stands in the chunk "ds64"."""
_UNTIL_THE_END = 0xFFFFFFFF
_STREAMED = 0x7FFF_F000
"""A length from here on stands for one that was not known: FFmpeg writes 0xFFFFFFFF, SoX 0x7FFFF000 or so."""
_MAX_CHUNKS = 1000
_START_BYTES = 40
"""The longest part of a chunk that is read here: an extensible format."""
_NAMES = frozenset(
    {b"fmt ", b"data", b"LIST", b"fact", b"bext", b"JUNK", b"junk", b"PAD ", b"FLLR", b"ds64", b"id3 ", b"ID3 ",
     b"cue ", b"smpl", b"inst", b"iXML", b"axml", b"chna", b"PEAK", b"afsp", b"_PMX", b"plst", b"acid", b"umid"}
)  # fmt: skip
"""Names of chunks that programs write."""
_RATES = range(1000, 768_001)
_CONVERT = "convert it with: ffmpeg -i FILE -c:a pcm_s16le OUT.wav"


@dataclass(frozen=True, slots=True)
class WavFormat:
    """How samples are stored in a file."""

    channels: int
    sample_rate: int
    """Hertz."""
    bits: int
    """Per sample, as it is stored: 8, 16, 24 or 32, or 64 for float."""
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

    def not_finite(self, raw: bytes) -> int:
        """How many of the stored numbers are NaN or infinity; 0 for integers."""
        return int(np.count_nonzero(~np.isfinite(self._stored_floats(raw)))) if self.is_float else 0

    def _stored_floats(self, raw: bytes) -> npt.NDArray[np.floating]:
        return np.frombuffer(raw, "<f4" if self.bits == 32 else "<f8")

    def _float_samples(self, raw: bytes) -> npt.NDArray[np.float32]:
        """One number per stored sample; the divisors are powers of two, so nothing is rounded twice."""
        if self.is_float:
            heard = np.nan_to_num(self._stored_floats(raw))
            limited: npt.NDArray[np.float32] = np.clip(heard, -1, 1).astype(np.float32)
            return limited
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
        self.not_finite = 0
        """Stored numbers read so far that are NaN, which is read as 0, or infinity, which is read as full scale."""
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
        whole = raw[: len(raw) - len(raw) % self.format.frame_bytes]
        self.not_finite += self.format.not_finite(whole)
        return self.format.mono(whole)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _read_header(file: BinaryIO, path: str) -> tuple[WavFormat, int]:
    """Format of the samples, and how many bytes of them follow from where the file now stands."""
    riff = file.read(12)
    if riff[:4] not in (b"RIFF", *_LONG) or riff[8:] != b"WAVE":
        raise SourceLost(f"{path} is not a WAV file: it begins with {riff[:12]!r}; {_CONVERT}")
    chunks = _Chunks(file)
    found: WavFormat | None = None
    long_bytes: int | None = None
    empty = False
    for chunk in chunks:
        if chunk.name == b"ds64":
            long_bytes = struct.unpack("<Q", chunk.start[8:16])[0] if len(chunk.start) >= 16 else None
        elif chunk.name == b"fmt ":
            found = _parse_format(chunk.start, path)
        elif chunk.name == b"data" and (chunk.length or not chunks.go_on_from(chunk)):
            length = chunk.length if long_bytes is None or chunk.length != _UNTIL_THE_END else long_bytes
            file.seek(chunk.begin)
            return _require(found, path), _data_bytes(length, chunks.size - chunk.begin, path)
        empty = empty or chunk.name == b"data"
    if empty:
        raise SourceLost(f"{path} is a WAV file without sound: its data chunk has 0 samples")
    raise SourceLost(f"{path} is a WAV file without sound: it holds no data chunk, or is cut short before it")


class _Chunk(NamedTuple):
    """One part of a file."""

    name: bytes
    length: int
    """Bytes, as its header says."""
    begin: int
    """Where its content begins in the file."""
    start: bytes
    """The first bytes of its content."""


class _Chunks:
    """The chunks of a file, one after the other.

    A chunk of odd length is followed by a byte of padding, which some programs leave out: the next chunk then begins
    where a name stands.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.size = os.fstat(file.fileno()).st_size
        self._file = file

    def __iter__(self) -> Iterator[_Chunk]:
        begin = self._file.tell()
        for _ in range(_MAX_CHUNKS):
            chunk = self._at(begin)
            if chunk is None:
                return
            yield chunk
            begin = self._behind(chunk)

    def go_on_from(self, empty: _Chunk) -> bool:
        """True when chunks follow an empty one up to the end of the file, or up to another one. Else what follows
        is the sound itself, of a program that wrote the header before it knew the length."""
        begin = empty.begin
        for _ in range(_MAX_CHUNKS):
            if begin >= self.size:
                return True
            chunk = self._at(begin)
            if chunk is None or not _is_name(chunk.name):
                return False
            if chunk.name == b"data":
                return True
            if chunk.begin + chunk.length > self.size:
                return False
            begin = self._behind(chunk)
        return False

    def _at(self, begin: int) -> _Chunk | None:
        self._file.seek(begin)
        header = self._file.read(8)
        if len(header) < 8:
            return None
        name, length = header[:4], struct.unpack("<I", header[4:])[0]
        return _Chunk(name, length, begin + 8, self._file.read(min(length, _START_BYTES)))

    def _behind(self, chunk: _Chunk) -> int:
        """Where the next chunk begins."""
        end = chunk.begin + chunk.length
        if not chunk.length % 2:
            return end
        self._file.seek(end)
        found = self._file.read(5)
        padded, bare = found[1:], found[:4]
        if found[:1] == b"\0":
            return end + 1
        return end if bare in _NAMES or (_is_name(bare) and not _is_name(padded)) else end + 1


def _is_name(name: bytes) -> bool:
    """True for four printable letters of ASCII, which every chunk's name is."""
    return len(name) == 4 and all(0x20 <= letter < 0x7F for letter in name)


def _require(found: WavFormat | None, path: str) -> WavFormat:
    if found is None:
        raise SourceLost(f"{path} is a damaged WAV file: its sound comes before its format")
    return found


def _data_bytes(length: int, present: int, path: str) -> int:
    """Bytes of sound that are really there. A program that writes into a pipe does not know the length: it leaves 0,
    or a number near the largest that there is."""
    streamed = length == 0 or length >= _STREAMED
    if present < length and not streamed:
        LOG.warning(
            "%s is cut short: its header promises %d bytes of sound, %d are there", path, length, present
        )
    usable = present if length == 0 else min(length, present)
    if usable <= 0:
        raise SourceLost(f"{path} is a WAV file without sound: 0 bytes of it")
    return usable


def _parse_format(chunk: bytes, path: str) -> WavFormat:
    if len(chunk) < 16:
        raise SourceLost(f"{path} is a damaged WAV file: {len(chunk)} bytes of format, expected at least 16")
    tag, channels, rate, _, align, bits = struct.unpack("<HHIIHH", chunk[:16])
    if tag == _EXTENSIBLE and len(chunk) >= 26:
        tag = struct.unpack("<H", chunk[24:26])[0]
    supported = (tag == _PCM and 1 <= bits <= 32) or (tag == _FLOAT and bits in (32, 64))
    if not supported:
        raise SourceLost(f"{path} stores sound as format {tag} with {bits} bits; expected integer PCM of up to "
                         f"32 bits, or float of 32 or 64 bits: {_CONVERT}")  # fmt: skip
    bits = -(-bits // 8) * 8  # 12 bits are the upper ones of 16
    if not 1 <= channels <= 64 or rate not in _RATES or align != channels * bits // 8:
        raise SourceLost(
            f"{path} is a damaged WAV file: {channels} channels, {rate} Hz, {align} bytes a sample"
        )
    return WavFormat(channels, rate, bits, tag == _FLOAT)
