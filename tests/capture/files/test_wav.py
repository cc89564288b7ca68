"""WAV files, sample by sample."""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.capture.files.wav import Recording
from edgemm.errors import SourceLost

pytestmark = pytest.mark.device

STORED = {
    (1, 8): (bytes([0, 64, 128, 255]), [-1, -0.5, 0, 127 / 128]),
    (1, 16): (struct.pack("<4h", -32768, -16384, 0, 32767), [-1, -0.5, 0, 32767 / 32768]),
    (1, 24): (b"\0\0\x80\0\0\xc0\0\0\0\xff\xff\x7f", [-1, -0.5, 0, 8388607 / 8388608]),
    (1, 32): (struct.pack("<4i", -(2**31), -(2**30), 0, 2**31 - 1), [-1, -0.5, 0, 1]),
    (3, 32): (struct.pack("<4f", -1, -0.5, 0, 1), [-1, -0.5, 0, 1]),
}


def heard(path: Path, frames: int = 1000) -> npt.NDArray[np.float32]:
    with Recording(str(path)) as opened:
        return opened.read(frames)


@pytest.mark.parametrize("extensible", [False, True])
@pytest.mark.parametrize(("tag", "bits"), STORED)
def test_every_way_of_storing_gives_the_same_sound(
    wav_bytes: Callable[..., Path], tag: int, bits: int, extensible: bool
) -> None:
    data, expected = STORED[tag, bits]
    samples = heard(wav_bytes(tag, bits, data, extensible=extensible))
    assert samples.dtype == np.float32
    np.testing.assert_array_equal(samples, np.asarray(expected, np.float32))


def test_float_sound_outside_the_range_is_clipped_and_no_number_is_silence(
    wav_bytes: Callable[..., Path],
) -> None:
    data = struct.pack("<4f", 1.5, -9, float("nan"), float("inf"))
    assert heard(wav_bytes(3, 32, data)).tolist() == [1, -1, 0, 1]


def test_channels_are_mixed_by_their_mean(recording: Callable[..., Path]) -> None:
    path = recording([[16384, 0], [-16384, 16384]])
    assert heard(path).tolist() == [0.25, 0]


def test_other_chunks_are_passed_over_odd_sizes_too(wav_bytes: Callable[..., Path]) -> None:
    assert heard(wav_bytes(1, 8, b"\x80\xff", extra=b"odd")).tolist() == [0, 127 / 128]


def test_blocks_join_to_the_whole(recording: Callable[..., Path]) -> None:
    with Recording(str(recording(np.arange(10)))) as opened:
        parts = [opened.read(4) for _ in range(4)]
    assert [len(part) for part in parts] == [4, 4, 2, 0]
    assert (np.concatenate(parts) * 32768).tolist() == list(range(10))


def test_a_recording_that_is_cut_short_gives_what_is_there(
    recording: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    path = recording(np.arange(100))
    path.write_bytes(path.read_bytes()[:-51])
    with caplog.at_level(logging.WARNING, "edgemm"):
        samples = heard(path)
    assert len(samples) == 74  # 200 - 51 bytes, the odd one left out
    assert "promises 200 bytes of sound, 149 are there" in caplog.text


def test_a_length_that_was_not_known_means_to_the_end(recording: Callable[..., Path]) -> None:
    path = recording(np.arange(8))
    path.write_bytes(path.read_bytes().replace(b"data\x10\0\0\0", b"data\xff\xff\xff\xff"))
    assert len(heard(path)) == 8


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a WAV file"),
        (b"ID3\x04 an mp3 under this name", "not a WAV file.*ffmpeg"),
        (b"RIFF\x04\0\0\0WAVE", "no data chunk"),
        (b"RIFF\x04\0\0\0WAVEdata\x04\0\0\0abcd", "sound comes before its format"),
        (b"RIFF\x04\0\0\0WAVEfmt \x04\0\0\0abcd", "4 bytes of format"),
        (b"RIFF\x04\0\0\0WAVEjunk\xff\xff\xff\xff", "no data chunk"),
    ],
)
def test_what_is_no_recording_says_why(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "words.wav"
    path.write_bytes(content)
    with pytest.raises(SourceLost, match=message):
        Recording(str(path))


@pytest.mark.parametrize(("tag", "bits"), [(6, 8), (2, 4), (3, 64), (1, 12)])
def test_a_format_that_is_not_supported_says_what_is(
    wav_bytes: Callable[..., Path], tag: int, bits: int
) -> None:
    with pytest.raises(SourceLost, match=f"format {tag} with {bits} bits; expected integer PCM"):
        Recording(str(wav_bytes(tag, bits, bytes(24))))


def test_a_recording_without_sound_is_refused(recording: Callable[..., Path]) -> None:
    with pytest.raises(SourceLost, match="without sound"):
        Recording(str(recording([])))


@pytest.mark.parametrize("field", [22, 24, 32])
def test_a_damaged_format_is_refused(recording: Callable[..., Path], field: int) -> None:
    path = recording(np.arange(8))
    content = bytearray(path.read_bytes())
    content[field : field + 2] = b"\0\0"
    path.write_bytes(content)
    with pytest.raises(SourceLost, match="damaged WAV"):
        Recording(str(path))
