"""The section `tensors` of a card, which has no keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from edgemm.frozen import dataclass, field


@dataclass(frozen=True, slots=True)
class TensorsRecipe:
    """Nothing: the outputs are given as they are."""

    extra: dict[str, Any] = field(default_factory=dict)

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {}
    OPTIONS: ClassVar[tuple[str, ...]] = ()

    def check(self) -> None:
        """No rules between fields."""
