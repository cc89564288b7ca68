"""Interleaved samples from a sound card, as float32 of one channel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgemm.recorder.options import Dtype


class Pcm:
    """Raw bytes -> float32[n] in -1..1; int16 is divided by 32768, which float32 holds exactly."""

    def __init__(self, dtype: Dtype, channels: int, channel: int | None = None) -> None:
        """Args:
        dtype: of the raw samples, in the machine's byte order.
        channels: interleaved.
        channel: the one to keep, from 0; None mixes all of them by their mean.
        """
        self._dtype = np.dtype(dtype)
        self._channels = channels
        self._channel = channel
        self._scale = np.float32(1 / 32768) if dtype == "int16" else np.float32(1)

    def mono(self, raw: bytes) -> npt.NDArray[np.float32]:
        """A new array; frames that are not finite are silence."""
        frames = np.frombuffer(raw, self._dtype).reshape(-1, self._channels)
        if self._channel is not None:
            frames = frames[:, self._channel : self._channel + 1]
        samples = frames.astype(np.float32)
        mixed: npt.NDArray[np.float32] = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)
        if self._dtype.kind == "f":
            np.nan_to_num(mixed, copy=False, posinf=0.0, neginf=0.0)
        mixed *= self._scale
        return mixed
