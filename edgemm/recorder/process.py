"""A child process that records, or plays, seen from outside."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections import deque
from contextlib import suppress
from typing import Any, Generic, Literal, TypeVar

from edgemm.child_process import command
from edgemm.errors import (
    EdgemmError,
    InputError,
    MissingDependency,
    SourceLost,
    SourceNotFound,
    SourceTimeout,
)
from edgemm.recorder.devices import Microphone, SoundDevice
from edgemm.recorder.options import RecorderOptions
from edgemm.recorder.wire import Decoder, Failed, Listed, Message, Unpacker
from edgemm.worker import Worker

_KILL_S = 1.0
_READ_BYTES = 1 << 16
LIST: Literal["list"] = "list"
LIST_S = 15.0
_ERRORS: dict[str, type[EdgemmError]] = {
    kind.__name__: kind for kind in (InputError, SourceNotFound, SourceLost)
}


M = TypeVar("M")
Doing = Literal["recording", "playing"]
_SENTENCES: dict[Doing, str] = {"recording": "a microphone is recorded", "playing": "sound is played"}


class SoundProcess(Generic[M]):
    """A running child. `receive` is for one thread, `kill` for any."""

    def __init__(self, entry: str, argument: str, unpacker: Unpacker[M], doing: Doing) -> None:
        """Starts it; whether there is such a device is told by its first message.

        Args:
            entry: "module:function" of its program.
            argument: for the program.
            unpacker: of its messages.
            doing: what it does, in messages: "recording" or "playing".

        Raises:
            SourceLost: no process can be started.
        """
        self._doing = doing
        try:
            self._child = subprocess.Popen(
                command(entry, argument),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                bufsize=0, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise SourceLost(
                f"{_SENTENCES[doing]} by a process of its own, which cannot be started: {error}"
            ) from error
        pipe = self._child.stdout
        self._fd = pipe.fileno() if pipe else -1
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)
        self._unpacker = unpacker
        self._messages: deque[M] = deque()

    @property
    def pid(self) -> int:
        """The child's."""
        return self._child.pid

    def receive(self, timeout_s: float) -> M | Failed | None:
        """The next message; None when none came in time. A child that is gone says `Failed`."""
        if not self._messages and self._poll.poll(timeout_s * 1000):
            return self._read()
        return self._messages.popleft() if self._messages else None

    def _read(self) -> M | Failed | None:
        data = os.read(self._fd, _READ_BYTES)
        if not data:
            return Failed("SourceLost", f"the {self._doing} process ended ({self._ending()})")
        try:
            self._messages.extend(self._unpacker.feed(data))
        except ValueError as error:
            return Failed("SourceLost", str(error))
        return self._messages.popleft() if self._messages else None

    def kill(self) -> None:
        """Ends it, whatever it hangs in. May be called twice."""
        with suppress(OSError):
            self._child.kill()

    def free(self, wait_s: float = _KILL_S) -> None:
        """Kills it and gives its pipes back; nobody may be in `receive`.

        Args:
            wait_s: how long to wait for its end, in seconds. While it hangs in a driver no signal ends it: a thread
                then goes on waiting.
        """
        self.kill()
        try:
            self._child.wait(wait_s)
        except subprocess.TimeoutExpired:
            with suppress(EdgemmError):  # without a thread it is waited for when the program ends
                Worker(f"edgemm waits for a {self._doing} process", self._child.wait).start()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()

    def _ending(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            code = self._child.wait(_KILL_S)
            return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        return "it closed its pipe"


class Recorder(SoundProcess[Message]):
    """A child that records."""

    def __init__(self, task: RecorderOptions | Literal["list"]) -> None:
        """Starts it; whether there is such a microphone is told by its first message.

        Raises:
            SourceLost: no process can be started.
        """
        argument = task if isinstance(task, str) else task.to_json()
        super().__init__("edgemm.recorder.child:main", argument, Decoder(), "recording")
        _shrink(self._fd)


def list_microphones() -> tuple[Microphone, ...]:
    """The microphones of this machine as they are now, asked of a child so that nothing hangs here.

    Raises:
        MissingDependency: sounddevice or PortAudio is not installed.
        SourceTimeout: the sound system does not answer.
    """
    return listed(Recorder(LIST), Microphone)


D = TypeVar("D", bound=SoundDevice)


def listed(child: SoundProcess[Any], kind: type[D]) -> tuple[D, ...]:
    """The devices that a child lists, which is then freed; raises as `list_microphones` does."""
    try:
        answer = child.receive(LIST_S)
    finally:
        child.free()
    if isinstance(answer, Listed):
        return tuple(kind(**each) for each in answer.devices)
    if isinstance(answer, Failed):
        raise as_error(answer)
    raise SourceTimeout(f"the sound system did not list its {kind.WHAT}s within {LIST_S:g} s")


def as_error(failed: Failed) -> EdgemmError:
    """The error that the child met."""
    if failed.kind == MissingDependency.__name__:
        return MissingDependency.from_text(failed.message)
    return _ERRORS.get(failed.kind, SourceLost)(failed.message)


def _shrink(fd: int) -> None:
    """A short pipe, so that what waits is what the ring holds."""
    with suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, os.sysconf("SC_PAGE_SIZE"))
