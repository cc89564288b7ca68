"""Log-mel and MFCC frames of running sound, one at a time; and of whole recordings, by the same arithmetic.

Version 1 of the front end, exactly:

    frame t covers samples [t * hop, t * hop + window): nothing is centred or padded
    times a periodic Hann window, zero-padded at the end to n_fft
    |rfft| ** power, times the mel filter bank (mel.py)
    (ln(mel + log_offset) - mean) / std

Version 2 is the same where its fields have their defaults. It adds, in this order: the samples times `gain`;
`remove_dc`; `preemphasis`; another window function; filters over mel; another logarithm; the cosine transform
of "mfcc". Version 3 adds a window in the middle of n_fft samples, and another function for it. What depends on the
whole window of the model is in `context.py`.

Computed in float64 and rounded once to float32, one frame at a time. So the values depend neither on the size of the
blocks that the sound comes in nor on the version of numpy; on the processor only where a logarithm is close to 0.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from edgemm.card import AudioRecipe
from edgemm.card.rules import bands, frame_length
from edgemm.preprocess.framer import Framer
from edgemm.preprocess.mel_scaling import MelScaling
from edgemm.preprocess.spectrum import MelSpectrum


class LogMel:
    """Incremental log-mel or MFCC: holds the samples of the frame that is not complete yet, and scratch memory."""

    def __init__(self, recipe: AudioRecipe) -> None:
        self._framer = Framer(frame_length(recipe), recipe.hop)
        self._spectrum, self._scaling = MelSpectrum(recipe), MelScaling(recipe)
        self._frame = np.empty(bands(recipe), np.float32)

    def push(self, samples: npt.NDArray[np.float32]) -> Iterator[npt.NDArray[np.float32]]:
        """Takes float32[n] and yields each frame that becomes complete.

        Yields:
            float32[bands], overwritten by the next frame.
        """
        for window in self._framer.push(samples):
            self._frame[...] = self._scaling(self._spectrum(window))
            yield self._frame

    def reset(self) -> None:
        """Forgets all samples."""
        self._framer.reset()


def logmel(samples: npt.NDArray[np.float32], recipe: AudioRecipe) -> npt.NDArray[np.float32]:
    """The frames of a whole recording.

    Args:
        samples: float32[n] in -1..1, at the recipe's sample rate.

    Returns:
        float32[frames, bands]; no frames when there are fewer samples than one window.
    """
    count = max(0, 1 + (len(samples) - frame_length(recipe)) // recipe.hop)
    frames = np.empty((count, bands(recipe)), np.float32)
    for row, frame in zip(frames, LogMel(recipe).push(samples), strict=True):
        row[...] = frame
    return frames
