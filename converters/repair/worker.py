"""The steps of a repair: each makes another state, and is kept if that is better."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import onnx_ir as ir

from edgemm.converters.diagnose import diagnose
from edgemm.converters.fidelity import evaluation_part
from edgemm.converters.repair.bias import correct_biases
from edgemm.converters.repair.clock import Clock
from edgemm.converters.repair.equalize import equalize
from edgemm.converters.repair.ranges import tightened
from edgemm.converters.repair.split import split_scales
from edgemm.converters.repair.state import Measure, Planner, State
from edgemm.converters.samples import Samples
from edgemm.quantize import Calibration, calibrate
from edgemm.quantize.cost import macs
from edgemm.quantize.target import Target

GAIN_DB = 0.2
"""A step that gains less is not kept."""
MAX_FLOAT = 24
"""The most layers that go back to float."""
MAX_FLOAT_SHARE = 0.5
"""Of all multiplications. A model that needs more is hardly int8 any more: check its calibration data."""
DOUBT_DB = 1.0
"""A candidate that is worse by this much on a few samples is not measured on all of them."""
RANKED_ON = 2
"""Samples that layers are ranked on."""


def float_share(model: ir.Model, names: Collection[str]) -> float:
    """0..1, of all multiplications: those of the nodes of these names."""
    cost = {str(node.name): macs(node) for node in model.graph}
    return sum(cost.get(name, 0) for name in names) / (sum(cost.values()) or 1)


class Worker:
    """The state that is best so far."""

    def __init__(
        self,
        state: State,
        samples: Samples,
        planner: Planner,
        measure: Measure,
        screen: Measure,
        clock: Clock,
        measured_s: float = 0.0,
    ) -> None:
        self.state = state
        self._first_db = state.worst_db
        self._done: list[tuple[str, float]] = []
        """What was done, and the decibels of the worst output then."""
        self.given: set[str] = set()
        self.exact = True
        self.out_of_time = False
        self._samples = samples
        self._planner = planner
        self._measure = measure
        self._screen = screen
        self._clock = clock
        self._measured_s = measured_s

    @property
    def steps(self) -> tuple[str, ...]:
        """What was done, in words, in order: "biases corrected (3 layers): 17.2 to 21.4 dB"."""
        before = [self._first_db, *(after for _, after in self._done)]
        return tuple(
            f"{what}: {old:.1f} to {after:.1f} dB"
            for old, (what, after) in zip(before, self._done, strict=False)
        )

    @property
    def goes_on(self) -> bool:
        """There is something to repair, and time for it."""
        return bool(self.state.fidelity.missed) and self._in_time()

    def half_time(self) -> float:
        """The moment at which half of the time that is left will be gone."""
        return (self._clock.now() + self._clock.deadline - self._measured_s) / 2

    def is_later_than(self, moment: float) -> bool:
        """True, and on record, when a limit of time cuts something off."""
        late = self._clock.now() > moment
        self.out_of_time |= late
        return late

    def _in_time(self) -> bool:
        """There is time for another try, with the measurement on all samples that ends it."""
        return not self.is_later_than(self._clock.deadline - self._measured_s)

    def _with(
        self,
        model: ir.Model | None = None,
        calibration: Calibration | None = None,
        float_nodes: frozenset[str] | None = None,
        remark: str = "",
        target: Target | None = None,
    ) -> State:
        """Another way to convert, measured on a few samples."""
        model = self.state.model if model is None else model
        calibration = self.state.calibration if calibration is None else calibration
        float_nodes = self.state.float_nodes if float_nodes is None else float_nodes
        before = self.state.plan
        plan = self._planner(model, calibration, float_nodes, before.scheme, target or before.target)
        return State(model, calibration, float_nodes, plan, self._screen(model, plan), remark)

    def _whole(self, state: State) -> State:
        """The same, measured on all samples."""
        begin = self._clock.now()
        found = replace(state, fidelity=self._measure(state.model, state.plan))
        self._measured_s = self._clock.now() - begin
        return found

    def instead(self, scheme: str, first: State) -> bool:
        """Takes another scheme for the state as it came, if that is better than all that was done to it since."""
        plan = self._planner(first.model, first.calibration, first.float_nodes, scheme, first.plan.target)
        other = replace(first, plan=plan, fidelity=self._screen(first.model, plan))
        proven = self._proven(other)
        if proven is None:
            return False
        self._done = [(f"scheme {scheme}", proven.worst_db)]
        self.state, self.exact = proven, True
        return True

    def _is_better(self, other: State) -> bool:
        """Fewer outputs missed, or less noise."""
        mine = len(self.state.fidelity.missed), -self.state.worst_db
        return (len(other.fidelity.missed), -other.worst_db + GAIN_DB) < mine

    def keep(self, name: str, other: State | None) -> bool:
        """Takes the other state if it is better."""
        proven = None if other is None else self._proven(other)
        if proven is None:
            return False
        what = f"{name} ({proven.remark})" if proven.remark else name
        self._done.append((what, proven.worst_db))
        self.state = proven
        return True

    def _proven(self, other: State) -> State | None:
        """The other state if it is better on all samples; a few tell whether to look."""
        if other.worst_db < self.state.worst_db - DOUBT_DB:
            return None
        whole = self._whole(other)
        return whole if self._is_better(whole) else None

    def in_all_bits(self) -> State:
        """Weights on the finest grid that is right on the target, which is not its fastest."""
        return self._with(target=self.state.plan.target.in_all_bits())

    def narrow_again(self, target: Target, step: str) -> None:
        """Takes the step of that name back where the gate holds without it, thanks to later ones.

        Args:
            target: with the weights from before it.
        """
        if self.state.fidelity.missed or not self._in_time():
            return
        other = self._with(target=target)
        if other.fidelity.missed or (other := self._whole(other)).fidelity.missed:
            return
        self._done = [each for each in self._done if each[0] != step]
        self._done[-1] = (self._done[-1][0], other.worst_db)
        self.state = other

    def equalized(self) -> State | None:
        copy = self.state.model.clone()
        pairs = equalize(copy)
        if not pairs:
            return None
        return self._with(copy, self._calibrated(copy), remark=_counted(pairs, "pair"))

    def _calibrated(self, model: ir.Model) -> Calibration:
        return calibrate(model, self._samples.inputs, progress=self._clock.on_sample)

    def ranges(self, method: str) -> Callable[[], State | None]:
        def tried() -> State | None:
            if self.state.calibration is None:
                return None
            ranges = tightened(
                self.state.model, self.state.calibration, self._samples, method, self._clock.check
            )
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
        layers, behind = split_scales(copy, self.state.plan, self._samples, self._clock.check)
        if not layers or self.state.calibration is None:
            return None
        fresh = self._calibrated(copy)
        known = {name: each for name, each in self.state.calibration.ranges.items() if name in fresh.ranges}
        ranges = replace(fresh, ranges={**fresh.ranges, **known})
        return self._with(copy, ranges, self.state.float_nodes | behind, ", ".join(layers))

    def to_float(self) -> bool:
        """As few layers as the gate needs of a ranked list: shared scales first, then what regains most for its cost.

        With other layers in float the ranking is another: what is not enough is a start for the next round. They go
        together, for a number between two layers is real only when both are float. The shortest part of the
        list with which the gate holds is found by halving; what the gate holds without goes back to int8.
        """
        first = self.state
        ranked = self._affordable(self._ranked())
        whole = self._float(first, ranked) if ranked else None
        if whole is None or not self._is_better(whole):
            return False
        low, high, best = 0, len(ranked), whole
        while not whole.fidelity.missed and high - low > 1 and self._in_time():
            middle = (low + high) // 2
            tried = self._float(first, ranked[:middle])
            if tried.fidelity.missed:
                low = middle
            else:
                high, best = middle, tried
        best, given = self._confirmed(first, ranked, high, best)
        if not self._is_better(best):
            return False
        before = frozenset(self.given)
        self.state, self.given = best, self.given | set(given)
        self._back_to_int8()
        self._done.append((f"back to float ({', '.join(sorted(self.given - before))})", self.state.worst_db))
        return True

    def _float(self, first: State, names: Sequence[str]) -> State:
        return self._with(float_nodes=first.float_nodes | frozenset(names))

    def _confirmed(
        self, first: State, ranked: Sequence[str], count: int, state: State
    ) -> tuple[State, Sequence[str]]:
        """On all samples; with the whole list where the few samples were too kind."""
        found = self._whole(state)
        if found.fidelity.missed and count < len(ranked):
            return self._whole(self._float(first, ranked)), ranked
        return found, ranked[:count]

    def _affordable(self, ranked: Sequence[str]) -> list[str]:
        chosen: list[str] = []
        for name in ranked:
            if float_share(self.state.model, {*self.given, *chosen, name}) <= MAX_FLOAT_SHARE:
                chosen.append(name)
        return chosen

    def _ranked(self) -> list[str]:
        state = self.state
        found = diagnose(
            state.model,
            state.plan,
            evaluation_part(self._samples, RANKED_ON),
            state.calibration,
            until=self.half_time(),
        )
        names = [each.node for each in found.shared]
        ranked = sorted(found.layers, key=lambda each: -each.noise_share / (each.macs + 1.0))
        heavy = [each for each in ranked if each.noise_share > 0.01]
        return names + [each.node for each in heavy if each.node not in names][:MAX_FLOAT]

    def _back_to_int8(self) -> None:
        """The most expensive first."""
        if self.state.fidelity.missed:
            return
        cost = {str(node.name): macs(node) for node in self.state.model.graph}
        for name in sorted(self.given, key=lambda each: (-cost.get(each, 0), each)):
            if not self._in_time():
                return
            other = self._with(float_nodes=self.state.float_nodes - {name})
            if not other.fidelity.missed and not (other := self._whole(other)).fidelity.missed:
                self.state = other
                self.given.discard(name)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
