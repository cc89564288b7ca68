"""WAV files as audio blocks."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest

from edgemm.capture import Source, open_source
from edgemm.capture.files.recordings import RecordingSource
from edgemm.errors import SourceLost
from edgemm.media import AudioBlock

pytestmark = pytest.mark.device


class Time(Protocol):
    ns: int

    def now_ns(self) -> int: ...


def blocks(source: Source) -> list[AudioBlock]:
    found = []
    while isinstance(block := source.read(), AudioBlock):
        found.append(block)
    return found


def test_a_recording_comes_in_blocks_of_the_length_asked_for(recording: Callable[..., Path]) -> None:
    with open_source(f"{recording(np.arange(200))}?block_ms=10") as source:
        found = blocks(source)
        assert (source.modality, source.live) == ("audio", False)
    assert [len(block.samples) for block in found] == [80, 80, 40]
    assert [block.position for block in found] == [0, 80, 160]
    assert {block.gap_samples for block in found} == {0}
    assert (np.concatenate([block.samples for block in found]) * 32768).tolist() == list(range(200))


def test_the_last_sample_of_a_block_is_captured_when_it_is_read(
    recording: Callable[..., Path], fake_time: Time
) -> None:
    path = str(recording(np.arange(80)))
    with RecordingSource(path, [path], block_ms=10, now_ns=fake_time.now_ns) as source:
        block = source.read()
    assert block is not None
    assert block.captured_ns + 10_000_000 == fake_time.ns


def test_between_two_recordings_stands_a_gap_of_one_sample(recording: Callable[..., Path]) -> None:
    folder = recording(np.arange(100), name="words/2.wav").parent
    recording(np.arange(50), name="words/10.wav")
    with open_source(f"{folder}?block_ms=10") as source:
        found = blocks(source)
    assert [Path(block.origin).name for block in found] == ["2.wav", "2.wav", "10.wav"]
    assert [block.gap_samples for block in found] == [0, 0, 1]
    assert found[2].gap_reason == "next-file"
    assert [block.position for block in found] == [0, 80, 101]


def test_a_pause_is_silence_after_each_recording(recording: Callable[..., Path]) -> None:
    with open_source(f"{recording(np.full(100, 9))}?block_ms=10&pause_ms=20") as source:
        found = blocks(source)
    assert [(len(block.samples), bool(block.samples.any())) for block in found] == [
        (80, True), (20, True), (80, False), (80, False),
    ]  # fmt: skip
    assert [block.position for block in found] == [0, 80, 100, 180]


def test_each_recording_has_its_own_rate(recording: Callable[..., Path]) -> None:
    folder = recording(np.arange(160), 8000, "words/a.wav").parent
    recording(np.arange(160), 16000, "words/b.wav")
    with open_source(folder) as source:
        assert [(block.sample_rate, len(block.samples)) for block in blocks(source)] == [
            (8000, 160),
            (16000, 160),
        ]


def test_loop_is_a_boundary_too(recording: Callable[..., Path]) -> None:
    with open_source(f"{recording(np.arange(160))}?loop=1") as source:
        found = [source.read() for _ in range(3)]
    assert [block.position for block in found if isinstance(block, AudioBlock)] == [0, 161, 322]


def test_one_unreadable_recording_in_a_folder_is_counted(
    recording: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    folder = recording(np.arange(160), name="words/a.wav").parent
    (folder / "b.wav").write_bytes(b"no sound")
    with caplog.at_level(logging.WARNING, "edgemm"), open_source(folder) as source:
        assert len(blocks(source)) == 1
        assert source.lost == {"unreadable": 1}  # type: ignore[attr-defined]
    assert "b.wav" in caplog.text


def test_a_single_unreadable_recording_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"no sound")
    with open_source(tmp_path / "a.wav") as source, pytest.raises(SourceLost, match=r"a\.wav is not a WAV"):
        source.read()


@pytest.mark.parametrize("options", ["", "?loop=1"])
def test_a_folder_without_one_readable_recording_is_an_error(tmp_path: Path, options: str) -> None:
    for name in "ab":
        (tmp_path / f"{name}.wav").write_bytes(b"no sound")
    with open_source(f"{tmp_path}{options}") as source, pytest.raises(SourceLost, match="none of the 2"):
        source.read()


def test_a_closed_source_is_at_its_end(recording: Callable[..., Path]) -> None:
    source = open_source(recording(np.arange(500)))
    assert source.read() is not None
    source.close()
    source.close()
    assert source.read() is None


@pytest.mark.parametrize("kind", ["<f4", "<f8"])
def test_samples_that_are_no_finite_numbers_are_counted_and_logged_once(
    wav_bytes: Callable[..., Path], kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    stored = np.full(1000, 0.25, kind)
    stored[100:160], stored[700] = np.nan, np.inf
    with open_source(wav_bytes(3, 8 * stored.itemsize, stored.tobytes())) as source:
        heard = np.concatenate([block.samples for block in blocks(source)])
    assert not heard[100:160].any()
    assert heard[700] == 1
    assert getattr(source, "faults", {}) == {"not-finite": 61}
    assert caplog.text.count("no finite numbers") == 1
