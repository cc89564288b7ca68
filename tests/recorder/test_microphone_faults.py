"""What goes wrong with a microphone: noticed in time, survived, counted; and no process hangs on it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from needs import needs
from pulse import RATE, VirtualMicrophone, wait_until

from edgemm.capture import open_source
from edgemm.capture.sound.microphone_source import MicrophoneSource
from edgemm.errors import SourceLost, SourceTimeout
from edgemm.media import AudioBlock
from edgemm.recorder.portaudio import sounddevice
from edgemm.recorder.process import list_microphones

pytestmark = pytest.mark.device

NOTICED_S = 2.0
BACK_S = 15.0
CLOCK_S = 0.2
"""How far counted samples and the clock may be apart: the jitter of two streams' beginnings under load."""

Break = Callable[[VirtualMicrophone], None]


def restart(virtual: VirtualMicrophone) -> None:
    virtual.start()


FAULTS: dict[str, tuple[Break, Break, str]] = {
    "suspended": (lambda v: v.suspend(), lambda v: v.suspend(False), "stalled"),
    "unplugged": (lambda v: v.unplug(), lambda v: v.plug_in(), "lost"),
    "daemon killed": (lambda v: v.kill(), restart, "lost"),
    "daemon frozen": (lambda v: v.freeze(), lambda v: v.freeze(False), "stalled"),
}
every_fault = pytest.mark.parametrize(("harm", "heal", "reason"), FAULTS.values(), ids=FAULTS)


def microphone(options: str = "", device: str = "") -> MicrophoneSource:
    source = open_source(f"microphone:{device}?rate={RATE}{options}")
    assert isinstance(source, MicrophoneSource)
    return source


def read_until(
    source: MicrophoneSource, holds: Callable[[AudioBlock | None], bool], within_s: float
) -> float:
    """Reads on until something holds for a block, or for None while there is none; the seconds it took."""
    begun = time.monotonic()
    while time.monotonic() - begun < within_s:
        try:
            block = source.read(0.05)
            assert block is not None
        except SourceTimeout:
            block = None
        if holds(block):
            return time.monotonic() - begun
    raise TimeoutError(f"{within_s:g} s in vain; faults: {source.faults}")


@every_fault
def test_it_is_noticed_survived_and_counted(
    faulty: VirtualMicrophone, harm: Break, heal: Break, reason: str
) -> None:
    with microphone() as source:
        seen: list[AudioBlock] = []

        def keep(block: AudioBlock | None) -> bool:
            if block is not None:
                seen.append(block)
            return block is not None

        read_until(source, lambda block: keep(block) and len(seen) > 25, 5)
        first, before = seen[0], seen[-1]
        harm(faulty)
        took_s = read_until(
            source, lambda block: bool(keep(block) or source.faults) and bool(source.faults), 5
        )
        assert took_s < NOTICED_S
        assert source.faults.keys() == {reason}
        heal(faulty)
        read_until(source, keep, BACK_S)
        after = seen[-1]
        assert source.faults[reason] == 1
        assert source.faults["reconnected"] == 1
    assert (after.gap_reason, after.gap_samples > 0) == (reason, True)
    assert before.position < after.position - after.gap_samples + len(after.samples)
    clock_s = (after.captured_ns - first.captured_ns) / 1e9
    assert (after.position - first.position) / RATE == pytest.approx(clock_s, abs=CLOCK_S)


@pytest.mark.parametrize(
    "harm", [FAULTS["suspended"][0], FAULTS["unplugged"][0]], ids=["suspended", "unplugged"]
)
def test_without_reconnect_it_is_the_end(faulty: VirtualMicrophone, harm: Break) -> None:
    with microphone("&reconnect=0") as source:
        assert source.read(5) is not None
        harm(faulty)
        with pytest.raises(SourceLost, match=r"microphone:.* is lost: "):
            read_until(source, lambda block: False, 5)
        with pytest.raises(SourceLost, match="is lost"):
            source.read(0.1)


