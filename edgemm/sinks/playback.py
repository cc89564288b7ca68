"""The player of a speaker's sink: opened, fed, watched, and started again when it or its device is gone.

One thread at a time, under the lock of the sink; `exchange` and `bury`, which wait, without it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import numpy as np

from edgemm.capture.losses import Losses
from edgemm.errors import EdgemmError, SourceError, SourceLost, SourceTimeout
from edgemm.log import LOG
from edgemm.player.options import PlayerOptions
from edgemm.player.playlist import Playlist, Samples, Sounded
from edgemm.player.process import Player
from edgemm.player.wire import Cancel, Cancelled, FromChild, Play, Reopen, Started, Turn
from edgemm.preprocess.resample import resample
from edgemm.recorder.process import as_error
from edgemm.recorder.silence import Silence
from edgemm.recorder.wire import Failed, Opened

AWAY = "away"
"""Why sound was not played: there was no speaker for too long."""
STALL_S = 1.5
"""The player tells nothing for so long: the speaker has stalled."""
OPEN_S = 10.0
"""A speaker that takes longer to open is given up."""
STOP_S = 0.06
"""A player that has not stopped within that time is killed."""
_RETRY_S = (0.2, 5.0)
"""Wait before the first and before every later attempt to open it again; it doubles from one to the other."""
_LOOK_S = 2.0
"""So long a speaker that need not be there holds up whoever opens it."""
_SLICE_S = 0.25
"""Longest wait for a message."""
_GONE_S = 0.1


class Playback:
    """A playlist, and the player that plays it."""

    def __init__(
        self, name: str, options: PlayerOptions, patience_s: float, on_sounded: Callable[[Sounded], object]
    ) -> None:
        """Args:
        name: what messages call it.
        options: which speaker, and how.
        patience_s: seconds that sound waits for a speaker that has gone.
        on_sounded: called when all of a sound was played or dropped.
        """
        self.name = name
        self.list = Playlist(resample, on_sounded)
        self.faults = Losses()
        self.error: EdgemmError | None = None
        """What ended it for good."""
        self.volume = 1.0
        self.device = ""
        """The speaker's name, as the sound system has it."""
        self.player: Player | None = None
        self._options, self._patience_s = options, patience_s
        self._running = self._was_there = self._must_stop = False
        self._rate, self._channels = 0, 1
        self._rate_is_set = options.sample_rate is not None
        self._retry_s, self._retry_at = _RETRY_S[0], 0.0
        self._away_since: float | None = time.monotonic()
        self._stop_by: float | None = None
        self._silence = Silence()
        self._gone: list[Player] = []

    @property
    def is_away(self) -> bool:
        """True while there is no speaker."""
        return self._away_since is not None

    def open(self, *, wait: bool) -> None:
        """Waits until the first player runs, or for a moment where the speaker need not be there.

        Raises:
            EdgemmError: see `SpeakerSink`.
        """
        self._begin()
        until = time.monotonic() + (_LOOK_S if wait else OPEN_S)
        while not self._running and self.player is not None:
            message = self.player.receive(max(0.0, until - time.monotonic()))
            if isinstance(message, Failed) and not (wait and isinstance(as_error(message), SourceError)):
                raise as_error(message)
            if message is None:
                if wait:
                    return
                raise SourceTimeout(f"{self.name} did not open within {OPEN_S:g} s: the sound system hangs")
            self.take(message)

    def cancel(self) -> None:
        """Nothing that was accepted is played any more; `feed` tells the player."""
        if self.list.cancel() and self._stop_by is None:
            self._stop_by = time.monotonic() + STOP_S
            self._must_stop = True

    def feed(self) -> float:
        """Says to the player what there is to say; how many seconds to wait then."""
        if self.player is None:
            self._give_up_what_is_old()
            return min(_SLICE_S, max(0.0, self._retry_at - time.monotonic()))
        if self._must_stop:
            self._must_stop = False
            self.player.say(Cancel())
        if self._running:
            self._feed(self.player)
        if self._stop_by is None:
            return _SLICE_S
        return min(_SLICE_S, max(0.0, self._stop_by - time.monotonic()))

    def _feed(self, player: Player) -> None:
        rate = self.list.first_rate
        if rate is not None and not self._rate_is_set:
            self._rate_is_set = True
            if rate != self._rate:
                self._running = False
                player.say(Reopen(rate))
                return
        while (chunk := self.list.next_chunk()) is not None:
            player.say(Play(to_pcm(chunk, self.volume, self._channels)))

    def take(self, message: FromChild) -> None:
        """What the player has told."""
        self._silence.heard()
        if isinstance(message, Turn):
            self.list.turn(message)
        elif isinstance(message, Opened):
            self._opened(message)
        elif isinstance(message, Started):
            self._rate, self._channels = message.sample_rate, message.channels
            self.list.started(message.sample_rate)
            self._running = True
        elif isinstance(message, Cancelled):
            self._stop_by = None
            self.list.cancelled(message)
        elif isinstance(message, Failed):
            self._fail("lost" if self._was_there else "open-failed", message.message, fatal=message.fatal)

    def judge(self, waited_s: float) -> None:
        """The player has told nothing for so long, or there is none: it may be time to give it up, or to try again."""
        now_s = time.monotonic()
        if self.player is None:
            if now_s >= self._retry_at and self.error is None:
                self._begin_again()
        elif self._stop_by is not None and now_s >= self._stop_by:
            self._fail("stalled", f"it did not stop within {1000 * STOP_S:g} ms")
        elif self._silence.waited(waited_s, STALL_S if self._running else OPEN_S):
            reason = "stalled" if self._running else "open-failed"
            self._fail(reason, f"the player told nothing for {self._silence.seconds:.1f} s")

    def end(self, reason: str) -> None:
        """The player is killed; what is left was not played, for this reason."""
        self._drop_player()
        self.list.lost(reason)
        self.list.drop(reason)

    def bury(self, wait_s: float = _GONE_S) -> None:
        """Frees players that were killed. One that hangs in a driver is waited for no longer."""
        while self._gone:
            self._gone.pop().free(wait_s)

    def _opened(self, message: Opened) -> None:
        if message.note:
            LOG.warning("%s: %s", self.name, message.note)
        if self._options.device.isdecimal():  # numbers change as devices come and go
            self._options = replace(self._options, device=message.name, again=True)
        self.device = message.name
        if self._away_since is not None and self.faults.counts:
            event = "reconnected" if self._was_there else "appeared"
            self.faults.counts[event] = self.faults.counts.get(event, 0) + 1
            away_s = time.monotonic() - self._away_since
            LOG.warning("%s is there, as %s, after %.1f s", self.name, self.device, away_s)
        self._was_there, self._away_since, self._retry_s = True, None, _RETRY_S[0]

    def _fail(self, reason: str, message: str, *, fatal: bool = False) -> None:
        """Gives the player up; another one follows, unless that is of no use."""
        if self._away_since is not None and self._was_there:
            reason = "open-failed"
        self._drop_player()
        self.list.lost()
        self.faults.add(reason, 1, f"{self.name}: {message}")
        if fatal:
            self.error = SourceLost(f"{self.name} is lost: {message}")
            self.list.drop("failed")
            return
        if self._away_since is None:
            self._away_since, self._retry_s = time.monotonic(), _RETRY_S[0]
        self._retry_at = time.monotonic() + self._retry_s
        self._retry_s = min(2 * self._retry_s, _RETRY_S[1])

    def _give_up_what_is_old(self) -> None:
        if self._away_since is not None and time.monotonic() - self._away_since > self._patience_s:
            self.list.drop(AWAY)

    def _begin(self) -> None:
        rate = self._rate if self._rate_is_set and self._rate else self._options.sample_rate
        self.player = Player(replace(self._options, sample_rate=rate))
        self._running = False
        self._silence.heard()

    def _begin_again(self) -> None:
        try:
            self._begin()
        except SourceLost as error:  # no process can be started just now
            self._fail("open-failed", str(error))

    def _drop_player(self) -> None:
        player, self.player = self.player, None
        self._running, self._stop_by, self._must_stop = False, None, False
        if player is not None:
            with suppress(OSError):
                player.kill()
            self._gone.append(player)


def to_pcm(samples: Samples, volume: float, channels: int) -> bytes:
    """float32[n] in -1..1 -> int16, each sample in all channels. A microphone's samples come back as they were."""
    scaled = np.clip(np.rint(samples * np.float32(32768 * volume)), -32768, 32767).astype(np.int16)
    return (np.repeat(scaled, channels) if channels > 1 else scaled).tobytes()
