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
    (1, 12): (struct.pack("<4h", -32768, -16384, 0, 0x7FF0), [-1, -0.5, 0, 2047 / 2048]),
    (3, 32): (struct.pack("<4f", -1, -0.5, 0, 1), [-1, -0.5, 0, 1]),
    (3, 64): (struct.pack("<4d", -1, -0.5, 0, 1), [-1, -0.5, 0, 1]),
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


FORMAT = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
SOUND = struct.pack("<5h", 1, 2, 3, -4, 5)


def chunk(name: bytes, body: bytes = b"", *, says: int | None = None, pad: bytes = b"\0") -> bytes:
    return name + struct.pack("<I", len(body) if says is None else says) + body + pad * (len(body) % 2)


def wave_file(tmp_path: Path, *chunks: bytes, form: bytes = b"RIFF") -> Path:
    path = tmp_path / "parts.wav"
    path.write_bytes(form + b"\0\0\0\0WAVE" + b"".join(chunks))
    return path


LAYOUTS = {
    "streamed, length 0": (FORMAT, chunk(b"data", SOUND, says=0)),
    "streamed, FFmpeg": (FORMAT, chunk(b"data", SOUND, says=0xFFFFFFFF)),
    "streamed, SoX": (FORMAT, chunk(b"data", SOUND, says=0x7FFFF000)),
    "an empty chunk first": (FORMAT, chunk(b"data"), chunk(b"data", SOUND)),
    "an empty chunk and a note first": (
        FORMAT,
        chunk(b"data"),
        chunk(b"LIST", b"INFO"),
        chunk(b"data", SOUND),
    ),
    "two empty chunks, then a streamed one": (
        FORMAT,
        chunk(b"data"),
        chunk(b"data"),
        chunk(b"data", SOUND, says=0),
    ),
    "an empty chunk, then one of unknown length": (
        FORMAT,
        chunk(b"data"),
        chunk(b"data", SOUND, says=0xFFFFFFFF),
    ),
    "a broadcast recorder": (
        chunk(b"JUNK", bytes(28)),
        chunk(b"bext", bytes(603)),
        FORMAT,
        chunk(b"data", SOUND),
    ),
    "odd, padded": (chunk(b"LIST", b"odd"), FORMAT, chunk(b"note", b"x"), chunk(b"data", SOUND)),
    "odd, padded with a letter": (chunk(b"LIST", b"odd", pad=b"d"), FORMAT, chunk(b"data", SOUND)),
    "odd, not padded": (
        chunk(b"LIST", b"odd", pad=b""),
        FORMAT,
        chunk(b"note", b"x", pad=b""),
        chunk(b"data", SOUND),
    ),
    "a note behind": (FORMAT, chunk(b"data", SOUND), chunk(b"LIST", b"INFOISFT")),
    "a long format": (b"fmt " + struct.pack("<I", 50) + FORMAT[8:] + bytes(34), chunk(b"data", SOUND)),
}


@pytest.mark.parametrize("chunks", LAYOUTS.values(), ids=LAYOUTS)
def test_the_sound_is_found_and_read_to_its_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, chunks: tuple[bytes, ...]
) -> None:
    samples = heard(wave_file(tmp_path, *chunks))
    assert (samples * 32768).tolist() == [1, 2, 3, -4, 5]
    assert not caplog.messages


def test_sound_that_begins_like_a_name_is_sound(tmp_path: Path) -> None:
    path = wave_file(tmp_path, FORMAT, chunk(b"data", b"noisenoise", says=0))
    assert (heard(path) * 32768).astype("<i2").tobytes() == b"noisenoise"


@pytest.mark.parametrize(
    "behind", [b"", chunk(b"LIST", b"INFO"), chunk(b"data") + chunk(b"LIST", b"odd", pad=b"")]
)
def test_chunks_behind_an_empty_one_are_no_sound(tmp_path: Path, behind: bytes) -> None:
    with pytest.raises(SourceLost, match="without sound: its data chunk has 0 samples"):
        Recording(str(wave_file(tmp_path, FORMAT, chunk(b"data"), behind)))


def test_a_file_whose_sound_is_missing_is_told_from_one_that_has_none(tmp_path: Path) -> None:
    with pytest.raises(SourceLost, match="it holds no data chunk"):
        Recording(str(wave_file(tmp_path, FORMAT)))


@pytest.mark.parametrize("says", [len(SOUND), 0])
@pytest.mark.parametrize("form", [b"RF64", b"BW64"])
def test_a_file_for_more_than_4_gib(tmp_path: Path, form: bytes, says: int) -> None:
    sizes = chunk(b"ds64", struct.pack("<QQQI", 99, says, 5, 0))
    behind = chunk(b"LIST", b"INFO") if says else b""
    path = wave_file(tmp_path, sizes, FORMAT, chunk(b"data", SOUND, says=0xFFFFFFFF), behind, form=form)
    assert (heard(path) * 32768).tolist() == [1, 2, 3, -4, 5]


@pytest.mark.parametrize("form", ["WAV", "WAVEX", "RF64"])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_libsndfile_writes_is_what_it_reads(
    tmp_path: Path, form: str, subtype: str, channels: int
) -> None:
    soundfile = pytest.importorskip("soundfile")
    played = np.random.default_rng(0).uniform(-1, 1, (1001, channels))
    path = tmp_path / "written.wav"
    soundfile.write(path, played, 16000, subtype=subtype, format=form)
    stored = soundfile.read(path, dtype="float64", always_2d=True)[0]
    np.testing.assert_allclose(heard(path, 2000), stored.mean(axis=1), atol=2e-7)  # float32's rounding


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


@pytest.mark.parametrize(("tag", "bits"), [(6, 8), (2, 4), (3, 16), (1, 64)])
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
