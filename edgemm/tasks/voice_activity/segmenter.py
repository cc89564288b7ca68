"""From probabilities of speech to segments, one window at a time.

The rules are those of silero-vad's `get_speech_timestamps`, computed as the sound comes in: what a segment's end
depends on behind it (padding that it may have to share with the next one) is waited for.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgemm.results import Segment
from edgemm.tasks.voice_activity.recipe import VoiceActivityRecipe

ROUNDING_S = 1e-6
"""Of times that are sums of strides."""
LEAST = 0.01
"""A probability below this is silence, whatever the hysteresis."""


@dataclass(slots=True)
class _Speech:
    """A segment, without its padding."""

    begin_s: float
    end_s: float = 0.0
    """Where it ended; while it goes on, the end of the newest window that is no silence."""
    quiet_s: float | None = None
    """Since when it is silent; None where it is not."""
    padding_s: float = 0.0
    """In front of it."""
    total: float = 0.0
    """Sum of the probabilities of its windows."""
    windows: int = 0
    kept: bool = False
    """It is longer than the shortest."""

    def segment(self, least_s: float, padding_s: float) -> Segment:
        """With its padding, that in front of it no earlier than `least_s`."""
        begin_s = max(least_s, self.begin_s - self.padding_s)
        return Segment(begin_s, self.end_s + padding_s, self.total / max(1, self.windows))


class Segmenter:
    """One stream's speech."""

    def __init__(self, recipe: VoiceActivityRecipe) -> None:
        self._recipe = recipe
        self._silence = max(recipe.threshold - recipe.hysteresis, LEAST)
        self._now: _Speech | None = None
        """Speech that goes on."""
        self._over: _Speech | None = None
        """The newest that is over, until it is clear where its padding ends."""
        self._first_s: float | None = None
        """Where the sound begins."""

    @property
    def under_way(self) -> Segment | None:
        """Speech that goes on and is longer than the shortest; None where there is none."""
        now = self._now
        return now.segment(self._first_s or 0.0, 0.0) if now is not None and now.kept else None

    def push(self, probability: float, begin_s: float, end_s: float) -> list[Segment]:
        """The segments that are over and done with once this window is known.

        Args:
            probability: of speech, 0..1.
            begin_s, end_s: the time that it speaks of; windows follow each other.
        """
        if self._first_s is None:
            self._first_s = begin_s
        if probability >= self._recipe.threshold:
            self._now = self._now or _Speech(begin_s, padding_s=self._recipe.padding_s)
            self._now.quiet_s = None
        elif probability < self._silence and self._now is not None:
            self._hush(self._now, begin_s)
        now = self._now
        if now is not None and now.quiet_s is None:
            now.total, now.windows, now.end_s = now.total + probability, now.windows + 1, end_s
            now.kept = now.kept or self._long(now, end_s)
        return self._settled(end_s)

    def end(self, end_s: float) -> list[Segment]:
        """All that is left, when the sound ends at `end_s`."""
        now, found = self._now, []
        if now is not None and self._long(now, end_s):
            now.kept, now.end_s = True, end_s
            found = self._settled(end_s)
            self._over = now
        over, self._now, self._over = self._over, None, None
        if over is not None:
            padding_s = min(self._recipe.padding_s, end_s - over.end_s)
            found.append(over.segment(self._first_s or 0.0, padding_s))
        return found

    def _long(self, speech: _Speech, end_s: float) -> bool:
        return end_s - speech.begin_s > self._recipe.shortest_speech_s + ROUNDING_S

    def _hush(self, now: _Speech, begin_s: float) -> None:
        """A window of silence within speech."""
        if now.quiet_s is None:
            now.quiet_s = begin_s
        if begin_s - now.quiet_s >= self._recipe.shortest_silence_s - ROUNDING_S:
            now.end_s, self._now = now.quiet_s, None
            if now.kept:
                self._over = now

    def _settled(self, end_s: float) -> list[Segment]:
        """The newest segment that is over, where nothing that follows can change it."""
        over, now = self._over, self._now
        if over is None:
            return []
        padding_s = self._recipe.padding_s
        between_s = (end_s if now is None else now.begin_s) - over.end_s
        if between_s < 2 * padding_s - ROUNDING_S:
            if now is None or not now.kept:
                return []
            padding_s = now.padding_s = between_s / 2
        self._over = None
        return [over.segment(self._first_s or 0.0, padding_s)]
