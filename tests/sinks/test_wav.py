"""WAV files of results that are sound, read back by the standard library; also after a kill."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from needs import package

import edgemm
from edgemm.errors import EdgemmError, InputError
from edgemm.media import Text
from edgemm.results import Audio, Embedding, Result
from edgemm.sinks import SoundFolder, WavSink
from edgemm.sinks.wav_file import WavFile
from edgemm.stream.item import Item

pytestmark = pytest.mark.device
RATE = 16000


def item(value: Result, number: int = 0) -> Item:
    return Item(value, Text("hello", 0, number), number, 0, 1.0, False, {})


def ramp(count: int, begin: int = 1) -> npt.NDArray[np.float32]:
    """Exact in 16 bits."""
    return (np.arange(begin, begin + count) / 32768).astype(np.float32)


def read(path: Path) -> tuple[npt.NDArray[np.float32], int]:
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        frames = file.readframes(file.getnframes())
        assert len(frames) == 2 * file.getnframes()
        return np.frombuffer(frames, "<i2").astype(np.float32) / np.float32(32768), file.getframerate()


def test_sounds_follow_each_other_to_the_bit(tmp_path: Path) -> None:
    path = tmp_path / "answer.wav"
    with WavSink(path) as sink:
        for number in range(3):
            assert sink.put("", item(Audio(ramp(101, 500 * number + 1), RATE), number))
        sink.drain(10)
        assert not path.exists()
    samples, rate = read(path)
    assert rate == RATE
    assert np.array_equal(samples, np.concatenate([ramp(101, 500 * number + 1) for number in range(3)]))
    assert os.listdir(tmp_path) == ["answer.wav"]
    assert sink.summary() == {
        "path": str(path), "taken": 3, "written": 3, "refused": {}, "sample_rate": RATE, "converted": 0,
        "seconds": round(303 / RATE, 3), "bytes": 44 + 606,
    }  # fmt: skip
    assert path.stat().st_size == 44 + 606


def test_it_is_read_as_a_source(tmp_path: Path) -> None:
    with WavSink(tmp_path / "a.wav") as sink:
        sink.put("", item(Audio(ramp(RATE), RATE)))
    with edgemm.open_source(str(tmp_path / "a.wav")) as source:
        block = source.read()
    assert isinstance(block, edgemm.AudioBlock)
    assert np.array_equal(block.samples, ramp(RATE)[: len(block.samples)])


def test_what_is_beyond_full_scale_is_clipped_and_what_is_no_number_is_silence(tmp_path: Path) -> None:
    with WavSink(tmp_path / "a.wav") as sink:
        sink.put("", item(Audio(np.array([2, -2, np.nan, np.inf, -1, 1], np.float32), RATE)))
    samples, _ = read(tmp_path / "a.wav")
    assert (samples * 32768).tolist() == [32767, -32768, 0, 0, -32768, 32767]


def test_another_rate_is_converted_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    package("soxr")
    tone = (np.sin(np.arange(8000) * 2 * np.pi * 400 / 8000) / 2).astype(np.float32)
    with caplog.at_level(logging.WARNING), WavSink(tmp_path / "a.wav") as sink:
        sink.put("", item(Audio(ramp(100), RATE)))
        sink.put("", item(Audio(tone, 8000), 1))
    samples, _ = read(tmp_path / "a.wav")
    assert len(samples) == 100 + 2 * 8000
    assert int(np.abs(np.fft.rfft(samples[-RATE:])).argmax()) == 400
    assert sink.summary()["converted"] == 1
    assert "sound of 8000 Hz is converted to the file's 16000 Hz" in caplog.text


def test_without_sound_there_is_no_file_and_results_of_another_kind_are_told(tmp_path: Path) -> None:
    with WavSink(tmp_path / "a.wav"):
        pass
    sink = WavSink(tmp_path / "b.wav")
    assert not sink.put("", item(Embedding(np.zeros(1, np.float32))))
    with pytest.raises(
        InputError, match=r"b\.wav: expected results that are sound \(Audio\), found none among 1"
    ):
        sink.close()
    assert sink.summary()["refused"] == {"no_sound": 1}
    assert os.listdir(tmp_path) == []


def test_a_second_stream_is_refused(tmp_path: Path) -> None:
    with WavSink(tmp_path / "a.wav") as sink:
        assert sink.put("a", item(Audio(ramp(10), RATE)))
        assert not sink.put("b", item(Audio(ramp(10), RATE)))
    assert sink.summary()["refused"] == {"other_stream": 1}


def test_a_file_that_is_there_is_refused_replaced_or_left(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"before")
    with pytest.raises(InputError, match="is there already"):
        WavSink(path)
    with WavSink(path, existing="number") as sink:
        sink.put("", item(Audio(ramp(10), RATE)))
    assert sink.summary()["path"] == str(tmp_path / "a-2.wav")
    assert path.read_bytes() == b"before"
    with WavSink(path, existing="replace") as sink:
        sink.put("", item(Audio(ramp(10), RATE)))
        sink.drain(10)
        assert path.read_bytes() == b"before"
    assert len(read(path)[0]) == 10


def test_a_file_that_would_be_too_large_is_ended_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgemm.sinks.wav_file.MAX_BYTES", 250)
    sink = WavSink(tmp_path / "a.wav")
    for number in range(3):
        sink.put("", item(Audio(ramp(100), RATE), number))
    with pytest.raises(EdgemmError, match="a WAV file holds 4 GiB: it ends after 0 s, which are kept"):
        sink.close()
    assert np.array_equal(read(tmp_path / "a.wav")[0], ramp(100))


def test_a_disk_that_fills_up_costs_what_it_does_not_take(tmp_path: Path) -> None:
    """A limit of file size stands for the disk: in a child, for which it is set."""
    program = f"""
