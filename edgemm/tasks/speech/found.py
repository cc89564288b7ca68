"""A network that tells voice from silence, over running sound of any rate and in blocks of any size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from edgemm.media import AudioBlock
from edgemm.tasks.silence import Piece
from edgemm.tasks.speech.heard import Heard
from edgemm.tasks.speech.voice import NetworkVoice, Voice

ROLE = "voice_activity"
"""Of the part that says where somebody speaks."""


class NamesVoice(Protocol):
    """What a recipe says of the part."""

    @property
    def voice_threshold(self) -> float:
        """Probability from which on it is voice."""

    @property
    def voice_input(self) -> str:
        """Name of the input of samples."""

    @property
    def voice_output(self) -> str:
        """Name of the output, the probability."""

    @property
    def voice_samples(self) -> int:
        """From one run to the next."""

    @property
    def voice_window(self) -> int:
        """Samples in one run, where it takes any number."""


def network_voice(recipe: NamesVoice, parts: Mapping[str, Any]) -> NetworkVoice | None:
    """Of the part "voice_activity"; None where the bundle has none.

    Raises:
        CardError: it has no such input or output.
    """
    part = parts.get(ROLE)
    if part is None:
        return None
    return NetworkVoice(
        part, recipe.voice_input, recipe.voice_output, threshold=recipe.voice_threshold, hop=recipe.voice_samples,
        window=recipe.voice_window,
    )  # fmt: skip


class FoundVoice:
    """See `edgemm.tasks.silence.FindsVoice`."""

    def __init__(self, voice: Voice, rate: int) -> None:
        """Args:
        voice: asked for one piece after the other.
        rate: hertz, of what it hears.
        """
        self._voice, self._heard = voice, Heard(rate)
        self.reset()

    def reset(self) -> None:
        """See `FindsVoice`."""
        self._voice.reset()
        self._heard.reset()
        self._at = 0
        self._began: int | None = None
        """Sample of the stream that the first block began with."""

    def __call__(self, block: AudioBlock) -> Iterator[Piece]:
        """See `FindsVoice`.

        Raises:
            InputError: the block's rate changed, or its samples are not float32[n], finite.
            ArtifactError: the network gave NaN or infinity.
        """
        if self._began is None:
            self._began = block.position
        self._heard.push(block)
        hop = self._voice.hop
        while self._at + hop <= self._heard.end:
            begin, self._at = self._at, self._at + hop
            voice = self._voice(self._heard.between(begin, self._at))
            self._heard.forget(self._at)
            yield Piece(self._place(begin, block), self._place(self._at, block), voice)

    def _place(self, at: int, block: AudioBlock) -> int:
        return (self._began or 0) + round(at * block.sample_rate / self._heard.rate) - block.position


def found_voice(recipe: NamesVoice, parts: Mapping[str, Any], rate: int) -> FoundVoice | None:
    """By the part "voice_activity"; None where the bundle has none.

    Raises:
        CardError: it has no such input or output.
    """
    voice = network_voice(recipe, parts)
    return None if voice is None else FoundVoice(voice, rate)
