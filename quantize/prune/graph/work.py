"""What the steps of one pruning share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import onnx_ir as ir

from edgemm.quantize.prune.graph.aims import Aim
from edgemm.quantize.prune.graph.cost import Costs
from edgemm.quantize.prune.graph.features import Consumer
from edgemm.quantize.prune.graph.groups import Group
from edgemm.quantize.prune.graph.trace import Trace
from edgemm.quantize.prune.target import Target

Latency = Callable[[Sequence[ir.Model]], Sequence[float]]
"""Milliseconds of one inference of each graph, measured in turns."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How channels are chosen; the other values are there to be compared with."""

    multiple: int = 8
    """So many channels, or a multiple, are left of a layer; fewer in layers of less than four times that."""
    seed: int = 0
    """Chooses the places of large tensors that are looked at."""
    whole: float = 0.0
    """What the target is a fraction of: MACs, parameters or bytes; 0: those of the graph."""
    beside_bytes: int = 0
    """What the file of the smaller graph holds besides it."""
    rank: Literal["error", "norm"] = "error"
    """By the error that is left once the layers behind are compensated, or by the sum of the weights."""
    compensate: bool = True
    """Fit the layers behind anew."""
    pairs: bool = True
    """Fit two layers together where channels between them are removed."""
    spread: Literal["sensitivity", "even"] = "sensitivity"
    """Remove where it costs the outputs least, or the same fraction everywhere."""


@dataclass(slots=True)
class Work:
    model: ir.Model
    found: Trace
    groups: tuple[Group, ...]
    costs: Costs
    consumers: list[Consumer]
    aims: list[Aim]
    settings: Settings
    target: Target
    latency: Latency | None
    tell: Callable[[str, int, int], None]
