"""The section `keyword` of a card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from edgemm.frozen import dataclass, field


@dataclass(frozen=True, slots=True)
class KeywordRecipe:
    """How scores over running audio become detections."""

    threshold: float = 0.5
    """Smallest smoothed score of a detection."""
    smooth_windows: int = 1
    """How many windows the running mean of the scores is over."""
    refractory_s: float = 0.5
    """Seconds after a detection in which the same word is not detected again."""
    background: tuple[str, ...] = ()
    """Labels that are never a detection, such as silence and unknown."""
    warmup_windows: int = 0
    """Windows after the start, or after a gap, in which nothing is detected."""
    extra: dict[str, Any] = field(default_factory=dict)

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {
        "threshold": (0, 1),
        "smooth_windows": (1, 512),
        "refractory_s": (0, 3600),
        "warmup_windows": (0, 1 << 20),
    }
    OPTIONS: ClassVar[tuple[str, ...]] = ("threshold",)

    def check(self) -> None:
        """No rules between fields."""
