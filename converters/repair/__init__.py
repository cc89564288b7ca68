"""Repair: what brings a conversion that lost too much back inside its gate, cheapest first.

Equalized channels, better ranges, corrected biases, split scales cost nothing on the device; layers given back to float
do, and come last, those first that regain most for each multiplication.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import onnx_ir as ir

from edgemm.converters.diagnose import diagnose
from edgemm.converters.fidelity import Fidelity
from edgemm.converters.repair.bias import correct_biases
from edgemm.converters.repair.equalize import equalize
from edgemm.converters.repair.ranges import tightened
from edgemm.converters.repair.split import split_scales
from edgemm.converters.samples import Samples
from edgemm.quantize import Calibration, calibrate
from edgemm.quantize.cost import macs
from edgemm.quantize.plan import Plan

BIASES = "biases corrected"
GAIN_DB = 0.2
"""A step that gains less is not kept."""
MAX_FLOAT = 24
"""Layers, at most, that go back to float."""
MAX_FLOAT_SHARE = 0.5
"""Of all multiplications: what needs more is no int8 model, and its calibration data is to be looked at."""

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
    remark: str = ""
    """What it was done to, for the card."""

    @property
    def snr_db(self) -> float:
        """Of the worst output, and of its worst part."""
        return self.fidelity.worst_db


@dataclass(frozen=True, slots=True, eq=False)
class Repaired:
    """What came of it."""

    state: State
    steps: tuple[str, ...]
    """What was done, in words, in order."""
    reasons: tuple[str, ...]
    """What the gate found too low before, in words."""
    layers: tuple[str, ...]
    """Nodes given back to float."""
    float_share: float
    """0..1, of all multiplications."""
    exact: bool
    """The float graph computes what it did; False when its biases were corrected for the rounding to come."""


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
            (BIASES, worker.biases),
            ("scales split", worker.split),
        ):
            if not worker.state.fidelity.missed:
                break
            tick(name)
            kept = worker.keep(name, step())
            worker.exact &= not (kept and name == BIASES)
    if worker.state.fidelity.missed and not state.plan.target.integer_only:
        tick("layers back to float")
        worker.give_back()
    end = worker.state
    given = tuple(sorted(worker.given))
    share = float_share(end.model, worker.given)
    return Repaired(end, tuple(worker.steps), state.fidelity.missed, given, share, worker.exact)


def float_share(model: ir.Model, names: Collection[str]) -> float:
    """0..1, of all multiplications: those of the nodes of these names."""
    cost = {str(node.name): macs(node) for node in model.graph}
    return sum(cost.get(name, 0) for name in names) / (sum(cost.values()) or 1)


class _Worker:
    """The state that is best so far."""

    def __init__(self, state: State, samples: Samples, planner: Planner, measure: Measure) -> None:
        self.state = state
        self.steps: list[str] = []
        self.given: set[str] = set()
        self.exact = True
        self._samples = samples
        self._planner = planner
        self._measure = measure

    def _with(
        self,
        model: ir.Model | None = None,
        calibration: Calibration | None = None,
        float_nodes: frozenset[str] | None = None,
        remark: str = "",
    ) -> State:
        model = self.state.model if model is None else model
        calibration = self.state.calibration if calibration is None else calibration
        float_nodes = self.state.float_nodes if float_nodes is None else float_nodes
        plan = self._planner(model, calibration, float_nodes)
        return State(model, calibration, float_nodes, plan, self._measure(model, plan), remark)

    def _is_better(self, other: State) -> bool:
        """Fewer outputs missed, or less noise."""
        mine = len(self.state.fidelity.missed), -self.state.snr_db
        return (len(other.fidelity.missed), -other.snr_db + GAIN_DB) < mine

    def keep(self, name: str, other: State | None) -> bool:
        """Takes the other state if it is better."""
        if other is None or not self._is_better(other):
            return False
        what = f"{name} ({other.remark})" if other.remark else name
        self.steps.append(f"{what}: {self.state.snr_db:.1f} to {other.snr_db:.1f} dB")
        self.state = other
        return True

    def equalized(self) -> State | None:
        copy = self.state.model.clone()
        pairs = equalize(copy)
        if not pairs:
            return None
        return self._with(copy, calibrate(copy, self._samples.inputs), remark=_counted(pairs, "pair"))

    def ranges(self, method: str) -> Callable[[], State | None]:
        def tried() -> State | None:
            if self.state.calibration is None:
                return None
            ranges = tightened(self.state.model, self.state.calibration, self._samples, method)
            return self._with(calibration=ranges)

        return tried

    def biases(self) -> State | None:
        copy = self.state.model.clone()
        count = correct_biases(copy, self.state.plan, self._samples)
        return self._with(copy, remark=_counted(count, "layer")) if count else None

    def split(self) -> State | None:
        if self.state.plan.target.integer_only:
            return None
        copy = self.state.model.clone()
        layers, behind = split_scales(copy, self.state.plan, self._samples)
        if not layers or self.state.calibration is None:
            return None
        fresh = calibrate(copy, self._samples.inputs)
        known = {name: each for name, each in self.state.calibration.ranges.items() if name in fresh.ranges}
        ranges = replace(fresh, ranges={**fresh.ranges, **known})
        return self._with(copy, ranges, self.state.float_nodes | behind, ", ".join(layers))

    def give_back(self) -> None:
        """Shared scales first, then layers by what they regain for their cost; together, for a number between two
        layers is real only when both are float. What the gate holds without is taken back."""
        first, given = self.state, self.state.float_nodes
        waiting: list[str] = []
        for name in self._ranked():
            if not self.state.fidelity.missed:
                break
            if float_share(first.model, {*self.given, *waiting, name}) > MAX_FLOAT_SHARE:
                continue
            waiting.append(name)
            given |= {name}
            if self._is_better(other := self._with(float_nodes=given)):
                self.given |= set(waiting)
                self.state, waiting = other, []
        if not self.state.fidelity.missed:
            self._take_back()
        if self.given:
            self.steps.append(
                f"back to float ({', '.join(sorted(self.given))}): {first.snr_db:.1f} to {self.state.snr_db:.1f} dB"
            )

    def _ranked(self) -> list[str]:
        state = self.state
        found = diagnose(state.model, state.plan, self._samples, state.calibration)
        names = [each.node for each in found.shared]
        ranked = sorted(found.layers, key=lambda each: -each.noise_share / (each.macs + 1.0))
        heavy = [each for each in ranked if each.noise_share > 0.01]
        return names + [each.node for each in heavy if each.node not in names][:MAX_FLOAT]

    def _take_back(self) -> None:
        """The dearest first."""
        cost = {str(node.name): macs(node) for node in self.state.model.graph}
        for name in sorted(self.given, key=lambda each: (-cost.get(each, 0), each)):
            other = self._with(float_nodes=self.state.float_nodes - {name})
            if not other.fidelity.missed:
                self.state = other
                self.given.discard(name)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
