"""The child's program: records into the pipe that was its standard output, until its standard input ends."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from queue import SimpleQueue

from edgemm.errors import EdgemmError, SourceLost
from edgemm.recorder import portaudio
from edgemm.recorder.devices import Microphone, SoundDevice, choose
from edgemm.recorder.options import RecorderOptions
from edgemm.recorder.ring import Slot
from edgemm.recorder.sample_clock import SampleClock
from edgemm.recorder.wire import Failed, Listed, Opened, Sound, send
from edgemm.worker import Worker

LIST = "list"
_LOOK_S = 1.0
_OVERFLOW_ECHO_S = 2
"""How long after an overflow missing samples are laid to its account."""


def main() -> None:
    """Records, or lists."""
    serve(_work, "recording")


def serve(work: Callable[[int], object], doing: str) -> None:
    """Does the work of a child, and ends the process without the interpreter's own end, which would wait for a stream
    that hangs.

    Args:
        work: gets the pipe that messages are written into; an error of it is the last message.
        doing: in the message of an error that nobody foresaw.
    """
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
        signal.SIGHUP,
    ):  # sent to the parent; this ends when the parent does
        signal.signal(number, signal.SIG_IGN)
    _look_for_no_server_of_the_user()
    out = os.dup(1)
    os.dup2(2, 1)  # what C libraries print goes elsewhere
    code = 0
    try:
        work(out)
    except BrokenPipeError:
        code = 1
    except BaseException as error:  # noqa: BLE001 - raised in the parent
        code = 1
        _tell(out, error, doing)
    os._exit(code)


def _work(out: int) -> None:
    Worker("edgemm ends with its parent", _end_with_parent, os.getppid()).start()
    if sys.argv[1] == LIST:
        send_list(out, Microphone)
    else:
        _record(RecorderOptions.from_json(sys.argv[1]), out)


def send_list(out: int, kind: type[SoundDevice]) -> None:
    """The devices of one kind."""
    send(out, Listed([asdict(each) for each in portaudio.devices(kind)]))


def _look_for_no_server_of_the_user() -> None:
    """Looking for a sound server of the user, PulseAudio's client makes folders in the home and in /tmp.

    Where none can be, it is told to look for the system's alone.
    """
    named = {"PULSE_SERVER", "PULSE_RUNTIME_PATH", "XDG_RUNTIME_DIR"} & os.environ.keys()
    home = os.path.expanduser("~")
    if not named and not os.path.isdir(f"{home}/.config/pulse") and not os.path.isdir(f"{home}/.pulse"):
        os.environ["PULSE_SERVER"] = "unix:/run/pulse/native"


def _tell(out: int, error: BaseException, doing: str) -> None:
    if isinstance(error, EdgemmError):
        message = Failed(type(error).__name__, str(error))
    else:
        message = Failed("SourceLost", f"{doing} failed: {type(error).__name__}: {error}", fatal=True)
    try:
        send(out, message)
    except OSError:
        pass


def _end_with_parent(parent: int) -> None:
    """Whatever hangs, this process does not outlive the one that started it."""
    while os.getppid() == parent:
        ready, _, _ = select.select([0], [], [], _LOOK_S)
        if ready and not os.read(0, 1):
            break
    os._exit(0)


def _record(options: RecorderOptions, out: int) -> None:
    """Records until the stream ends by itself, which is an error.

    Raises:
        SourceLost: it did.
    """
    tokens: SimpleQueue[bool | None] = SimpleQueue()
    microphone = choose(portaudio.devices(Microphone), options.device, again=options.again)
    recording = portaudio.record(microphone, options, tokens.put, lambda: tokens.put(True))
    send(out, Opened(microphone.name, recording.sample_rate, recording.note))
    account = Account(recording.sample_rate)
    ended = False
    while not ended:
        ended = bool(tokens.get())
        while (slot := recording.ring.take()) is not None:
            send(out, account.block(slot))
    if recording.callback.error is not None:
        raise recording.callback.error
    raise SourceLost(f"the sound system has ended the stream of {microphone.name}")


class Account:
    """Positions of one recording with every gap counted in."""

    def __init__(self, sample_rate: int) -> None:
        self._clock = SampleClock(sample_rate)
        self._expected = 0
        self._shift = 0
        self._echo_until = 0
        self._sample_rate = sample_rate

    def block(self, slot: Slot) -> Sound:
        """The block with its true position; a gap that only PortAudio's word tells of is one sample long
        until the clock has measured it."""
        position = slot.position + self._shift
        dropped = position - self._expected
        missing = self._clock.missing(position, slot.frames, slot.arrived_ns, slot.delay_ns)
        reason = "missing" if missing and position >= self._echo_until else "overflow"
        if slot.overflowed and not dropped and not missing:
            missing, reason = 1, "overflow"
        if slot.overflowed or dropped:
            self._echo_until = position + _OVERFLOW_ECHO_S * self._sample_rate
            reason = "overflow"
        self._shift += missing
        position += missing
        gap = dropped + missing
        self._expected = position + slot.frames
        captured_ns = self._clock.captured_ns(position, slot.frames, slot.arrived_ns, slot.delay_ns)
        return Sound(position, captured_ns, gap, reason if gap else "gap", slot.raw)
