"""A microphone on a real kernel's sound system, through PortAudio's ALSA: every sample once; unplugged; back again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from loopback_card import HEARD, LoopbackCard

from edgemm.capture import open_source
from edgemm.capture.sound.microphone_source import MicrophoneSource
from edgemm.errors import InputError, SourceLost, SourceNotFound, SourceTimeout
from edgemm.media import AudioBlock
from edgemm.recorder.process import list_microphones

pytestmark = [pytest.mark.device, pytest.mark.devices]

RATE = 16000
PATIENCE_S = 60.0
NOTICED_S = 2.0
"""From the last sound on."""


def microphone(options: str = "") -> MicrophoneSource:
    source = open_source(f"microphone:{HEARD}?rate={RATE}{options}")
    assert isinstance(source, MicrophoneSource)
    return source


def read(source: MicrophoneSource) -> AudioBlock:
    block = source.read(PATIENCE_S)
    assert block is not None
    return block


def listen(source: MicrophoneSource, seconds: float) -> list[AudioBlock]:
    blocks = [read(source)]
    while blocks[-1].position < blocks[0].position + seconds * RATE:
        blocks.append(read(source))
    return blocks


def watch(
    source: MicrophoneSource, done: Callable[[AudioBlock | None], object]
) -> tuple[AudioBlock | None, float]:
    """Reads until it is done; returns the block that did it, and the seconds since the one before."""
    begun = heard = time.monotonic()
    while time.monotonic() - begun < PATIENCE_S:
        try:
            block = source.read(0.05)
        except SourceTimeout:
            block = None
        if done(block):
            return block, time.monotonic() - heard
        heard = time.monotonic() if block else heard
    pytest.fail(f"waited {PATIENCE_S:g} s in vain; faults {source.faults}")


def noise(seconds: float) -> npt.NDArray[np.int16]:
    """No sample is 0, so that the first one is known from silence."""
    return np.random.default_rng(0).integers(1, 20_000, round(seconds * RATE)).astype(np.int16)


def test_cards_are_listed_by_name(loopback: LoopbackCard) -> None:
    names = [each.name for each in list_microphones()]
    assert HEARD in names
    assert any(name.startswith("Dummy: PCM") for name in names)


def test_a_name_of_several_is_refused(loopback: LoopbackCard) -> None:
    with pytest.raises(InputError, match="2 microphones are named 'Loopback'"):
        open_source("microphone:Loopback")


def test_every_sample_comes_once_in_order_and_to_the_bit(loopback: LoopbackCard) -> None:
    played = noise(6)
    with microphone() as source:
        read(source)
        loopback.play(played, RATE)
        heard = listen(source, 9)
        assert source.faults == {}
    samples = np.concatenate([block.samples for block in heard]) * 32768
    begun = int(np.flatnonzero(samples)[0])
    assert np.array_equal(samples[begun : begun + len(played)], played)
    assert [block.gap_samples for block in heard] == [0] * len(heard)
    assert (np.diff([block.captured_ns for block in heard]) > 0).all()


def test_the_clock_misses_nothing_on_a_healthy_card(loopback: LoopbackCard) -> None:
    """Samples and the monotonic clock agree, and no gap is made up."""
    with microphone() as source:
        heard = listen(source, 20)
        now_ns = time.monotonic_ns()
    first, last = heard[0], heard[-1]
    counted_s = (last.position + len(last.samples) - first.position) / RATE
    assert counted_s == pytest.approx((now_ns - first.captured_ns) / 1e9, abs=0.5)  # what is on its way
    assert {block.gap_samples for block in heard} == {0}


def test_an_unplugged_card_is_noticed_and_comes_back(loopback: LoopbackCard) -> None:
    with microphone() as source:
        first = listen(source, 2)[0]
        loopback.unplug()
        _, silent_s = watch(source, lambda _: source.faults)
        assert silent_s < NOTICED_S
        assert source.faults.keys() <= {"stalled", "lost"}
        watch(source, lambda _: source.faults.get("open-failed"))
        loopback.plug_in()
        after, _ = watch(source, lambda block: block)
    assert after is not None
    assert source.faults["reconnected"] == 1
    assert after.gap_reason in ("stalled", "lost")
    clock_s = (after.captured_ns - first.captured_ns) / 1e9
    assert (after.position - first.position) / RATE == pytest.approx(clock_s, abs=0.5)


def test_one_named_by_number_is_not_replaced_by_another(loopback: LoopbackCard) -> None:
    """While it is away, its number means another one."""
    number = [each.name for each in list_microphones()].index(HEARD)
    with open_source(f"microphone:{number}?rate={RATE}") as source:
        assert isinstance(source, MicrophoneSource)
        read(source)
        loopback.unplug()
        watch(source, lambda _: source.faults.get("open-failed"))
        loopback.plug_in()
        after, _ = watch(source, lambda block: block)
    assert after is not None
    assert after.origin == HEARD


def test_one_that_another_program_has_is_refused(loopback: LoopbackCard) -> None:
    """PortAudio does not list it then."""
    with microphone() as source:
        read(source)
        with pytest.raises(SourceNotFound, match="one that another program has open may be missing"):
            microphone()
        read(source)


def test_without_reconnecting_an_unplug_is_the_end(loopback: LoopbackCard) -> None:
    with microphone("&reconnect=0") as source:
        read(source)
        loopback.unplug()
        with pytest.raises(SourceLost, match="is lost"):
            watch(source, lambda _: False)


_USER = """
import sys
import edgemm.capture.sound.microphone_source as limits
limits.OPEN_S = limits.FIRST_BLOCK_S = 60
from edgemm.capture import open_source
source = open_source(sys.argv[1])
assert source.read(60) is not None
print(source.recorder_pid, flush=True)
sys.stdin.readline()
"""


def test_a_process_whose_card_was_unplugged_ends(loopback: LoopbackCard) -> None:
    user = subprocess.Popen(
        [sys.executable, "-c", _USER, f"microphone:{HEARD}?rate={RATE}"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert user.stdout is not None
    recorder = int(user.stdout.readline())
    loopback.unplug()
    begun = time.monotonic()
    user.communicate("\n", timeout=PATIENCE_S)
    assert user.returncode == 0
    assert time.monotonic() - begun < 15  # a real machine: under 3
    give_up = time.monotonic() + PATIENCE_S
    while os.path.exists(f"/proc/{recorder}") and time.monotonic() < give_up:
        time.sleep(0.05)
    assert not os.path.exists(f"/proc/{recorder}")
