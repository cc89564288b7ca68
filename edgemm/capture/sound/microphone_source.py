"""A microphone as a source of audio blocks: every sample once, in order, and every hole marked.

It is recorded by a process of its own (`edgemm.recorder`), which is killed and started again when no sound
comes any more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from edgemm.capture.losses import Losses
from edgemm.capture.sound.beside_speaker import SPEAKING, BesideSpeakers, Speaking
from edgemm.capture.sound.held_back import HeldBack
from edgemm.capture.sound.pcm import Pcm
from edgemm.errors import SourceError, SourceLost, SourceTimeout
from edgemm.gate import Gate
from edgemm.lifecycle import Lifecycle
from edgemm.log import LOG
from edgemm.media import AudioBlock
from edgemm.recorder.options import RecorderOptions
from edgemm.recorder.process import Recorder, as_error
from edgemm.recorder.silence import Silence
from edgemm.recorder.wire import Failed, Message, Opened, Sound

if TYPE_CHECKING:
    from typing_extensions import Self

STALL_S = 1.5
"""No block for so long: the microphone has stalled."""
OPEN_S = 10.0
"""A microphone that takes longer to open is given up."""
FIRST_BLOCK_S = 3.0
"""A microphone that is open gives its first block within that time."""
_RETRY_S = (0.2, 5.0)
"""Wait before the first and before every later attempt to open it again; it doubles from one to the other."""
_LOOK_S = 2.0
"""So long a microphone that need not be there holds up whoever opens it."""
_SLICE_S = 0.1
_CLOSE_S = 2.0
_GONE_S = 0.1
"""A recorder that was given up is waited for no longer: it may hang in a driver, and who reads has a time-out."""


class MicrophoneSource:
    """Blocks of one channel at the microphone's own rate, or at the one asked for.

    A slow reader makes the recorder's ring overflow: the newest sound is dropped and the next block says so
    ("overflow"). Samples that the driver lost in silence are found by the clock within a second or two
    ("missing"). A microphone that stalls or goes away is opened again under the same name, and the time
    between is a gap by the clock ("stalled", "lost").
    """

    modality: Literal["image", "audio", "text"] = "audio"
    live: bool = True

    def __init__(
        self,
        uri: str,
        options: RecorderOptions,
        *,
        channel: int | None = None,
        stall_s: float = STALL_S,
        reconnect: bool = True,
        wait: bool = False,
        beside: BesideSpeakers | None = None,
    ) -> None:
        """Opens it.

        Args:
            uri: what it is called in messages.
            options: what to record.
            channel: the one to keep; None mixes all of them.
            stall_s: seconds without a block after which it counts as stalled.
            reconnect: True to open it again after a fault, False to raise SourceLost.
            wait: True when it need not be there yet: it is tried again until it opens.
            beside: what it knows of speakers near it; None: echo is not cancelled.

        Raises:
            SourceNotFound: there is no such microphone, and it is not waited for; likewise the next two.
            SourceLost: it cannot be opened.
            SourceTimeout: it does not open in time.
            InputError: the name fits several.
            MissingDependency: sounddevice or PortAudio is not installed.
        """
        self.uri = uri
        self._options = options
        self._pcm = Pcm(options.dtype, options.channels, channel)
        self._stall_s = stall_s
        self._reconnect = reconnect
        self._wait = wait
        self._awaited = False
        self._since_s = time.monotonic()
        self._faults = Losses()
        self._held = HeldBack()
        self._beside = beside or BesideSpeakers(uri)
        self._closed = threading.Event()
        self._life = Lifecycle(uri, "open it")
        self._gate = Gate(self._drop_recorder)
        self._error: SourceLost | None = None
        self._name = ""
        self._sample_rate = 0
        self._position = 0
        self._end_ns: int | None = None
        self._away = ""
        self._retry_s = _RETRY_S[0]
        self._retry_at = 0.0
        self._recorder: Recorder | None = None
        self._silence = Silence()
        self._begin()
        if wait:
            self._look()
        else:
            self._open()

    @property
    def name(self) -> str:
        """The microphone's, as the sound system has it."""
        return self._name

    @property
    def sample_rate(self) -> int:
        """Hertz."""
        return self._sample_rate

    @property
    def faults(self) -> Mapping[str, int]:
        """How often it was "stalled", "lost", "open-failed", "appeared" and "reconnected"."""
        return self._faults.counts

    @property
    def withheld(self) -> Mapping[str, int]:
        """{"speaking": samples held back so far}, and gaps among them; see `Withholds`."""
        return self._held.samples

    @property
    def lost(self) -> Mapping[str, int]:
        """{"speaking": blocks held back}."""
        return self._held.blocks

    def withhold_while(self, speaker: Speaking) -> None:
        """See `HearsSpeakers`."""
        self._beside.add(speaker)

    def on_voice(self, call: Callable[[], object]) -> None:
        """See `HearsSpeakers`."""
        self._beside.on_voice(call)

    @property
    def awaited(self) -> bool:
        """True while it is not there, has never been, and is waited for."""
        return self._awaited

    @property
    def recorder_pid(self) -> int | None:
        """The process that records; None while there is none."""
        recorder = self._recorder
        return recorder.pid if recorder else None

    def read(self, timeout_s: float | None = None) -> AudioBlock | None:
        """The next block; None after `close()`.

        Raises:
            SourceTimeout: none came within `timeout_s`; the microphone may be away, and come back.
            SourceLost: it went away, and is not to be opened again.
            InputError: this process was forked after it was opened.
        """
        self._life.check_process()
        give_up = None if timeout_s is None else time.monotonic() + timeout_s
        with self._gate as open_:
            while open_():
                left_s = _SLICE_S if give_up is None else min(_SLICE_S, give_up - time.monotonic())
                block = self._step(max(0.0, left_s))
                if block is not None and not self._beside.hears_them(block):
                    return self._held.release(block)
                if block is not None:
                    self._held.hold(block, SPEAKING)
                if give_up is not None and time.monotonic() >= give_up and open_():
                    away = f": it is away ({self._away})" if self._away else ""
                    raise SourceTimeout(f"{self.uri} gave nothing within {timeout_s:g} s{away}")
        return None

    def close(self) -> None:
        """Ends the recording, whatever it hangs in, and wakes a waiting reader, who gets None. May be called twice
        and from any thread."""
        self._life.close(self._end, 2 * _CLOSE_S)

    def _end(self) -> None:
        self._gate.shut()
        self._closed.set()
        recorder = self._recorder
        if recorder is not None:
            recorder.kill()
        self._gate.free(_CLOSE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _open(self) -> None:
        """Waits until the first recorder runs."""
        try:
            message = self._recorder.receive(OPEN_S) if self._recorder else None
            if isinstance(message, Failed):
                raise as_error(message)
            if not isinstance(message, Opened):
                raise SourceTimeout(f"{self.uri} did not open within {OPEN_S:g} s: the sound system hangs")
            self._opened(message)
        except BaseException:
            self.close()
            raise

    def _look(self) -> None:
        """Whether it is there, when it need not be. Raises what waiting does not cure."""
        message = self._recorder.receive(_LOOK_S) if self._recorder else None
        if isinstance(message, Failed) and not isinstance(error := as_error(message), SourceError):
            self.close()
            raise error
        if message is not None:
            self._take(message)

    def _begin(self) -> None:
        self._recorder = Recorder(self._options)
        self._running = self._flowing = False
        self._silence.heard()
        if self._closed.is_set():
            self._recorder.kill()

    def _begin_again(self) -> None:
        try:
            self._begin()
        except SourceLost as error:  # no process can be started just now
            self._fail("open-failed", str(error))

    def _step(self, wait_s: float) -> AudioBlock | None:
        """Waits for one message, or for the time to try again."""
        if self._error is not None:
            raise self._error
        if self._recorder is None:
            left_s = self._retry_at - time.monotonic()
            if left_s <= wait_s and not self._closed.wait(max(0.0, left_s)):
                self._begin_again()
            elif left_s > wait_s:
                self._closed.wait(wait_s)
            return None
        message = self._recorder.receive(wait_s)
        if message is None:
            self._judge(wait_s)
            return None
        self._silence.heard()
        return self._take(message)

    def _take(self, message: Message) -> AudioBlock | None:
        if isinstance(message, Sound):
            return self._block(message)
        if isinstance(message, Opened):
            self._opened(message)
        elif isinstance(message, Failed) and not self._closed.is_set():
            self._fail("lost" if self._flowing else "open-failed", message.message, fatal=message.fatal)
        return None

    def _judge(self, waited_s: float) -> None:
        """Nothing came."""
        limit_s = self._stall_s if self._flowing else FIRST_BLOCK_S if self._running else OPEN_S
        if self._silence.waited(waited_s, limit_s):
            reason = "stalled" if self._flowing else "open-failed"
            self._fail(reason, f"no sound came for {self._silence.seconds:.1f} s")

    def _fail(self, reason: str, message: str, *, fatal: bool = False) -> None:
        """Gives the recorder up; another one follows, unless that is of no use."""
        self._drop_recorder(_GONE_S)
        self._awaited = self._wait and self._end_ns is None and not fatal
        self._faults.add(reason, 1, f"{self.uri}: {message}{'; waiting for it' if self._awaited else ''}")
        if fatal or not self._reconnect:
            self._error = SourceLost(f"{self.uri} is lost: {message}")
            raise self._error
        if not self._away:
            self._away = "lost" if reason == "open-failed" else reason
            self._retry_s = _RETRY_S[0]
        self._retry_at = time.monotonic() + self._retry_s
        self._retry_s = min(2 * self._retry_s, _RETRY_S[1])

    def _drop_recorder(self, wait_s: float = _CLOSE_S / 2) -> None:
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            recorder.free(wait_s)

    def _opened(self, message: Opened) -> None:
        if message.note and not self._name:
            LOG.warning("%s: %s", self.uri, message.note)
        if self._sample_rate and message.sample_rate != self._sample_rate:
            self._position = self._position * message.sample_rate // self._sample_rate
        self._running = True
        if self._options.device.isdecimal():  # numbers change as devices come and go
            self._options = replace(self._options, device=message.name, again=True)
        self._name, self._sample_rate = message.name, message.sample_rate

    def _block(self, sound: Sound) -> AudioBlock:
        samples = self._pcm.mono(sound.raw)
        gap, reason = sound.gap_samples, sound.gap_reason
        if self._away:
            if self._end_ns is not None:
                gap, reason = self._time_away(sound.captured_ns), self._away
            self._is_back(gap)
        self._flowing = True
        position = self._position + gap
        self._position = position + len(samples)
        self._end_ns = sound.captured_ns + round(len(samples) * 1e9 / self._sample_rate)
        return AudioBlock(samples, self._sample_rate, sound.captured_ns, position, gap, self._name, reason)

    def _is_back(self, gap: int) -> None:
        """The first block since it was away, or since it was waited for."""
        if self._awaited:
            event, since_s = "appeared", time.monotonic() - self._since_s
            LOG.warning("%s is there now, as %s, after %.1f s", self.uri, self._name, since_s)
        else:
            event = "reconnected"
            LOG.warning("%s is back as %s after %.1f s", self.uri, self._name, gap / self._sample_rate)
        self._faults.counts[event] = self._faults.counts.get(event, 0) + 1
        self._away, self._awaited = "", False

    def _time_away(self, captured_ns: int) -> int:
        """Samples between the last block and this one, by the clock; at least one, since state is lost."""
        if self._end_ns is None:
            return 0
        return max(1, round((captured_ns - self._end_ns) * self._sample_rate / 1e9))
