"""How loud running sound was lately, and where a word that was heard in it ends."""

from __future__ import annotations

from array import array

import numpy as np
import numpy.typing as npt

from edgemm.media import AudioBlock
from edgemm.voice_level import PIECE_S, level_db

KEPT_S = 1200.0
"""Seconds that are remembered: as long as an utterance can be."""
QUIET_DB = 36.0
"""A word has ended where it is so many decibels below its loudest piece: what is softer is breath."""
ABOVE_DB = 4.0
"""And where it is hardly louder than the quietest piece lately: steady noise differs by less from one to the next."""
FLOOR_S = 3.0
"""In which that is looked for."""
PAUSE_S = 0.06
"""Silence that is shorter lies within a word: lips or tongue stop the breath."""
LONGEST_S = 0.4
"""What goes on behind a word's last label for longer is another sound, such as a noise that began."""
ROUNDING_S = 1e-6


class SoundLevels:
    """Of one stream at its own rate. Seconds since it began."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Nothing was heard."""
        self._levels_db = array("f")
        self._rest: npt.NDArray[np.float32] = np.zeros(0, np.float32)
        self._begin_s, self._piece_s = 0.0, PIECE_S
        """Where the oldest piece begins, and how long each is."""

    def push(self, block: AudioBlock) -> None:
        """Takes the next block, float32[n] in -1..1."""
        hop = max(1, round(PIECE_S * block.sample_rate))
        if not self._levels_db:
            self._piece_s = hop / block.sample_rate
            self._begin_s = (block.position - len(self._rest)) / block.sample_rate
        self._forget()
        samples = np.concatenate([self._rest, block.samples])
        whole = len(samples) // hop * hop
        self._levels_db.extend(level_db(samples[at : at + hop]) for at in range(0, whole, hop))
        self._rest = samples[whole:]

    def _forget(self) -> None:
        """Of what came before the next block: of one block, however long, all is kept."""
        most = int(KEPT_S / self._piece_s)
        spare = len(self._levels_db) - most
        if spare >= most:
            del self._levels_db[:spare]
            self._begin_s += spare * self._piece_s

    def word_end(self, begin_s: float, end_s: float, most_s: float) -> float:
        """Where a word ends that goes on behind its last label; `end_s` where it does not.

        Args:
            begin_s: where it begins.
            end_s: where its last label ends.
            most_s: no piece that ends later counts: the next word begins there, or nothing was heard yet.
        """
        first, label, last = (self._place(each) for each in (begin_s, end_s, min(most_s, end_s + LONGEST_S)))
        if first >= label:
            return end_s
        lately = max(0, label - round(FLOOR_S / self._piece_s))
        loudest_db = max(self._levels_db[first : label + 1])
        floor_db = min(self._levels_db[lately : max(label, self._place(most_s))])
        least_db = max(loudest_db - QUIET_DB, floor_db + ABOVE_DB)
        found, pause = label, PAUSE_S / self._piece_s + ROUNDING_S
        for at in range(label, last):
            if at - found > pause:
                break
            if self._levels_db[at] >= least_db:
                found = at + 1
        return max(end_s, self._begin_s + found * self._piece_s) if found > label else end_s

    def _place(self, at_s: float) -> int:
        """Of the piece that a moment lies in, among those that are kept; pieces that end by then lie before it."""
        if not self._levels_db:
            return 0
        place = (at_s - self._begin_s + ROUNDING_S) / self._piece_s
        return int(min(max(place, 0), len(self._levels_db)))
