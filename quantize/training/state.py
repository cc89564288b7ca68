"""Where a training is."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class State:
    """All that a checkpoint says besides the contents of modules, optimizers and schedules."""

    epoch: int = 0
    step: int = 0
    """Of the epoch."""
    steps: int = 0
    """In all."""
    sums: dict[str, float] = field(default_factory=dict)
    losses: dict[str, list[float]] = field(default_factory=dict)
    scores: list[float] = field(default_factory=list)
    best_score: float = -math.inf
    best_epoch: int = 0
    best: dict[str, Any] | None = None
    waited: int = 0
    stopped_early: bool = False
    done: bool = False