def test_a_recorder_that_dies_is_replaced_and_finds_the_microphone_by_name(faulty: VirtualMicrophone) -> None:
    number = [each.name for each in list_microphones()].index("usb_headset")
    with microphone(device=str(number)) as source:
        assert source.read(5) is not None
        pid = source.recorder_pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        gaps: list[str] = []

        def gap(block: AudioBlock | None) -> bool:
            gaps.extend([block.gap_reason] if block is not None and block.gap_samples else [])
            return bool(gaps)

        read_until(source, gap, BACK_S)
        assert gaps == ["lost"]
        assert source.faults == {"lost": 1, "reconnected": 1}
        assert source.recorder_pid != pid
        assert source.name == "usb_headset"


def test_while_it_is_away_attempts_are_counted_and_reads_time_out(faulty: VirtualMicrophone) -> None:
    with microphone() as source:
        assert source.read(5) is not None
        faulty.kill()
        read_until(source, lambda block: source.faults.get("open-failed", 0) >= 2, 10)
        with pytest.raises(SourceTimeout, match=r"gave nothing within 0\.1 s: it is away \(lost\)"):
            source.read(0.1)


def test_what_is_wrong_is_said(faulty: VirtualMicrophone) -> None:
    with microphone("&reconnect=0") as source:
        assert source.read(5) is not None
        faulty.unplug()
        with pytest.raises(SourceLost, match="the sound system has ended the stream of default"):
            read_until(source, lambda block: False, 5)


def test_a_sound_system_that_aborts_takes_the_recorder_down_and_not_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ALSA's null device as a microphone: PortAudio ends the process that lists it."""
    needs(sounddevice)
    config = tmp_path / "asound.conf"
    config.write_text(
        'pcm.tape { type file slave.pcm { type null } file "/dev/null" infile "/dev/zero" format raw }'
    )
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(config))
    with pytest.raises(SourceLost, match=r"recording process ended \(killed by SIGABRT\)"):
        list_microphones()


def test_a_sound_system_that_hangs_does_not_hang_who_opens(
    faulty: VirtualMicrophone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgemm.capture.sound.microphone_source.OPEN_S", 0.5)
    faulty.freeze()
    with pytest.raises(SourceTimeout, match=r"did not open within 0\.5 s"):
        microphone()


_USER = """
import sys, edgemm
source = edgemm.open_source(sys.argv[1])
assert source.read(5) is not None
print(source.recorder_pid, flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize(
    "harm", [lambda v: None, *(each[0] for each in FAULTS.values())], ids=["healthy", *FAULTS]
)
@pytest.mark.parametrize("how", ["ends", "is killed"])
def test_a_process_that_never_closed_it_ends_and_leaves_nothing(
    faulty: VirtualMicrophone, harm: Break, how: str
) -> None:
    user = subprocess.Popen(
        [sys.executable, "-c", _USER, f"microphone:?rate={RATE}"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert user.stdin is not None
    assert user.stdout is not None
    recorder = int(user.stdout.readline())
    harm(faulty)
    if how == "is killed":
        user.kill()
    begun = time.monotonic()
    user.communicate("\n", timeout=10)
    assert user.returncode == (0 if how == "ends" else -signal.SIGKILL)
    assert time.monotonic() - begun < 3
    wait_until(lambda: not os.path.exists(f"/proc/{recorder}"), "the recorder has ended", 3)


def test_a_microphone_that_is_plugged_in_later_is_picked_up(faulty: VirtualMicrophone) -> None:
    faulty.unplug()
    with microphone("&wait=1", device="usb_mic") as source:
        with pytest.raises(SourceTimeout, match="it is away"):
            source.read(0.5)
        assert source.awaited
        faulty.plug_in()
        read_until(source, lambda block: block is not None, BACK_S)
        assert source.faults["open-failed"] >= 1
        assert (source.faults["appeared"], source.awaited) == (1, False)


def test_waiting_for_a_microphone_ends_when_it_is_closed(faulty: VirtualMicrophone) -> None:
    faulty.kill()
    with microphone("&wait=1") as source:
        closing = threading.Timer(0.3, source.close)
        closing.start()
        assert source.read(30) is None
        closing.join()
