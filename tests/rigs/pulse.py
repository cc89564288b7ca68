"""A microphone and a speaker without a sound card: a private PulseAudio daemon that PortAudio reaches through ALSA.
What is played is heard in the microphone, as with a speaker beside it.

    speaker (a null sink, at a rate of our own)  ->  its monitor  ->  "vmic", the default source
    pcm.default {type pulse}                     ->  PortAudio's ALSA device "default"
    pcm.usb_mic, pcm.usb_headset                 ->  two more names for the same source
    pcm.tape                                     ->  ALSA's file plug-in: `counting()`, from the first sample on

Needs Debian's pulseaudio, pulseaudio-utils and libasound2-plugins. Runs as any user, root too, touches nothing
outside its folder, and ends with the process that started it.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes.util import find_library
from pathlib import Path
from types import TracebackType
from unittest.mock import patch

import numpy as np
import numpy.typing as npt

APT = "sudo apt install pulseaudio pulseaudio-utils libasound2-plugins libportaudio2"
RATE = 16000
WAIT_S = 10.0

_ASOUND = """\
pcm.!default { type pulse hint.description "virtual" }
pcm.usb_mic { type pulse hint.description "virtual" }
pcm.usb_headset { type pulse hint.description "virtual" }
pcm.tape { type file slave.pcm { type pulse } file "/dev/null" infile "%s" format raw }
"""
_DAEMON = """\
.fail
load-module module-native-protocol-unix auth-anonymous=1 socket={socket}
"""
_SPEAKER = (
    "module-null-sink",
    "sink_name=speaker",
    f"rate={RATE}",
    "channels=1",
    "format=s16le",
    "norewinds=1",
)
_SOURCE = ("module-remap-source", "source_name=vmic", "master=speaker.monitor", "channels=1")


def missing() -> str:
    """What is not installed; "" when all is."""
    lacking = [name for name in ("pulseaudio", "pactl", "pacat") if shutil.which(name) is None]
    if not [*Path("/usr/lib").glob("**/alsa-lib/libasound_module_pcm_pulse.so")]:
        lacking.append("ALSA's pulse plug-in")
    if find_library("portaudio") is None:
        lacking.append("PortAudio")
    return ", ".join(lacking)


def counting() -> npt.NDArray[np.int16]:
    """What the tape holds: 1, 2, 3 ... 30000, for a quarter of a minute."""
    return (np.arange(RATE * 15) % 30_000 + 1).astype("<i2")


class VirtualMicrophone:
    """The daemon and all that is done to it."""

    def __init__(self, folder: Path) -> None:
        """Args:
        folder: an empty one with a short path: a socket's name has 107 bytes.
        """
        self.environment = {
            "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
            "PULSE_SERVER": f"unix:{folder / 'socket'}",
            "PULSE_RUNTIME_PATH": str(folder / "run"),
            "PULSE_STATE_PATH": str(folder / "state"),
            "PULSE_COOKIE": str(folder / "cookie"),
            "XDG_RUNTIME_DIR": str(folder),
            "DBUS_SESSION_BUS_ADDRESS": "disabled:",
        }
        self._folder = folder
        self.tape = folder / "tape.raw"
        self._daemon: subprocess.Popen[bytes] | None = None
        self._players: list[subprocess.Popen[bytes]] = []
        (folder / "asound.conf").write_text(_ASOUND % self.tape)
        counting().tofile(self.tape)
        (folder / "daemon.pa").write_text(_DAEMON.format(socket=folder / "socket"))

    def start(self) -> None:
        """Starts the daemon, and plugs the microphone in."""
        self._daemon = self._run(
            "pulseaudio", "-n", f"--file={self._folder / 'daemon.pa'}", "--daemonize=no", "--use-pid-file=no",
            "--exit-idle-time=-1", "--disallow-exit", "--high-priority=no", "--realtime=no",
            f"--log-target=file:{self._folder / 'log'}",
        )  # fmt: skip
        wait_until(lambda: self._control("info") == 0, "the daemon answers")
        self.plug_in()

    def play(self, samples: npt.NDArray[np.int16]) -> subprocess.Popen[bytes]:
        """Plays samples at `RATE`, once; returns at once."""
        path = self._folder / f"{len(self._players)}.raw"
        path.write_bytes(samples.astype("<i2").tobytes())
        with open(path, "rb") as sound:
            return self._play(sound.fileno(), latency_ms=500)

    def plug_in(self) -> None:
        """The microphone appears, and is the default. A silent stream keeps playing into it: without one a
        sink sleeps, and eats the start of what comes."""
        assert self._control("load-module", *_SPEAKER) == 0
        assert self._control("load-module", *_SOURCE) == 0
        assert self._control("set-default-source", "vmic") == 0
        with open("/dev/zero", "rb") as silence:
            self._play(silence.fileno(), latency_ms=20)
        self._hear()

    def unplug(self) -> None:
        """The microphone is gone, and so is every stream from it; no other takes its place."""
        assert self._control("unload-module", _SPEAKER[0]) == 0

    def suspend(self, on: bool = True) -> None:
        """The microphone is there and gives nothing; `False` wakes it."""
        assert self._control("suspend-source", "vmic", str(int(on))) == 0

    def suspend_speaker(self, on: bool = True) -> None:
        """The speaker is there and takes nothing; `False` wakes it."""
        assert self._control("suspend-sink", "speaker", str(int(on))) == 0

    def freeze(self, on: bool = True) -> None:
        """The daemon answers nobody any more; `False` lets it go on."""
        assert self._daemon is not None
        self._daemon.send_signal(signal.SIGSTOP if on else signal.SIGCONT)

    def kill(self) -> None:
        """The daemon is gone, without a word."""
        for process in [self._daemon, *self._players]:
            if process is not None:
                process.kill()
                process.wait(WAIT_S)
        self._daemon, self._players = None, []
        (self._folder / "socket").unlink(missing_ok=True)

    def listen(self) -> subprocess.Popen[bytes]:
        """A process that writes what the speaker plays to its standard output: int16, one channel, at `RATE`."""
        return self._run(
            "parec", "--raw", "--latency-msec=5", "--device=speaker.monitor", f"--rate={RATE}", "--channels=1",
            "--format=s16le", stdout=subprocess.PIPE,
        )  # fmt: skip

    def __enter__(self) -> VirtualMicrophone:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def _play(self, file: int, latency_ms: int) -> subprocess.Popen[bytes]:
        player = self._run(
            "pacat", "--playback", "--device=speaker", f"--rate={RATE}", "--channels=1", "--format=s16le",
            "--raw", f"--latency-msec={latency_ms}", stdin=file,
        )  # fmt: skip
        self._players.append(player)
        return player

    def _hear(self) -> None:
        """Waits for the first sound."""
        ear = self._run("parec", "--raw", "--latency-msec=20", stdout=subprocess.PIPE)
        try:
            assert ear.stdout is not None
            assert select.select([ear.stdout], [], [], WAIT_S)[0], "the virtual microphone gives no sound"
        finally:
            ear.kill()
            ear.communicate()

    def _run(
        self, *command: str, stdin: int = subprocess.DEVNULL, stdout: int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        with_us = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()
        return subprocess.Popen(
            [*with_us, *command], env={**os.environ, **self.environment}, stdin=stdin,
            stdout=stdout, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def _control(self, *command: str) -> int:
        return self._pactl(*command).returncode

    def _pactl(self, *command: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["pactl", *command], env={**os.environ, **self.environment}, capture_output=True,
            timeout=WAIT_S, check=False,
        )  # fmt: skip


@contextmanager
def virtual_microphone() -> Iterator[VirtualMicrophone]:
    """One in a folder of its own, which PortAudio finds for as long as this lasts."""
    with (
        tempfile.TemporaryDirectory(prefix="pa") as folder,  # a socket's path is short
        VirtualMicrophone(Path(folder)) as microphone,
        patch.dict(os.environ, microphone.environment),
    ):
        yield microphone


def wait_until(holds: Callable[[], bool], what: str, within_s: float = WAIT_S) -> float:
    """Waits until something holds; returns the seconds that it took.

    Raises:
        TimeoutError: it does not.
    """
    begun = time.monotonic()
    while not holds():
        if time.monotonic() - begun > within_s:
            raise TimeoutError(f"waited {within_s:g} s in vain: {what}")
        time.sleep(0.01)
    return time.monotonic() - begun
