"""Whether a piece of running sound has voice in it."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edgemm.errors import ArtifactError, CardError
from edgemm.tasks.speech.part import Part
from edgemm.voice_level import NOISE_DB, PIECE_S, VoiceLevel

Samples = npt.NDArray[np.float32]
AUDIBLE_DB = 3.0
"""Decibels above the quietest moment lately: what is softer is noise, whatever a network still finds, which looks back
and is late where speech ends."""
LEAVE = 0.15
"""Voice that was found stays until its probability is so far below the threshold: it flickers at the ends of words."""


class Voice(Protocol):
    """Exists so that endpointing works with a network and without one."""

    hop: int
    """Samples in one piece."""

    def __call__(self, samples: Samples) -> bool:
        """True where the next piece, float32[hop], has voice in it."""

    def reset(self) -> None:
        """Nothing was heard."""


class LevelVoice:
    """Voice is what is clearly louder than the quietest moment lately. Needs no network."""

    def __init__(self, rate: int = 16000) -> None:
        """Args:
        rate: hertz.
        """
        self.hop = max(1, round(PIECE_S * rate))
        self.reset()

    def __call__(self, samples: Samples) -> bool:
        """See `Voice`."""
        return self._level(samples)

    def reset(self) -> None:
        """See `Voice`."""
        self._level = VoiceLevel(NOISE_DB, self.hop)


class NetworkVoice:
    """A network that gives the probability of voice in each piece, such as Silero's. Voice is what it finds and what
    is not as soft as the noise.

    Raises:
        CardError: the part has no such input of samples, [1, n], or no such output.
    """

    def __init__(
        self, part: Part, source: str, target: str, *, threshold: float, hop: int, window: int
    ) -> None:
        """Args:
        part: takes the newest `hop` samples behind some of those before them.
        source: its input, float32[1, n].
        target: its output, of one number, 0..1.
        threshold: probability from which on it is voice.
        hop: samples from one run to the next.
        window: samples in one run, where the part takes any number.
        """
        given = {spec.name: spec.shape for spec in part.inputs}
        shape = given.get(source, ())
        length = shape[-1] if shape and shape[-1] > 0 else window
        if len(shape) != 2 or length < hop or target not in {spec.name for spec in part.outputs}:
            raise CardError(
                f"voice_activity: expected an input {source!r} [1, n] of at least {hop} samples and an output "
                f"{target!r}, found {', '.join(f'{name} {list(each)}' for name, each in given.items())} and "
                f"{', '.join(spec.name for spec in part.outputs)}"
            )
        self.hop, self._part, self._threshold = hop, part, threshold
        self._source, self._target = source, target
        self._samples = np.zeros((1, length), np.float32)
        self._speaks = False
        self._floor = VoiceLevel(NOISE_DB, hop, AUDIBLE_DB)

    def __call__(self, samples: Samples) -> bool:
        """See `Voice`.

        Raises:
            ArtifactError: the network gave NaN or infinity.
        """
        kept: Any = self._samples[0]
        kept[: -self.hop] = kept[self.hop :]
        kept[-self.hop :] = samples
        found = float(self._part.step({self._source: self._samples}).real(self._target).reshape(-1)[0])
        if not np.isfinite(found):
            raise ArtifactError("voice_activity: expected a probability, found NaN or infinity")
        self._speaks = found >= self._threshold - (LEAVE if self._speaks else 0.0)
        return self._floor(samples) and self._speaks

    def reset(self) -> None:
        """See `Voice`."""
        self._part.reset()
        self._samples[...] = 0.0
        self._speaks = False
        self._floor = VoiceLevel(NOISE_DB, self.hop, AUDIBLE_DB)
