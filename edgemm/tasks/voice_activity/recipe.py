"""The section `voice_activity` of a card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from edgemm.frozen import dataclass, field


@dataclass(frozen=True, slots=True)
class VoiceActivityRecipe:
    """How probabilities of speech over running sound become segments."""

    threshold: float = 0.5
    """Probability at which speech begins."""
    hysteresis: float = 0.15
    """How far below `threshold` the probability must fall for silence; 0.01 is silence in any case."""
    shortest_speech_s: float = 0.25
    """Seconds; a segment that is no longer is left out. Speech is told as begun as soon as it is longer."""
    shortest_silence_s: float = 0.1
    """Seconds of silence that end a segment."""
    padding_s: float = 0.03
    """Seconds added to both ends of a segment. Two segments that would overlap share what lies between them."""
    delay_s: float = 0.0
    """Seconds by which the probabilities lag behind the sound; subtracted from all times."""
    speech: str = ""
    """Label of the score that is the probability of speech; "" where the model has one score."""
    extra: dict[str, Any] = field(default_factory=dict)

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {
        "threshold": (0, 1),
        "hysteresis": (0, 1),
        "shortest_speech_s": (0, 60),
        "shortest_silence_s": (0, 60),
        "padding_s": (0, 10),
        "delay_s": (0, 10),
    }
    OPTIONS: ClassVar[tuple[str, ...]] = (
        "threshold", "hysteresis", "shortest_speech_s", "shortest_silence_s", "padding_s",
    )  # fmt: skip

    def check(self) -> None:
        """No rules between fields."""
