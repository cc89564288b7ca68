"""The child's program: plays what comes in through its standard input, until that ends."""

from __future__ import annotations

import os
import sys
import time
from queue import SimpleQueue

from edgemm.errors import SourceLost
from edgemm.player import portaudio
from edgemm.player.options import PlayerOptions
from edgemm.player.portaudio import Playing
from edgemm.player.wire import (
    Cancel,
    Cancelled,
    FromChild,
    Play,
    Reopen,
    Started,
    ToChildUnpacker,
    Turn,
    encode_from_child,
)
from edgemm.recorder.child import LIST, send_list, serve
from edgemm.recorder.devices import Speaker, choose
from edgemm.recorder.portaudio import devices
from edgemm.recorder.wire import Opened, send_bytes
from edgemm.worker import Worker

HEARTBEAT_NS = 250_000_000
"""Between two turns that are told while nothing but silence is played."""
_READ_BYTES = 1 << 16
_LOOK_S = 1.0


def main() -> None:
    """Plays, or lists."""
    serve(_work, "playing")


def _work(out: int) -> None:
    if sys.argv[1] == LIST:
        send_list(out, Speaker)
        return
    Worker("edgemm ends with its parent", _end_with_parent, os.getppid()).start()
    child = Child(PlayerOptions.from_json(sys.argv[1]), out)
    child.open()
    Worker("edgemm reads what is to be played", child.read).start()
    child.tell()


def _end_with_parent(parent: int) -> None:
    """Also where the thread that reads hangs in a driver, and does not see the end of its pipe."""
    while os.getppid() == parent:
        time.sleep(_LOOK_S)
    os._exit(0)


class Child:
    """One thread reads what is to be done and does it, PortAudio's fills blocks, the first one tells of them."""

    def __init__(self, options: PlayerOptions, out: int) -> None:
        self._options, self._out = options, out
        self._notes: SimpleQueue[FromChild | BaseException | None] = SimpleQueue()
        self._speaker = choose(devices(Speaker), options.device, again=options.again, kind=Speaker)
        self._playing: Playing | None = None
        self._expects_end = False
        self._heartbeat = Heartbeat()

    def open(self, rate: int | None = None) -> None:
        """Begins a stream.

        Raises:
            SourceLost: the device cannot be opened.
        """
        playing = portaudio.open_stream(
            self._speaker, self._options, rate or self._options.sample_rate, self._notes.put, self._ended
        )
        self._playing = playing
        self._notes.put(Opened(self._speaker.name, playing.sample_rate, playing.note))
        self._begin(playing)

    def tell(self) -> None:
        """Sends what there is to tell.

        Raises:
            SourceLost: the stream has ended by itself.
        """
        while True:
            note = self._notes.get()
            if isinstance(note, BaseException):
                raise note
            if note is None:
                error = self._playing.callback.error if self._playing else None
                raise error or SourceLost(f"the sound system has ended the stream of {self._speaker.name}")
            if not isinstance(note, Turn) or self._heartbeat.wants(note):
                send_bytes(self._out, encode_from_child(note))

    def read(self) -> None:
        """Does what the parent says; ends the process when it says nothing any more."""
        unpacker = ToChildUnpacker()
        try:
            while data := os.read(0, _READ_BYTES):
                for message in unpacker.feed(data):
                    self._do(message)
        except BaseException as error:  # noqa: BLE001 - the first thread tells of it
            self._notes.put(error)
            return
        os._exit(0)

    def _do(self, message: Play | Cancel | Reopen) -> None:
        assert self._playing is not None
        if isinstance(message, Play):
            self._playing.ring.put(message.raw)
        elif isinstance(message, Cancel):
            self._stop(self._playing)
            self._notes.put(Cancelled(time.monotonic_ns()))
            self._begin(self._playing)
        else:
            self._stop(self._playing)
            self._playing.stream.close()
            self.open(message.sample_rate)

    def _begin(self, playing: Playing) -> None:
        self._notes.put(Started(playing.sample_rate, playing.channels))
        playing.start()

    def _stop(self, playing: Playing) -> None:
        """At once: what is in the device is not played. A driver that hangs here is noticed by the parent."""
        self._expects_end = True
        playing.stream.abort()
        self._expects_end = False

    def _ended(self) -> None:
        if not self._expects_end:
            self._notes.put(None)


class Heartbeat:
    """Which turns are told: all while there is sound in the device, else a few a second."""

    def __init__(self) -> None:
        self._sounds_until_ns = 0
        self._told_ns = 0

    def wants(self, turn: Turn) -> bool:
        """True for a turn to tell."""
        if turn.count:
            self._sounds_until_ns = turn.called_ns + 2 * turn.delay_ns + HEARTBEAT_NS
        if turn.called_ns >= self._sounds_until_ns and turn.called_ns - self._told_ns < HEARTBEAT_NS:
            return False
        self._told_ns = turn.called_ns
        return True
