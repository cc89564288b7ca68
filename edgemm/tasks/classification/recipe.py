"""The section `classification` of a card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from edgemm.frozen import dataclass, field


@dataclass(frozen=True, slots=True)
class ClassificationRecipe:
    """Which classes of one input are named."""

    top_k: int = 1
    """How many classes are named, best first."""
    extra: dict[str, Any] = field(default_factory=dict)

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {"top_k": (1, 10_000)}
    OPTIONS: ClassVar[tuple[str, ...]] = ("top_k",)

    def check(self) -> None:
        """No rules between fields."""
