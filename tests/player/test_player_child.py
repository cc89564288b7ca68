"""The child's program: small, and gone when it is not needed; which turns it tells."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from needs import needs
from pulse import VirtualMicrophone, wait_until

from edgemm.player.child import Heartbeat
from edgemm.player.options import PlayerOptions
from edgemm.player.portaudio import SETTLE_NS, Callback
from edgemm.player.process import Player
from edgemm.player.ring import SoundRing
from edgemm.player.wire import Turn
from edgemm.recorder.portaudio import sounddevice
from edgemm.recorder.wire import Failed

pytestmark = pytest.mark.device
MS = 1_000_000


def test_it_loads_no_numpy() -> None:
    program = "import sys, edgemm.player.child; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_program_that_says_what_is_no_message_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgemm.child_process._BOOT", "print('ALSA lib pcm.c: hello')")
    player = Player(PlayerOptions())
    message = player.receive(10)
    player.free()
    assert isinstance(message, Failed)
    assert "expected a message of the player, found b'ALSA lib" in message.message


def test_options_pass_the_command_line() -> None:
    options = PlayerOptions("USB \u00e9", 22050, 2, 10.0, again=True)
    assert PlayerOptions.from_json(options.to_json()) == options


_USER = """
import sys, edgemm.sinks
sink = edgemm.sinks.SpeakerSink()
print(sink.player_pid, flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("harm", [lambda v: None, lambda v: v.freeze()], ids=["healthy", "frozen"])
@pytest.mark.parametrize("how", ["ends", "is killed"])
def test_a_process_that_never_closed_it_ends_and_leaves_nothing(
    faulty: VirtualMicrophone, harm: object, how: str
) -> None:
    user = subprocess.Popen(
        [sys.executable, "-c", _USER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert user.stdout is not None
    player = int(user.stdout.readline())
    harm(faulty)  # type: ignore[operator]
    if how == "is killed":
        user.kill()
    begun = time.monotonic()
    user.communicate("\n", timeout=10)
    assert user.returncode == (0 if how == "ends" else -signal.SIGKILL)
    assert time.monotonic() - begun < 3
    wait_until(lambda: not os.path.exists(f"/proc/{player}"), "the player has ended", 3)


def turn(called_ms: int, count: int, delay_ms: int = 100) -> Turn:
    return Turn(0, count, 0, 20, called_ms * MS, delay_ms * MS, underflow=False)


def test_all_turns_are_told_while_there_is_sound_in_the_device_else_a_few() -> None:
    heartbeat = Heartbeat()
    assert [heartbeat.wants(turn(1000 + at, 0)) for at in (0, 20, 240, 260, 280)] == [
        True,
        False,
        False,
        True,
        False,
    ]
    assert heartbeat.wants(turn(1300, 5))
    told = [heartbeat.wants(turn(1300 + at, 0)) for at in range(20, 800, 20)]
    assert all(told[:20])  # until it has come to the converter, and longer
    assert 1 <= sum(told[22:]) <= 3


class When:
    """PortAudio's times of a block, seconds."""

    def __init__(self, delay_s: float) -> None:
        self.currentTime, self.outputBufferDacTime = 1000.0, 1000.0 + delay_s


class Status:
    output_underflow = False


@pytest.mark.parametrize(("said_s", "believed_ms"), [(0.14, 140), (0.02, 60), (-3.0, 60), (9.0, 60)])
def test_a_delay_that_cannot_be_is_the_latency_of_the_stream(said_s: float, believed_ms: int) -> None:
    """In its first moments a stream tells too little."""
    told: list[Turn] = []
    callback = Callback(SoundRing(100, 2), told.append)
    callback.latency_ns = 60 * MS
    callback(bytearray(20), 10, When(said_s), Status())
    assert told[0].delay_ns == pytest.approx(believed_ms * MS, abs=1000)


def test_once_it_runs_a_short_delay_is_believed() -> None:
    told: list[Turn] = []
    callback = Callback(SoundRing(100, 2), told.append)
    callback(bytearray(20), 10, When(0.1), Status())
    begun = time.monotonic_ns()
    wait_until(lambda: time.monotonic_ns() > begun + SETTLE_NS, "it runs")
    callback(bytearray(20), 10, When(0.02), Status())
    assert told[-1].delay_ns == pytest.approx(20 * MS, abs=1000)
    assert [each.stream_position for each in told] == [0, 10]


def test_an_error_in_the_callback_ends_the_stream_and_is_kept() -> None:
    def refuse(turn: Turn) -> None:
        raise MemoryError

    callback = Callback(SoundRing(100, 2), refuse)
    with pytest.raises(needs(sounddevice).CallbackAbort):
        callback(bytearray(20), 10, When(0.1), Status())
    assert isinstance(callback.error, MemoryError)
