"""What a plan is predicted to take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Cost:
    """One inference, one thread, in microseconds. For ranking forms of one model, not for promises."""

    total_us: float
    nodes: Mapping[str, float] = field(default_factory=dict)
    """Node name -> microseconds; a fused activation has 0."""
    changes_us: float = 0.0
    """Changes from float to integers and back between nodes."""
    partitions: int = 0
    """TFLite: pieces that XNNPACK runs. 0 in ONNX."""
    partitions_us: float = 0.0
    """What the borders of these pieces take."""
    unknown: tuple[str, ...] = ()
    """Kinds of operators that the table has no time for: counted by what they move."""
