"""A virtual microphone: every sample once, in order; what is lost is counted; what a name means."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
from fake_session import FakeSession, emitted
from pulse import RATE, VirtualMicrophone, counting, wait_until
from sweep import WHOLE

import edgemm
from edgemm import child_process
from edgemm.capture import Source, open_source
from edgemm.capture.sound.microphone_source import MicrophoneSource
from edgemm.data import spoken_digits
from edgemm.errors import InputError, SourceNotFound
from edgemm.media import AudioBlock, Captured
from edgemm.recorder.process import list_microphones
from edgemm.results import Embedding
from edgemm.session import Emission, StageClock
from edgemm.stream.stream import Stream

pytestmark = pytest.mark.device

NAME = f"microphone:?rate={RATE}"
CLOCK_S = 0.15
"""How far counted samples and the clock may be apart: what is on its way, and two clocks' jitter under load."""


def microphone(options: str = "") -> MicrophoneSource:
    source = open_source(NAME + options)
    assert isinstance(source, MicrophoneSource)
    return source


def blocks(source: Source, seconds: float) -> Iterator[AudioBlock]:
    """Blocks until so many seconds of sound, gaps counted in, have come."""
    wanted: float | None = None
    while (block := source.read(10)) is not None:
        assert isinstance(block, AudioBlock)
        yield block
        wanted = wanted or block.position - block.gap_samples + seconds * block.sample_rate
        if block.position + len(block.samples) >= wanted:
            return


def noise(seconds: float) -> npt.NDArray[np.int16]:
    """No sample is 0, so that the first one is known from silence."""
    return np.random.default_rng(0).integers(1, 20_000, round(seconds * RATE)).astype(np.int16)


@pytest.mark.parametrize("seconds", [3, pytest.param(25 if WHOLE else 9, marks=pytest.mark.slow)])
def test_every_sample_comes_once_in_order_and_to_the_bit(virtual: VirtualMicrophone, seconds: int) -> None:
    played = noise(seconds)
    with microphone() as source:
        assert source.read(5) is not None
        virtual.play(played)
        heard = list(blocks(source, seconds + 1.5))
        assert source.faults == {}
    assert [block.gap_samples for block in heard] == [0] * len(heard)
    samples = np.concatenate([block.samples for block in heard]) * 32768
    begun = int(np.flatnonzero(samples)[0])
    assert np.array_equal(samples[begun : begun + len(played)], played)


def test_no_sample_is_lost_at_the_start(virtual: VirtualMicrophone) -> None:
    """ALSA's file plug-in in place of a card: its first sample is the first one recorded."""
    with open_source(f"microphone:tape?rate={RATE}") as source:
        samples = np.concatenate([block.samples for block in blocks(source, 1.0)]) * 32768
    assert np.array_equal(samples, counting()[: len(samples)])


