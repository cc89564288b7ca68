"""Utterances out of running sound: silence ends one, a long one is divided at its quietest place."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from edgemm.voice_level import AGAIN_S

PAUSE_S = 0.1
"""Silence so long lies between words: where a long utterance is divided in it, no sound need be heard twice."""
DIP_DB = 12.0
"""So far below the level of the utterance lie gaps between words where nobody pauses: it is divided as in a pause."""


@dataclass(frozen=True, slots=True)
class EndpointTimes:
    """When an utterance begins and ends. Seconds."""

    silence_s: float = 0.8
    """Silence that ends it; 0: only the end of the sound does."""
    longest_s: float = 30.0
    """Speech that goes on is divided."""
    attack_s: float = 0.08
    """Voice in a row that begins one: a click is shorter."""
    before_s: float = 0.3
    """Sound before the first voice that belongs to it: words begin softly."""
    after_s: float = 0.3
    """Sound behind the last voice that belongs to it: words end softly."""
    overlap_s: float = 1.0
    """Sound that belongs to both parts where it is divided within speech."""


class Span(NamedTuple):
    """One utterance, or a part of a long one. Samples since the sound began."""

    begin: int
    """First sample to be heard."""
    end: int
    """Sample behind the last one to be heard."""
    voice_begin: int
    """Where voice was first found in it."""
    voice_end: int
    """Where voice was last found in it."""
    goes_on: bool = False
    """It was cut within speech: its last word may be cut too, and is in the next one again."""
    continues: bool = False
    """It begins within speech, with sound that the one before had too."""


class _Piece(NamedTuple):
    begin: int
    end: int
    voice: bool
    level_db: float


class Endpoint:
    """The state of one stream of sound: piece by piece in, utterances out."""

    def __init__(self, times: EndpointTimes, rate: int) -> None:
        """Args:
        times: when one begins and ends.
        rate: hertz.
        """
        self._silence, self._longest, self._attack, self._before, self._after, self._overlap = (
            round(each * rate)
            for each in (
                times.silence_s, times.longest_s, times.attack_s, times.before_s, times.after_s, times.overlap_s,
            )
        )  # fmt: skip
        self._pause, self._again = round(PAUSE_S * rate), round(AGAIN_S * rate)
        self.reset()

    def reset(self) -> None:
        """Nothing was heard."""
        self._heard = self._given = self._run = self._row = 0
        self._onset = 0
        self._begun: int | None = None
        self._voice_begin = self._voice_end = 0
        self._continues = False
        self._pieces: deque[_Piece] = deque()

    @property
    def speaks(self) -> bool:
        """Whether an utterance is under way."""
        return self._begun is not None

    @property
    def begin(self) -> int:
        """Sample that the utterance under way begins with, or the next one may begin with: what lies before is not
        needed any more."""
        if self._begun is not None:
            return self._begun
        oldest = self._onset if self._run else self._heard
        return max(self._given, oldest - self._before)

    @property
    def quiet_for(self) -> int:
        """Samples since voice was last found in the utterance under way."""
        return self._heard - self._voice_end

    @property
    def now(self) -> Span:
        """The utterance under way as it would be if it ended here."""
        end = min(self._heard, self._voice_end + self._after)
        return Span(self._begun or 0, end, self._voice_begin, self._voice_end, continues=self._continues)

    def push(self, begin: int, end: int, voice: bool, level_db: float) -> Span | None:
        """Takes the next piece.

        Args:
            begin: its first sample since the sound began; where the last one ended.
            end: the sample behind its last one.
            voice: whether there is voice in it.
            level_db: how loud it is.

        Returns:
            The utterance that ends with it.
        """
        self._heard = end
        self._count(begin, end, voice)
        if self._begun is None:
            self._begin()
            return None
        self._pieces.append(_Piece(begin, end, voice, level_db))
        if voice and (self._row >= self._again or self._voice_end >= begin):
            self._voice_end = end
        too_long, quiet = end - self._begun >= self._longest, end - self._voice_end
        if (self._silence and quiet >= self._silence) or (too_long and quiet >= self._pause):
            return self._ended()
        return self._divided() if too_long else None

    def finish(self) -> Span | None:
        """The sound ends here: the utterance under way, all that was heard of it included."""
        if self._begun is None and self._run:
            self._start()
        found = self.now._replace(end=self._heard) if self._begun is not None else None
        self.reset()
        return found

    def _count(self, begin: int, end: int, voice: bool) -> None:
        """How much voice there was; a piece without it takes away what one with it gave."""
        self._row = self._row + end - begin if voice else 0
        if voice and not self._run:
            self._onset = begin
        self._run = self._run + end - begin if voice else max(0, self._run - (end - begin))

    def _begin(self) -> None:
        if self._run >= self._attack:
            self._start()

    def _start(self) -> None:
        self._begun, self._continues = self.begin, False
        self._voice_begin, self._voice_end = self._onset, self._heard
        self._pieces.clear()

    def _ended(self) -> Span:
        found = self.now
        self._given, self._begun, self._run = found.end, None, 0
        self._pieces.clear()
        return found

    def _divided(self) -> Span:
        """The first part of speech that goes on for too long."""
        assert self._begun is not None
        half, last = self._begun + self._longest // 2, self._pieces[-1].end
        cut, quiet = self._quietest(half, last)
        if not quiet:
            cut, quiet = self._quietest(half, last - self._overlap // 2)
        back = 0 if quiet else self._overlap // 2
        before = [each for each in self._pieces if each.voice and each.begin < cut]
        after = [each for each in self._pieces if each.voice and each.begin >= cut]
        found = Span(
            self._begun,
            cut + back,
            self._voice_begin,
            before[-1].end if before else cut,
            not quiet,
            self._continues,
        )
        self._given = cut - back
        while self._pieces and self._pieces[0].begin < self._given:
            self._pieces.popleft()
        if after or not quiet:
            self._begun, self._continues = self._given, not quiet
            self._voice_begin = after[0].begin if after else cut
            self._voice_end = after[-1].end if after else cut
        else:
            self._begun, self._run = None, 0
        return found

    def _quietest(self, first: int, last: int) -> tuple[int, bool]:
        """The middle of the quietest stretch of `PAUSE_S` between two samples, and whether no word is in it."""
        pieces = [each for each in self._pieces if first <= each.begin and each.end <= last]
        if not pieces:
            return (first + last) // 2, False
        count = min(len(pieces), max(1, -(-self._pause // (pieces[0].end - pieces[0].begin))))
        power = 10 ** (np.array([each.level_db for each in pieces]) / 10)
        sums = np.convolve(power, np.ones(count), "valid")
        voices = np.convolve([float(each.voice) for each in pieces], np.ones(count), "valid")
        at = int(np.lexsort((sums, voices > 0.5))[0])
        chosen = pieces[at : at + count]
        usual_db = float(np.median([each.level_db for each in self._pieces if each.voice] or [np.inf]))
        dips = 10 * np.log10(sums[at] / count) <= usual_db - DIP_DB
        return (chosen[0].begin + chosen[-1].end) // 2, bool(voices[at] < 0.5 or dips)
