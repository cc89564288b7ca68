"""Repair: what brings a conversion that lost too much back inside its gate, cheapest first.

Equalized channels, better ranges, corrected biases, split scales cost nothing on the device; layers given back to float
do, and come last, those first that regain most for each multiplication.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import onnx_ir as ir

from edgemm.converters.diagnose import diagnose
from edgemm.converters.fidelity import Fidelity
from edgemm.converters.repair.bias import correct_biases
from edgemm.converters.repair.equalize import equalize
from edgemm.converters.repair.ranges import tightened
from edgemm.converters.samples import Samples
from edgemm.quantize import Calibration, calibrate
from edgemm.quantize.cost import macs
from edgemm.quantize.plan import Plan

GAIN_DB = 0.2
"""A step that gains less is not kept."""
MAX_FLOAT = 24
"""Layers, at most, that go back to float."""

Planner = Callable[[ir.Model, Calibration | None, frozenset[str]], Plan]
"""(graph, calibration, names of nodes that stay float) -> plan."""
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

    @property
    def snr_db(self) -> float:
        """Of the worst output."""
        return min((each.snr_db for each in self.fidelity.outputs), default=200.0)


@dataclass(frozen=True, slots=True, eq=False)
class Repaired:
    """What came of it."""

    state: State
    steps: tuple[str, ...]
    """What was done, in words, in order."""
    layers: tuple[str, ...]
    """Nodes given back to float."""
    float_share: float
    """0..1, of all multiplications."""


def repair(state: State, samples: Samples, planner: Planner, measure: Measure, *, tick: Tick) -> Repaired:
    """Tries one step after the other until the gate holds; what does not help is not kept.

    Args:
        state: the conversion that missed its gate.
        samples: calibration data, for ranges and means.
    """
    worker = _Worker(state, samples, planner, measure)
    if state.calibration is not None:
        for name, step in (
            ("channels equalized across layers", worker.equalized),
            ("ranges by least mean square error", worker.ranges("mse")),
            ("ranges by percentile", worker.ranges("percentile")),
            ("ranges by entropy", worker.ranges("entropy")),
            ("biases corrected", worker.biases),
        ):
            if not worker.state.fidelity.missed:
                break
            tick(name)
            worker.keep(name, step())
    if worker.state.fidelity.missed:
        tick("layers back to float")
        worker.give_back()
    end = worker.state
    nodes = {str(node.name): node for node in end.model.graph}
    given = tuple(sorted(end.float_nodes - state.float_nodes))
    total = sum(macs(node) for node in nodes.values()) or 1
    share = sum(macs(nodes[name]) for name in given if name in nodes) / total
    return Repaired(end, tuple(worker.steps), given, share)


class _Worker:
    """The state that is best so far."""

    def __init__(self, state: State, samples: Samples, planner: Planner, measure: Measure) -> None:
        self.state = state
        self.steps: list[str] = []
        self._samples = samples
        self._planner = planner
        self._measure = measure

    def _with(
        self,
        model: ir.Model | None = None,
        calibration: Calibration | None = None,
        float_nodes: frozenset[str] | None = None,
    ) -> State:
        model = self.state.model if model is None else model
        calibration = self.state.calibration if calibration is None else calibration
        float_nodes = self.state.float_nodes if float_nodes is None else float_nodes
        plan = self._planner(model, calibration, float_nodes)
        return State(model, calibration, float_nodes, plan, self._measure(model, plan))

    def keep(self, name: str, other: State | None) -> bool:
        """Takes the other state if it is better: fewer outputs missed, or less noise."""
        if other is None:
            return False
        mine = len(self.state.fidelity.missed), -self.state.snr_db
        better = (len(other.fidelity.missed), -other.snr_db + GAIN_DB) < mine
        if better:
            self.steps.append(f"{name}: {self.state.snr_db:.1f} to {other.snr_db:.1f} dB")
            self.state = other
        return better

    def equalized(self) -> State | None:
        copy = self.state.model.clone()
        if not equalize(copy):
            return None
        return self._with(copy, calibrate(copy, self._samples.inputs))

    def ranges(self, method: str) -> Callable[[], State | None]:
        def tried() -> State | None:
            if self.state.calibration is None:
                return None
            ranges = tightened(self.state.model, self.state.calibration, self._samples, method)
            return self._with(calibration=ranges)

        return tried

    def biases(self) -> State | None:
        copy = self.state.model.clone()
        if not correct_biases(copy, self.state.plan, self._samples):
            return None
        return self._with(copy)

    def give_back(self) -> None:
        """Shared scales first, then layers by what they regain for their cost."""
        state = self.state
        found = diagnose(state.model, state.plan, self._samples, state.calibration)
        names = [each.node for each in found.shared]
        ranked = sorted(found.layers, key=lambda each: -each.noise_share / (each.macs + 1.0))
        heavy = [each for each in ranked if each.noise_share > 0.01]
        names += [each.node for each in heavy if each.node not in names][:MAX_FLOAT]
        given = state.float_nodes
        for name in names:
            if not self.state.fidelity.missed:
                return
            given |= {name}
            other = self._with(float_nodes=given)
            if not self.keep(f"{name} back to float", other):
                given = self.state.float_nodes
