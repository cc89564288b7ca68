"""Voice told from noise by how loud it is: no more than a start, but one that costs microseconds.

The floor is the quietest moment of the last seconds (minimum statistics, R. Martin, "Noise power spectral
density estimation based on optimal smoothing and minimum statistics", 2001): speech pauses that often, noise
does not.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

ABOVE_DB = 9.0
"""Decibels above the floor that are voice."""
FLOOR_DB = (-65.0, -25.0)
"""Full scale. Below the first is digital silence; a floor above the second is no floor."""
UNKNOWN_DB = -55.0
"""The floor is no higher than this until `MEMORY` has been heard: at first too much passes, not too little."""
NOISE_DB = -30.0
"""The same where too little shall pass at first: noise is louder than a quiet room's from the first moment on."""
PIECE_S = 0.02
"""Seconds whose mean power is one level."""
PIECE = 320
"""Samples of these, at 16 kHz."""
AGAIN_S = 0.06
"""After silence voice counts from so much of it in a row on: a click does not put the end off."""
MEMORY = 6
BUCKET = 24
"""Levels in each of the `MEMORY` stretches whose minima are kept: 3 s together at 16 kHz."""


class VoiceLevel:
    """Blocks of one stream in, True for those with voice in them."""

    def __init__(
        self, unknown_db: float = UNKNOWN_DB, piece: int = PIECE, above_db: float = ABOVE_DB
    ) -> None:
        """Args:
        unknown_db: decibels of full scale that the floor is no higher than until `MEMORY` has been heard.
        piece: samples whose mean power is one level.
        above_db: decibels above the floor that are voice.
        """
        self._unknown_db, self._piece, self._above_db = unknown_db, piece, above_db
        self._lows: list[float] = []
        self._low_db = np.inf
        self._count = 0

    @property
    def floor_db(self) -> float:
        """Decibels of full scale: the quietest lately."""
        low_db = min([self._low_db, *self._lows])
        if len(self._lows) < MEMORY:
            low_db = min(low_db, self._unknown_db)
        return min(max(low_db, FLOOR_DB[0]), FLOOR_DB[1])

    def __call__(self, samples: npt.NDArray[np.float32]) -> bool:
        """True when any piece of the block, float32[n] in -1..1, is clearly louder than the floor."""
        loudest_db = -np.inf
        for at in range(0, len(samples), self._piece):
            piece = samples[at : at + self._piece]
            loudest_db = max(loudest_db, level_db(piece))
            self._learn(level_db(piece))
        return bool(loudest_db > self.floor_db + self._above_db)

    def _learn(self, db: float) -> None:
        self._low_db = min(self._low_db, db)
        self._count += 1
        if self._count == BUCKET:
            self._lows = [*self._lows[1 - MEMORY :], self._low_db]
            self._low_db, self._count = np.inf, 0


def level_db(samples: npt.NDArray[np.float32]) -> float:
    """Mean power of float32[n] in -1..1, at least one sample, in decibels of full scale; infinity where no number is
    as large."""
    with np.errstate(over="ignore"):
        return float(10 * np.log10(float(samples @ samples) / len(samples) + 1e-12))
