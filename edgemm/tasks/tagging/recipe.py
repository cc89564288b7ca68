"""The section `tagging` of a card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from edgemm.frozen import dataclass, field


@dataclass(frozen=True, slots=True)
class TaggingRecipe:
    """How scores of many labels over running sound become labels that begin and end."""

    threshold: float = 0.3
    """Score at which a label begins."""
    hysteresis: float = 0.1
    """How far below `threshold` its score may fall before it ends."""
    shortest_s: float = 0.0
    """Seconds that a label lasts at least: what is shorter is not told, and what is longer is told as soon as it is."""
    smooth_windows: int = 1
    """How many windows the running mean of the scores is over."""
    top_k: int = 5
    """How many labels are listed for each window, best first."""
    classes: tuple[str, ...] = ()
    """Only these labels are told and listed; [] for all."""
    extra: dict[str, Any] = field(default_factory=dict)

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {
        "threshold": (0, 1),
        "hysteresis": (0, 1),
        "shortest_s": (0, 3600),
        "smooth_windows": (1, 512),
        "top_k": (1, 10_000),
    }
    OPTIONS: ClassVar[tuple[str, ...]] = (
        "threshold", "hysteresis", "shortest_s", "smooth_windows", "top_k", "classes",
    )  # fmt: skip

    def check(self) -> None:
        """No rules between fields."""
