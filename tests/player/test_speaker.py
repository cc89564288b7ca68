"""A virtual speaker: what was put is what is heard, when it is said to be; cancelled at once; every sample accounted
for, whatever becomes of the device."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from ear import Ear
from pulse import RATE, VirtualMicrophone, wait_until

from edgemm.errors import EdgemmError, InputError, SourceNotFound, SourceTimeout
from edgemm.media import AudioBlock
from edgemm.player.playlist import Sounded
from edgemm.player.process import list_speakers
from edgemm.results import Audio, Embedding, Result
from edgemm.sinks import SpeakerSink, saver
from edgemm.sinks.speaker_name import open_speaker
from edgemm.stream.item import Item

pytestmark = pytest.mark.device

CANCEL_S = 0.1
CLOCK_S = 0.04
"""How far the converter's time may be from that of the monitor: PulseAudio's own jitter, and that of the listener."""


def item(value: Result, sequence: int = 0, *, final: bool = True) -> Item:
    now_ns = time.monotonic_ns()
    heard = AudioBlock(np.zeros(1, np.float32), RATE, now_ns, 0)
    return Item(value, heard, sequence, now_ns, 0.0, False, {}, final)


def noise(seconds: float) -> npt.NDArray[np.int16]:
    """No sample is 0, so that the first one is known from silence."""
    return np.random.default_rng(0).integers(3_001, 20_000, round(seconds * RATE)).astype(np.int16)


def audio(seconds: float, rate: int = RATE) -> Audio:
    """A tone that is loud but for its crossings."""
    wave = 0.5 * np.sign(np.sin(np.arange(round(seconds * rate)) * 2 * np.pi * 400 / rate) + 1e-3)
    return Audio(wave.astype(np.float32), rate)


def balanced(samples: dict[str, Any]) -> bool:
    return bool(
        samples["accepted"] == samples["played"] + sum(samples["dropped"].values()) + samples["queued"]
    )


@contextmanager
def audited(sink: SpeakerSink) -> Iterator[list[dict[str, Any]]]:
    """Summaries, taken all the time: each must balance."""
    found: list[dict[str, Any]] = []
    over = threading.Event()

    def audit() -> None:
        while not over.wait(0.002):
            found.append(sink.summary()["samples"])

    auditor = threading.Thread(target=audit)
    auditor.start()
    try:
        yield found
    finally:
        over.set()
        auditor.join()
    assert len(found) > 10
    assert all(map(balanced, found))


def test_what_is_put_is_heard_in_order_and_to_the_bit(virtual: VirtualMicrophone) -> None:
    played = noise(1.2)
    pieces = np.array_split(played, [4000, 4001, 9000])
    with Ear(virtual) as ear:
        with open_speaker(f"speaker:?rate={RATE}") as sink, audited(sink):
            for number, piece in enumerate(pieces):
                assert sink.put("", item(Audio(piece.astype(np.float32) / np.float32(32768), RATE), number))
            sink.drain(10)
            summary = sink.summary()
        ear.wait_for(lambda times: len(times) >= len(played), "all was heard")
        samples = ear.samples()
    begun = int(np.flatnonzero(samples)[0])
    assert np.array_equal(samples[begun : begun + len(played)], played)
    assert summary["samples"] == {"accepted": len(played), "played": len(played), "dropped": {}, "queued": 0}
    assert (summary["taken"], summary["written"], summary["underruns"], summary["faults"]) == (4, 4, 0, {})


def test_the_first_sound_is_timed_at_the_converter(virtual: VirtualMicrophone) -> None:
    """Of the stream's first sound, and of one a second later."""
    told: list[Sounded] = []
    with Ear(virtual) as ear, SpeakerSink(on_sounded=told.append) as sink:
        for number in range(2):
            put = item(audio(0.3), number)
            sink.put("", put)
            sink.drain(10)
            wait_until(lambda: len(told) == number + 1, "it is told")  # noqa: B023 - called at once
            first_s = (told[-1].first_ns or 0) / 1e9
            ear.wait_for(lambda times: bool(times) and times[-1] > first_s, "it was heard")  # noqa: B023
            heard = [each for each in ear.loud_times() if each > put.captured_ns / 1e9]
            assert heard[0] == pytest.approx(first_s, abs=CLOCK_S)
            assert told[-1].age_ms == pytest.approx(1000 * (first_s - put.captured_ns / 1e9), abs=0.01)
    assert sink.summary()["first_sound_ms"] == pytest.approx(
        np.mean([each.age_ms for each in told]), abs=0.01
    )


