"""The child process that plays, seen from outside."""

from __future__ import annotations

import os
import select
from contextlib import suppress
from typing import Literal

from edgemm.player.options import PlayerOptions
from edgemm.player.wire import FromChild, FromChildUnpacker, ToChild, encode_to_child
from edgemm.recorder.devices import Speaker
from edgemm.recorder.process import LIST, SoundProcess, listed
from edgemm.recorder.wire import Failed


class Player(SoundProcess[FromChild]):
    """A running child. `say` and `exchange` are for one thread, `kill` for any."""

    def __init__(self, task: PlayerOptions | Literal["list"]) -> None:
        """Starts it; whether there is such a speaker is told by its first message.

        Raises:
            SourceLost: no process can be started.
        """
        argument = task if isinstance(task, str) else task.to_json()
        super().__init__("edgemm.player.child:main", argument, FromChildUnpacker(), "playing")
        pipe = self._child.stdin
        self._to_child = pipe.fileno() if pipe else -1
        os.set_blocking(self._to_child, False)
        self._outgoing = bytearray()

    def say(self, message: ToChild) -> None:
        """Sends it in `exchange`."""
        self._outgoing += encode_to_child(message)

    def exchange(self, timeout_s: float, wake: int) -> FromChild | Failed | None:
        """The next message, sending meanwhile what there is to send; None when none came in time, or `wake`, a file
        descriptor, has something to read."""
        if self._messages:
            return self._messages.popleft()
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        poll.register(wake, select.POLLIN)
        if self._outgoing:
            poll.register(self._to_child, select.POLLOUT)
        ready = dict(poll.poll(timeout_s * 1000))
        if self._to_child in ready:
            self._write()
        return self._read() if self._fd in ready else None

    def _write(self) -> None:
        """A child that is gone says so where it is read."""
        with suppress(OSError):
            del self._outgoing[: os.write(self._to_child, self._outgoing)]
            return
        self._outgoing.clear()


def list_speakers() -> tuple[Speaker, ...]:
    """The speakers of this machine as they are now, asked of a child so that nothing hangs here.

    Raises:
        MissingDependency: sounddevice or PortAudio is not installed.
        SourceTimeout: the sound system does not answer.
    """
    return listed(Player(LIST), Speaker)