def test_blocks_have_their_length_place_and_time(virtual: VirtualMicrophone) -> None:
    with microphone("&block_ms=10") as source:
        heard = list(blocks(source, 1.0))
        now_ns = time.monotonic_ns()
    assert {len(block.samples) for block in heard} == {RATE // 100}
    assert [block.position for block in heard] == [n * RATE // 100 for n in range(len(heard))]
    times = np.array([block.captured_ns for block in heard])
    assert (np.diff(times) > 0).all()
    assert 0 < now_ns - times[-1] < 0.5e9
    settled = times[50:]
    assert np.ptp(settled - np.arange(len(settled)) * 10_000_000) < 40_000_000  # PulseAudio's own jitter


@pytest.mark.parametrize("dtype", ["int16", "float32"])
@pytest.mark.parametrize("pick", ["", "&channels=2", "&channel=1"])
def test_channels_are_mixed_or_picked(virtual: VirtualMicrophone, pick: str, dtype: str) -> None:
    """The virtual microphone has one channel, which PulseAudio gives twice."""
    played = noise(1)
    with microphone(f"{pick}&dtype={dtype}") as source:
        assert source.read(5) is not None
        virtual.play(played)
        samples = np.concatenate([block.samples for block in blocks(source, 2.5)]) * 32768
    begun = int(np.flatnonzero(samples)[0])
    assert samples.dtype == np.float32
    assert np.array_equal(samples[begun : begun + len(played)], played)


def test_microphones_are_listed_and_named(virtual: VirtualMicrophone) -> None:
    names = [each.name for each in list_microphones()]
    assert sorted(names) == ["default", "tape", "usb_headset", "usb_mic"]
    with open_source(f"microphone:{names.index('usb_mic')}?rate={RATE}") as source:
        block = source.read(5)
    assert isinstance(block, AudioBlock)
    assert block.origin == "usb_mic"


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("usb", InputError, "2 microphones are named 'usb'.*usb_mic.*usb_headset"),
        ("bluetooth", SourceNotFound, "no microphone is named 'bluetooth'; there is .*default"),
        ("7", SourceNotFound, "expected 0 to 3"),
    ],
)
def test_a_name_that_is_not_clear(
    virtual: VirtualMicrophone, name: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        open_source(f"microphone:{name}")


def test_a_name_that_is_not_clear_is_not_waited_for(virtual: VirtualMicrophone) -> None:
    with pytest.raises(InputError, match="2 microphones are named 'usb'"):
        open_source("microphone:usb?wait=1")


def test_a_rate_that_is_refused_becomes_the_devices_own(
    virtual: VirtualMicrophone, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), open_source("microphone:?rate=500000") as source:
        block = source.read(5)
    assert isinstance(block, AudioBlock)
    assert block.sample_rate == 44100
    assert "does not record at 500000 Hz" in caplog.text


def test_close_wakes_a_reader_and_ends_the_recorder(faulty: VirtualMicrophone) -> None:
    source = microphone()
    ends: list[None] = []
    pid = source.recorder_pid
    faulty.suspend()

    def read() -> None:
        while (block := source.read()) is not None:
            assert block.position >= 0
        ends.append(None)

    reader = threading.Thread(target=read)
    reader.start()
    begun = time.monotonic()
    source.close()
    reader.join(5)
    assert ends == [None]
    assert time.monotonic() - begun < 2
    assert not os.path.exists(f"/proc/{pid}")
    source.close()


class Slow(FakeSession):
    """A session that sleeps when it is told to."""

    def __init__(self) -> None:
        self.sleep_s = 0.0
        self.resets = 0

    def feed(self, captured: Captured, clock: StageClock) -> tuple[Emission]:
        assert isinstance(captured, AudioBlock)
        time.sleep(self.sleep_s)
        self.sleep_s = 0.0
        return (emitted(captured, Embedding(captured.samples[:1])),)

    def reset(self) -> None:
        self.resets += 1


def test_a_slow_reader_loses_what_the_account_says(virtual: VirtualMicrophone) -> None:
    session, summaries = Slow(), []
    with microphone("&ring_s=0.5") as source, Stream(session, source) as stream:
        first = next(stream)
        over = threading.Event()

        def audit() -> None:
            while not over.wait(0.001):
                summaries.append(stream.ledger.summary())

        auditor = threading.Thread(target=audit)
        auditor.start()
        for number, item in enumerate(stream):
            session.sleep_s = 1.0 if number in (25, 60) else 0.0
            if item.captured_ns - first.captured_ns > 4e9:
                break
        over.set()
        auditor.join()
        since_s = (time.monotonic_ns() - first.captured_ns) / 1e9
        summaries.append(stream.ledger.summary())
    for each in (summary["samples"] for summary in summaries):
        assert each["captured"] == each["delivered"] + sum(each["dropped"].values()) + each["in_flight"]
    samples = summaries[-1]["samples"]
    assert samples["dropped"].keys() == {"overflow"}
    assert 0.3 * RATE < samples["dropped"]["overflow"] < 1.2 * RATE  # twice 1 s, less what the ring held
    assert session.resets >= 2
    assert samples["captured"] / RATE == pytest.approx(since_s, abs=CLOCK_S)


def clock_agrees(heard: list[AudioBlock]) -> bool:
    """All that was counted, gaps too, is as long as the clock says."""
    first, last = heard[0], heard[-1]
    counted_s = (last.position - first.position) / RATE
    return abs(counted_s - (last.captured_ns - first.captured_ns) / 1e9) < CLOCK_S


@pytest.mark.slow
def test_what_nobody_tells_of_is_found_by_the_clock(faulty: VirtualMicrophone) -> None:
    """The microphone sleeps for a moment, as power management has it, and PortAudio knows nothing of it."""
    away_s = 0.7
    with microphone() as source:
        heard = list(blocks(source, 2.5))
        begun = time.monotonic()
        faulty.suspend()
        wait_until(lambda: time.monotonic() - begun > away_s, "time passes")
        faulty.suspend(False)
        heard += blocks(source, 4.5)
        assert source.faults == {}
    gaps = [(block.gap_reason, block.gap_samples) for block in heard if block.gap_samples]
    assert [reason for reason, _ in gaps] == ["missing"]
    assert gaps[0][1] / RATE == pytest.approx(away_s, abs=CLOCK_S)
    assert clock_agrees(heard)


_SLEEPS = """
import time
from edgemm.recorder import child, portaudio
class Sleeps(portaudio.Callback):
    calls = 0
    def __call__(self, *arguments):
        super().__call__(*arguments)
        self.calls += 1
        if 100 <= self.calls < 103:
            time.sleep(0.5)
portaudio.Callback = Sleeps
child.main()
"""


@pytest.mark.slow
def test_a_callback_that_sleeps_loses_nothing_in_silence(
    virtual: VirtualMicrophone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1.5 s in three calls. PulseAudio keeps all of it; what another sound system loses is a gap."""
    boot = child_process._BOOT.replace(child_process.CALL, f"exec({_SLEEPS!r})")
    monkeypatch.setattr(child_process, "_BOOT", boot)
    with microphone() as source:
        heard = list(blocks(source, 6))
        assert source.faults == {}
    assert clock_agrees(heard)


@pytest.mark.slow
def test_a_stopped_recorder_catches_up(virtual: VirtualMicrophone) -> None:
    with microphone("&ring_s=5") as source:
        heard = list(blocks(source, 2.5))
        pid = source.recorder_pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        begun = time.monotonic()
        wait_until(lambda: time.monotonic() - begun > 1, "time passes")
        os.kill(pid, signal.SIGCONT)
        heard += blocks(source, 3.5)
        assert source.faults == {}
    assert [block.gap_samples for block in heard] == [0] * len(heard)
    assert clock_agrees(heard)


def test_a_gate_passes_the_word_and_counts_the_silence(virtual: VirtualMicrophone) -> None:
    word = (np.repeat(spoken_digits()[5][1], RATE // 8000) * 32767).astype(np.int16)
    session = Slow()
    with open_source(NAME + "&gate=voice") as source, Stream(session, source) as stream:
        begun_ns = time.monotonic_ns()
        wait_until(lambda: time.monotonic_ns() - begun_ns > 1e9, "time passes")
        virtual.play(word)
        heard = [next(stream).frame]
        while (heard[-1].captured_ns - heard[0].captured_ns) / 1e9 < len(word) / RATE + 0.2:
            heard.append(next(stream).frame)
        samples = stream.ledger.summary()["samples"]
    said = np.concatenate([block.samples for block in heard if isinstance(block, AudioBlock)])
    begin, end = np.flatnonzero(np.abs(said * 32768) > 500)[[0, -1]]
    loud = np.flatnonzero(np.abs(word) > 500)
    assert end - begin == loud[-1] - loud[0]
    assert samples["dropped"]["silence"] > 0.5 * RATE
    assert samples["captured"] == samples["delivered"] + samples["dropped"]["silence"] + samples["in_flight"]


def test_the_package_opens_microphones(virtual: VirtualMicrophone) -> None:
    with edgemm.open_source(NAME) as source:
        assert (source.live, source.modality) == (True, "audio")
