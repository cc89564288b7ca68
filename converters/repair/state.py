"""One way to convert a model, and what a repair made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import onnx_ir as ir

from edgemm.converters.fidelity import Fidelity
from edgemm.quantize import Calibration
from edgemm.quantize.plan import Plan
from edgemm.quantize.target import Target

Planner = Callable[[ir.Model, Calibration | None, frozenset[str], str, Target], Plan]
"""(graph, calibration, names of nodes that stay float, scheme, target) -> plan."""
Measure = Callable[[ir.Model, Plan], Fidelity]
Tick = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """One way to convert the model."""

    model: ir.Model
    calibration: Calibration | None
    float_nodes: frozenset[str]
    plan: Plan
    fidelity: Fidelity
    remark: str = ""
    """What was done, for the card."""

    @property
    def worst_db(self) -> float:
        """Of the worst part of the worst output."""
        return self.fidelity.worst_db


@dataclass(frozen=True, slots=True, eq=False)
class Repaired:
    """The result of a repair."""

    state: State
    steps: tuple[str, ...]
    """What was done, in words, in order."""
    reasons: tuple[str, ...]
    """Sentences about the limits that were missed before."""
    layers: tuple[str, ...]
    """Nodes that compute in float again."""
    float_share: float
    """0..1, of all multiplications."""
    exact: bool
    """The float graph computes what it did; False when its biases were corrected for the rounding to come."""
    out_of_time: bool = False
    """The time limit ended it: another run may end elsewhere."""
