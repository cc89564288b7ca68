"""A loudspeaker: results that are sound are played, in order, by a process that can be killed."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from edgemm.errors import EdgemmError
from edgemm.lifecycle import Lifecycle
from edgemm.log import LOG
from edgemm.player.options import PlayerOptions
from edgemm.player.playlist import Sound, Sounded
from edgemm.results import Audio
from edgemm.sinks.outbox import BUSY, CLOSED, FAILED
from edgemm.sinks.playback import Playback
from edgemm.sinks.wav import NO_SOUND, no_sound
from edgemm.worker import Worker

if TYPE_CHECKING:
    from typing_extensions import Self

    from edgemm.stream.item import Item

QUEUE_S = 120.0
"""Seconds of sound that may wait."""
PATIENCE_S = 10.0
"""So long sound waits for a speaker that has gone; older answers answer nothing."""
_AGES = 1000
_CLOSE_S = 2.0


class SpeakerSink:
    """Plays results of type `Audio`; others are refused ("no_sound").

    Every sample that was accepted is played, dropped for a reason, or queued: "cancelled" by `cancel()`, "lost" where
    the device held it when it went away, "away" where no speaker came back in time, "closed". A speaker that stalls or
    goes away is opened again under the same name, and the rest of the sound is played there. Sound of another rate
    than the stream's is converted; the stream has the rate of the first sound where the device takes it.
    """

    def __init__(
        self,
        name: str = "speaker:",
        options: PlayerOptions | None = None,
        *,
        volume: float = 1.0,
        queue_s: float = QUEUE_S,
        patience_s: float = PATIENCE_S,
        wait: bool = False,
        on_sounded: Callable[[Sounded], object] | None = None,
    ) -> None:
        """Opens it.

        Args:
            name: what messages call it, such as "speaker:0"; `options` say which it is.
            options: which speaker, and how.
            volume: what samples are multiplied with; what goes beyond full scale is clipped.
            queue_s: seconds of sound that may wait; what is more is refused ("busy").
            patience_s: seconds that sound waits for a speaker that has gone.
            wait: True when it need not be there yet: it is tried again until it opens.
            on_sounded: called, in a thread of the sink, when all of a sound was played or dropped.

        Raises:
            SourceNotFound: there is no such speaker, and it is not waited for; likewise the next two.
            SourceLost: it cannot be opened.
            SourceTimeout: it does not open in time.
            InputError: the name fits several.
            MissingDependency: sounddevice or PortAudio is not installed.
        """
        self.name = name
        self.refused: dict[str, int] = {}
        """Reason -> items."""
        self._queue_s = queue_s
        self._on_sounded = on_sounded
        self._ages: list[float] = []
        self._told: list[Sounded] = []
        self._playback = Playback(name, options or PlayerOptions(), patience_s, self._sounded)
        self.volume = volume
        self._error_told = self._draining = False
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._wake_out, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        self._life = Lifecycle(f"sink {name}", "open it again")
        self._worker = Worker(f"edgemm sink {name}", self._run)
        try:
            self._playback.open(wait=wait)
            self._life.start(self._worker.start)
        except BaseException:
            self._life.close(self._free)
            raise

    @property
    def volume(self) -> float:
        """What samples are multiplied with. May be set at any time; half a second of sound is on its way already."""
        return self._playback.volume

    @volume.setter
    def volume(self, volume: float) -> None:
        self._playback.volume = volume

    @property
    def faults(self) -> Mapping[str, int]:
        """How often it was "stalled", "lost", "open-failed", "appeared" and "reconnected"."""
        return self._playback.faults.counts

    @property
    def player_pid(self) -> int | None:
        """The process that plays; None while there is none."""
        player = self._playback.player
        return player.pid if player else None

    @property
    def busy(self) -> bool:
        """True while there is sound that waits or is played."""
        with self._lock:
            return bool(len(self._playback.list))

    def put(self, stream: str, item: Item) -> bool:
        """See `Sink.put`."""
        if self._life.forked:  # the lock may be held by a thread that is not here
            return False
        with self._lock:
            reason = self._why_not(item)
            if reason:
                self.refused[reason] = self.refused.get(reason, 0) + 1
                return False
            value = item.value
            assert isinstance(value, Audio)
            samples = np.nan_to_num(value.samples.astype(np.float32), posinf=0.0, neginf=0.0)
            sound = Sound(samples, value.sample_rate, stream, item.sequence, item.captured_ns, item.final)
            self._playback.list.add(sound)
            self._notify()
            return True

    def sounds(self, begin_ns: int, end_ns: int, tail_ns: int = 0) -> bool:
        """Whether it played anything between two moments, or not longer than `tail_ns` before; CLOCK_MONOTONIC."""
        return self._playback.list.spoken.overlap(begin_ns, end_ns, tail_ns)

    def cancel(self) -> None:
        """Stops within 100 ms, and drops what waits; what is put afterwards is played. From any thread."""
        if self._life.forked:
            return
        with self._lock:
            self._playback.cancel()
            self._notify()

    def wait_for_room(self, timeout_s: float) -> bool:
        """See `HasRoom.wait_for_room`."""
        with self._changed:
            self._changed.wait_for(lambda: self._has_room or not self._takes, timeout_s)
            return self._takes and self._has_room

    def drain(self, timeout_s: float) -> None:
        """Waits until all was played, or dropped.

        Raises:
            EdgemmError: it is not within `timeout_s` seconds, or the speaker has failed for good.
        """
        if self._worker.is_current or self._life.forked:
            return
        with self._changed:
            done = self._changed.wait_for(
                lambda: not len(self._playback.list) or not self._worker_lives, timeout_s
            )
        self._tell()
        if not done:
            raise EdgemmError(f"{self.name}: what was accepted is not played within {timeout_s:g} s")

    def close(self) -> None:
        """Plays what was accepted, as long as the speaker is there, and ends. May be called twice.

        Raises:
            EdgemmError: the speaker has failed for good.
            InputError: there were results, and none of them was sound.
        """
        self._life.close(self._end, self._queue_s + _CLOSE_S)
        if not self._worker.is_current and not self._life.forked:
            self._tell()

    def summary(self) -> dict[str, Any]:
        """Plain JSON values: `taken`, `written` (played whole) and `refused` {reason: items}; `samples` {accepted,
        played, dropped {reason: samples}, queued}; `underruns` and `pauses`, see `Playlist`; `first_sound_ms`, the
        median age of an item's first sample at the converter, None before the first; `faults`."""
        with self._lock:
            play = self._playback.list
            return {
                "device": self._playback.device,
                "taken": play.taken,
                "written": play.finished,
                "refused": dict(self.refused),
                "samples": {
                    "accepted": play.accepted,
                    "played": play.played,
                    "dropped": dict(play.dropped),
                    "queued": play.queued,
                },
                "underruns": play.underruns,
                "pauses": play.pauses,
                "first_sound_ms": round(float(np.median(self._ages)), 3) if self._ages else None,
                "faults": dict(self.faults),
            }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        try:
            self.close()
        except EdgemmError as failed:
            if kind is None:
                raise
            LOG.warning("%s", failed)

    @property
    def _takes(self) -> bool:
        return self._life.is_open and self._playback.error is None

    @property
    def _has_room(self) -> bool:
        return self._playback.list.queued_s < self._queue_s

    @property
    def _worker_lives(self) -> bool:
        return self._life.is_open or self._draining

    def _why_not(self, item: Item) -> str:
        if not self._life.is_open:
            return CLOSED
        if self._playback.error is not None:
            return FAILED
        if not isinstance(item.value, Audio):
            return NO_SOUND
        return "" if self._has_room else BUSY

    def _sounded(self, sounded: Sounded) -> None:
        """Under the lock; the caller's function is called later, without it."""
        if sounded.age_ms is not None:
            self._ages = [*self._ages[1 - _AGES :], sounded.age_ms]
        self._told.append(sounded)

    def _notify(self) -> None:
        """Under the lock: wakes the sink's thread, and those who wait for a change."""
        self._changed.notify_all()
        with suppress(OSError):  # full: it is awake
            os.write(self._wake, b"!")

    def _tell(self) -> None:
        error = self._playback.error
        if error is not None and not self._error_told:
            self._error_told = True
            raise error

    def _end(self) -> None:
        """Waits for the sound, then for the thread. An interruption, such as Ctrl-C, drops what is left."""
        self._draining = not self._worker.is_current
        try:
            with self._changed:
                others = self.refused.get(NO_SOUND, 0)
                if others and not self._playback.list.taken and self._playback.error is None:
                    self._playback.error = no_sound(self.name, others)
                self._notify()
                if self._draining:
                    self._changed.wait_for(self._is_done, self._queue_s + _CLOSE_S)
        finally:
            with self._lock:
                self._draining = False
                self._notify()
            self._worker.join(_CLOSE_S)

    def _is_done(self) -> bool:
        """Nothing is left to play, or nothing to play it on."""
        return not len(self._playback.list) or self._playback.is_away or self._playback.error is not None

    def _run(self) -> None:
        try:
            while self._worker_lives:
                self._step()
                self._playback.bury()
                self._call_back()
        except BaseException as error:  # noqa: BLE001 - raised by drain or close
            failed = EdgemmError(f"{self.name}: {type(error).__name__}: {error}")
            self._playback.error = self._playback.error or failed
        finally:
            self._free()
            self._call_back()

    def _step(self) -> None:
        """Says what there is to say, and waits for one message, or for the time to try again."""
        with self._lock:
            wait_s = self._playback.feed()
            player = self._playback.player
            self._changed.notify_all()
        begun = time.monotonic()
        if player is None:
            select.select([self._wake_out], [], [], wait_s)
            message = None
        else:
            message = player.exchange(wait_s, self._wake_out)
        if select.select([self._wake_out], [], [], 0)[0]:
            os.read(self._wake_out, 4096)
        with self._lock:
            if message is not None:
                self._playback.take(message)
            else:
                self._playback.judge(time.monotonic() - begun)
            self._changed.notify_all()

    def _free(self) -> None:
        """The end: what is left was not played."""
        with self._lock:
            self._playback.end(CLOSED)
            self._wake, wake = -1, self._wake
            self._changed.notify_all()
        for end in (wake, self._wake_out):
            os.close(end)
        self._playback.bury(_CLOSE_S / 2)

    def _call_back(self) -> None:
        with self._lock:
            told, self._told = self._told, []
        if self._on_sounded is not None:
            for each in told:
                self._on_sounded(each)