def test_cancel_stops_at_once_and_what_follows_is_played(virtual: VirtualMicrophone) -> None:
    told: list[Sounded] = []
    with Ear(virtual) as ear, SpeakerSink(on_sounded=told.append) as sink, audited(sink):
        for number in range(3):
            before = len(ear.loud_times())
            for part in range(2):
                sink.put("", item(audio(3.0), 2 * number + part))
            ear.wait_for(lambda times: len(times) > before + RATE // 2, "it is heard")  # noqa: B023
            asked = time.monotonic()
            sink.cancel()
            sink.drain(1)
            quiet = time.monotonic() + 0.3
            wait_until(lambda: time.monotonic() > quiet, "time passes")  # noqa: B023
            assert max(ear.loud_times()) < asked + CANCEL_S
        assert not sink.busy
        sink.put("", item(audio(0.2), 6))
        sink.drain(5)
        summary = sink.summary()
    assert summary["samples"]["dropped"].keys() == {"cancelled"}
    assert summary["faults"] == {}
    heard = len(ear.loud_times()) / RATE
    assert summary["samples"]["played"] / RATE == pytest.approx(heard, abs=4 * CLOCK_S)
    assert told[-1].played == 0.2 * RATE


def test_cancel_of_nothing_is_nothing(virtual: VirtualMicrophone) -> None:
    with SpeakerSink() as sink:
        sink.cancel()
        sink.put("", item(audio(0.1)))
        sink.drain(5)
        assert sink.summary()["written"] == 1


@pytest.mark.parametrize("rate", [8000, 22050, 44100])
def test_sound_of_another_rate_is_converted(virtual: VirtualMicrophone, rate: int) -> None:
    with Ear(virtual) as ear:
        with open_speaker(f"speaker:?rate={RATE}") as sink:
            sink.put("", item(audio(0.5, rate)))
            sink.drain(5)
            assert sink.summary()["samples"]["played"] == 0.5 * rate
        heard = ear.samples().astype(np.float64)
    loud = np.flatnonzero(np.abs(heard) > 3000)
    assert (loud[-1] - loud[0]) / RATE == pytest.approx(0.5, abs=0.01)
    spectrum = np.abs(np.fft.rfft(heard[loud[0] : loud[0] + 4000]))
    assert int(spectrum.argmax()) * RATE / 4000 == pytest.approx(400, abs=5)


def test_a_rate_that_the_device_refuses_becomes_its_own(
    virtual: VirtualMicrophone, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), Ear(virtual) as ear:
        with SpeakerSink() as sink:
            sink.put("", item(audio(0.3, 500_000)))
            sink.drain(5)
            assert sink.summary()["samples"]["played"] == 150_000
        assert len(ear.loud_times()) / RATE == pytest.approx(0.3, abs=0.02)
    assert "default does not play at 500000 Hz: it does at 44100 Hz" in caplog.text


def test_volume_scales_and_clips(virtual: VirtualMicrophone) -> None:
    with Ear(virtual) as ear:
        with open_speaker(f"speaker:?rate={RATE}&volume=0.5") as sink:
            sink.put("", item(audio(0.2)))
            sink.drain(5)
            sink.volume = 4
            sink.put("", item(audio(0.2)))
            sink.drain(5)
        ear.wait_for(lambda times: len(times) >= 0.4 * RATE, "all was heard")
        samples = ear.samples()
    found = samples[samples != 0]
    assert set(found[: RATE // 10]) == {8192, -8192}
    assert set(found[-RATE // 10 :]) == {32767, -32768}


def test_two_channels_play_the_same(virtual: VirtualMicrophone) -> None:
    """The virtual speaker mixes them to one by their mean."""
    with Ear(virtual) as ear:
        with open_speaker(f"speaker:?rate={RATE}&channels=2") as sink:
            sink.put("", item(audio(0.3)))
            sink.drain(5)
        ear.wait_for(lambda times: len(times) >= 0.3 * RATE, "all was heard")
        samples = ear.samples()
    assert set(samples[samples != 0]) == {16384, -16384}


def test_results_that_are_no_sound_are_refused(virtual: VirtualMicrophone) -> None:
    with SpeakerSink() as sink:
        assert not sink.put("", item(Embedding(np.zeros(1, np.float32))))
        assert sink.put("", item(audio(0.1), 1))
    assert sink.summary()["refused"] == {"no_sound": 1}
    assert not sink.put("", item(audio(0.1), 2))
    assert sink.summary()["refused"] == {"no_sound": 1, "closed": 1}


def test_results_of_which_none_is_sound_are_told(virtual: VirtualMicrophone) -> None:
    sink = SpeakerSink()
    sink.put("", item(Embedding(np.zeros(1, np.float32))))
    with pytest.raises(InputError, match=r"expected results that are sound \(Audio\), found none among 1"):
        sink.close()


def test_more_than_may_wait_is_refused_and_room_is_waited_for(virtual: VirtualMicrophone) -> None:
    with open_speaker("speaker:?queue_s=0.5") as sink:
        assert sink.put("", item(audio(0.7)))
        assert not sink.wait_for_room(0.01)
        assert not sink.put("", item(audio(0.1)))
        assert sink.wait_for_room(5)
        assert sink.put("", item(audio(0.1)))
        with pytest.raises(EdgemmError, match=r"not played within 0\.01 s"):
            sink.drain(0.01)
    assert sink.summary()["refused"] == {"busy": 1}
    assert sink.summary()["written"] == 2


def test_close_plays_to_the_end_and_ends_the_player(virtual: VirtualMicrophone) -> None:
    with Ear(virtual) as ear:
        sink = SpeakerSink()
        pid = sink.player_pid
        sink.put("", item(audio(0.6)))
        sink.close()
        assert sink.summary()["written"] == 1
        assert len(ear.loud_times()) == pytest.approx(0.6 * RATE, abs=0.02 * RATE)
    assert not os.path.exists(f"/proc/{pid}")
    sink.close()


def test_speakers_are_listed_and_named(virtual: VirtualMicrophone) -> None:
    names = [each.name for each in list_speakers()]
    assert {"default", "usb_headset", "usb_mic"} <= set(names)
    with open_speaker(f"speaker:{names.index('usb_headset')}") as sink:
        assert sink.summary()["device"] == "usb_headset"
    with saver("speaker:headset") as named:
        assert named.summary()["device"] == "usb_headset"


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("speaker:usb", InputError, "2 speakers are named 'usb'"),
        ("speaker:bluetooth", SourceNotFound, "no speaker is named 'bluetooth'; there is .*default"),
        ("speaker:9", SourceNotFound, r"speaker 9: expected 0 to \d"),
        ("speaker:?loud=1", InputError, r"does not have the option 'loud': it has rate, channels, volume"),
        ("speaker:?volume=9", InputError, "volume=9 in 'speaker:.volume=9': expected a number from 0 to 4"),
        ("speaker:?channels=1.5", InputError, "expected a whole number"),
    ],
)
def test_a_name_that_is_not_clear(
    virtual: VirtualMicrophone, name: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        open_speaker(name)


Break = Callable[[VirtualMicrophone], None]
FAULTS: dict[str, tuple[Break, Break, str]] = {
    "suspended": (lambda v: v.suspend_speaker(), lambda v: v.suspend_speaker(False), "stalled"),
    "unplugged": (lambda v: v.unplug(), lambda v: v.plug_in(), "lost"),
    "daemon killed": (lambda v: v.kill(), lambda v: v.start(), "lost"),
    "daemon frozen": (lambda v: v.freeze(), lambda v: v.freeze(False), "stalled"),
}


@pytest.mark.parametrize(("harm", "heal", "reason"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_noticed_survived_and_counted(
    faulty: VirtualMicrophone, harm: Break, heal: Break, reason: str
) -> None:
    with SpeakerSink(patience_s=60) as sink, audited(sink):
        sink.put("", item(audio(2.0)))
        wait_until(lambda: sink.summary()["samples"]["played"] > 0.5 * RATE, "it is played")
        harm(faulty)
        took_s = wait_until(lambda: bool(sink.faults), "it is noticed")
        assert took_s < 2.5
        assert sink.faults.keys() <= {reason, "open-failed"}
        held = sink.summary()["samples"]
        heal(faulty)
        wait_until(lambda: bool(sink.faults.get("reconnected")), "it is back", 15)
        with Ear(faulty) as ear:
            sink.drain(15)
            heard = len(ear.loud_times())
        samples = sink.summary()["samples"]
    assert samples["queued"] == 0
    assert samples["dropped"].keys() == {"lost"}
    assert samples["dropped"]["lost"] < 0.5 * RATE  # what a device holds, and no more
    assert 0 < held["played"] < samples["played"]
    assert heard > 0


def test_a_player_that_dies_is_replaced_and_finds_the_speaker_by_name(faulty: VirtualMicrophone) -> None:
    number = [each.name for each in list_speakers()].index("usb_headset")
    with open_speaker(f"speaker:{number}") as sink:
        sink.put("", item(audio(1.5)))
        wait_until(lambda: sink.summary()["samples"]["played"] > 0.3 * RATE, "it is played")
        pid = sink.player_pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        sink.drain(15)
        assert sink.faults == {"lost": 1, "reconnected": 1}
        assert sink.player_pid != pid
        assert sink.summary()["device"] == "usb_headset"
        assert sink.summary()["samples"]["dropped"].keys() <= {"lost"}


def test_a_player_that_does_not_stop_is_killed(virtual: VirtualMicrophone) -> None:
    with Ear(virtual) as ear, SpeakerSink() as sink:
        sink.put("", item(audio(5)))
        ear.wait_for(lambda times: len(times) > RATE // 2, "it is heard")
        pid = sink.player_pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        asked = time.monotonic()
        sink.cancel()
        sink.drain(1)
        wait_until(lambda: time.monotonic() > asked + 0.5, "time passes")
        assert max(ear.loud_times()) < asked + CANCEL_S + CLOCK_S
        sink.put("", item(audio(0.2)))
        sink.drain(10)
        samples = sink.summary()["samples"]
    assert samples["dropped"].keys() == {"cancelled"}
    assert balanced(samples)


def test_sound_waits_so_long_for_a_speaker_that_has_gone(faulty: VirtualMicrophone) -> None:
    with open_speaker("speaker:?patience_s=0.5") as sink:
        faulty.kill()
        wait_until(lambda: bool(sink.faults), "it is noticed")
        sink.put("", item(audio(0.2)))
        sink.drain(10)
        assert sink.summary()["samples"]["dropped"] == {"away": 0.2 * RATE}


def test_closing_without_a_speaker_takes_no_time(faulty: VirtualMicrophone) -> None:
    sink = SpeakerSink()
    faulty.kill()
    wait_until(lambda: bool(sink.faults), "it is noticed")
    sink.put("", item(audio(5)))
    begun = time.monotonic()
    sink.close()
    assert time.monotonic() - begun < 2
    assert sink.summary()["samples"]["dropped"] == {"closed": 5 * RATE}


def test_a_speaker_that_is_plugged_in_later_is_picked_up(faulty: VirtualMicrophone) -> None:
    faulty.unplug()
    with pytest.raises(EdgemmError, match="cannot be opened"):
        open_speaker("speaker:usb_headset")
    with open_speaker("speaker:usb_headset?wait=1") as sink:
        sink.put("", item(audio(0.3)))
        faulty.plug_in()
        sink.drain(15)
        assert sink.summary()["written"] == 1
        assert sink.faults["appeared"] == 1


def test_a_sound_system_that_hangs_does_not_hang_who_opens(
    faulty: VirtualMicrophone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgemm.sinks.playback.OPEN_S", 0.5)
    faulty.freeze()
    with pytest.raises(SourceTimeout, match=r"did not open within 0\.5 s"):
        SpeakerSink()
