"""What stands before the first sample: its mirror image, as Kaldi's filter banks have it without `snip_edges`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgemm.media import AudioBlock


class Mirror:
    """Puts the first samples of a stream, in reverse, in front of them; once, until `reset`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._held: AudioBlock | None = None
        self._done = seconds == 0

    def __call__(self, block: AudioBlock, *, last: bool = False) -> AudioBlock | None:
        """The block, with the image in front where it is the first; None while there are too few samples.

        Args:
            last: nothing follows: the image is as long as what there is, behind silence.
        """
        if self._done:
            return block
        if self._held is not None:
            samples = np.concatenate([self._held.samples, block.samples])
            block = replace(self._held, samples=samples)
        count = round(self._seconds * block.sample_rate)
        if len(block.samples) < count and not last:
            self._held = block
            return None
        self._held, self._done = None, True
        image = block.samples[:count][::-1]
        front = np.zeros(count - len(image), np.float32)
        samples = np.concatenate([front, image, block.samples])
        begin_ns = block.captured_ns - round(self._seconds * 1e9)
        return replace(block, samples=samples, captured_ns=begin_ns, position=block.position - count)

    def reset(self) -> None:
        """The next sample is the first."""
        self._held, self._done = None, self._seconds == 0
