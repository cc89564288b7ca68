"""The section `ctc` of a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from edgemm.card.recipes import AudioRecipe
from edgemm.tasks.transcription.recipe import TranscriptionRecipe


@dataclass(frozen=True, slots=True)
class CtcRecipe(TranscriptionRecipe):
    """How one network's scores of tokens over running sound become words. Beside its own keys it has those of
    `transcription` in a card. With a part voice_activity and `endpoint_by` "sound" that says what is silent."""

    separator: str = "▁"
    """The label that stands between words; a label that begins with it begins a word."""
    audio: AudioRecipe = field(default_factory=AudioRecipe)
    """How sound becomes the frames of one run: `frames` with those that it looks ahead, `stride` the samples between
    two runs; the steps of its output divide the stride."""
    mirrored: bool = False
    """Before the first sample stand `audio.lead` samples that are the first ones in reverse, as in Kaldi's filter banks
    without snip_edges; else silence."""
    input: str = "x"
    """Name of the input that takes the frames. The others are states."""
    output: str = "log_probs"
    """Name of the output, [1, steps, tokens]."""
    decode: Literal["logits", "probabilities"] = "logits"
    """What its numbers are; logarithms of probabilities are logits too."""
    tail_s: float = 0.5
    """Seconds of silence that follow the end of the sound, and precede a gap: last words are given late."""

    voice_threshold: float = 0.5
    """With a part voice_activity: probability from which on it is voice."""
    voice_input: str = "input"
    """With a part voice_activity: name of its input of samples, [1, n]."""
    voice_output: str = "output"
    """With a part voice_activity: name of its output, the probability."""
    voice_samples: int = 512
    """With a part voice_activity: samples from one run to the next, at the rate of `audio`."""
    voice_window: int = 576
    """With a part voice_activity: samples in one run, the newest and some before them, where it takes any number."""

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {
        **TranscriptionRecipe.BOUNDS,
        "tail_s": (0, 10),
        "voice_threshold": (0, 1),
        "voice_samples": (16, 1 << 16),
        "voice_window": (16, 1 << 16),
    }
    OPTIONS: ClassVar[tuple[str, ...]] = (*TranscriptionRecipe.OPTIONS, "voice_threshold")

    extra: dict[str, Any] = field(default_factory=dict)