import resource, signal, sys
sys.path[:] = {sys.path!r}
from pathlib import Path
import numpy as np
from edgemm.sinks.wav_file import WavFile
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
file = WavFile(Path("a.wav"), 16000)
file.add(np.full(4000, 0.5, np.float32))
try:
    file.add(np.full(4000, 0.25, np.float32))
except OSError as error:
    print(type(error).__name__)
file.finish()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "OSError"
    samples, _ = read(tmp_path / "a.wav")
    assert np.array_equal(samples, np.full(4000, 0.5, np.float32))
    assert (tmp_path / "a.wav").stat().st_size == 44 + 8000


def test_what_a_killed_program_leaves_can_be_played(tmp_path: Path) -> None:
    program = f"""
import sys
sys.path[:] = {sys.path!r}
from pathlib import Path
import numpy as np
from edgemm.sinks.wav_file import WavFile
file = WavFile(Path("a.wav"), 16000)
number = 0
while True:
    file.add(np.full(1000, number % 100 / 128, np.float32))
    number += 1
    print(number, flush=True)
"""
    child = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    for line in child.stdout:
        if int(line) == 200:
            break
    child.send_signal(signal.SIGKILL)
    rest = child.communicate()[0].split()
    last = int(rest[-1]) if rest else 200
    assert os.listdir(tmp_path) == ["a.part.wav"]
    samples, rate = read(tmp_path / "a.part.wav")
    assert rate == RATE
    assert last <= len(samples) / 1000 <= last + 1
    expected = np.repeat((np.arange(len(samples) // 1000) % 100 / 128).astype(np.float32), 1000)
    assert np.array_equal(samples, expected)


def test_a_folder_has_a_file_for_each_sound_at_its_own_rate(tmp_path: Path) -> None:
    with SoundFolder(tmp_path / "said") as sink:
        sink.put("", item(Audio(ramp(10), RATE)))
        sink.put("a b", item(Audio(ramp(20), 8000), 7))
    assert sorted(os.listdir(tmp_path / "said")) == ["edgemm-000000.wav", "edgemm-a_b-000007.wav"]
    for name, count, rate in (("edgemm-000000.wav", 10, RATE), ("edgemm-a_b-000007.wav", 20, 8000)):
        samples, found = read(tmp_path / "said" / name)
        assert np.array_equal(samples, ramp(count))
        assert found == rate


def test_a_folder_goes_on_after_an_earlier_run_and_keeps_so_many(tmp_path: Path) -> None:
    for _ in range(2):
        with SoundFolder(tmp_path, limit=3) as sink:
            for number in range(2):
                sink.put("", item(Audio(ramp(10), RATE), number))
    assert sorted(os.listdir(tmp_path)) == [f"edgemm-00000{each}.wav" for each in (1, 2, 3)]


def test_a_folder_of_results_that_are_no_sound_is_told(tmp_path: Path) -> None:
    sink = SoundFolder(tmp_path)
    sink.put("", item(Embedding(np.zeros(1, np.float32))))
    with pytest.raises(InputError, match="expected results that are sound"):
        sink.close()


def test_a_file_taken_meanwhile_is_left(tmp_path: Path) -> None:
    file = WavFile(tmp_path / "a.wav", RATE)
    file.add(ramp(10))
    (tmp_path / "a.wav").write_bytes(b"theirs")
    file.finish()
    assert file.path == tmp_path / "a-2.wav"
    assert (tmp_path / "a.wav").read_bytes() == b"theirs"
