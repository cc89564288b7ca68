"""Repair: steps that improve a conversion whose fidelity is below the gate, cheapest first.

Equalized channels, better ranges, corrected biases, split scales cost nothing on the device. Where the scheme was left
open, the other one is taken if it does better than these; it comes before them where static is too far off for them.
Layers that compute in float again come last, those first that regain most for each multiplication.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from time import monotonic

import onnx_ir as ir

from edgemm.converters.diagnose import diagnose
from edgemm.converters.fidelity import Fidelity, evaluation_part
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
NEAR_DB = 10.0
"""Above it, what costs nothing may be enough for a static conversion, which no other scheme is as fast as."""
MAX_FLOAT = 24
"""The most layers that go back to float."""
MAX_FLOAT_SHARE = 0.5
"""Of all multiplications. A model that needs more is hardly int8 any more: check its calibration data."""

SECONDS = 60.0
"""Time limit."""
DOUBT_DB = 1.0
"""A candidate that is worse by this much on a few samples is not measured on all of them."""
RANKED_ON = 2
"""Samples that layers are ranked on."""


class OutOfTime(Exception):
    """The time limit ends a step in the middle: what it was about is dropped."""


@dataclass(slots=True)
class Clock:
    """A time limit. What runs for long asks it after each sample and each tensor."""

    deadline: float
    """time.monotonic()"""

    def check(self) -> None:
        """Raises OutOfTime where the limit has passed."""
        if monotonic() > self.deadline:
            raise OutOfTime

    def on_sample(self, done: int, total: int) -> None:
        """The same, as a report of progress."""
        self.check()


Planner = Callable[[ir.Model, Calibration | None, frozenset[str], str], Plan]
"""(graph, calibration, names of nodes that stay float, scheme) -> plan."""
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


def repair(
    state: State,
    samples: Samples,
    planner: Planner,
    measure: Measure,
    screen: Measure,
    *,
    tick: Tick,
    seconds: float = SECONDS,
    clock: Clock | None = None,
    measured_s: float = 0.0,
    other_scheme: str | None = None,
    ranges_are_kept: bool = False,
) -> Repaired:
    """Tries one step after the other until the gate passes; a step that does not help is undone.

    Args:
        state: the conversion that missed its gate.
        samples: calibration data, for ranges and means.
        measure: on all samples that judge.
        screen: on a few of them, for candidates.
        seconds: time limit for the whole.
        clock: the same limit, where `measure` and `screen` ask it too.
        measured_s: seconds that `measure` takes: the last of them must fit into the limit.
        other_scheme: tried too, where the scheme was left open.
        ranges_are_kept: they are the source's own and stay as they are.
    """
    kept = clock or Clock(monotonic() + seconds)
    worker = _Worker(state, samples, planner, measure, screen, kept, measured_s)
    try:
        _try_all(worker, tick, other_scheme, ranges_are_kept)
    except OutOfTime:
        worker.out_of_time = True
    end = worker.state
    given = tuple(sorted(worker.given))
    share = float_share(end.model, worker.given)
    return Repaired(
        end, tuple(worker.steps), state.fidelity.missed, given, share, worker.exact, worker.out_of_time
    )


def _try_all(worker: _Worker, tick: Tick, other_scheme: str | None, ranges_are_kept: bool) -> None:
    """Every step in order: near the gate first what costs nothing on the device."""
    first = worker.state
    static = first.calibration is not None and first.plan.scheme == "static"
    near = static and first.worst_db >= NEAR_DB
    if near:
        _free_of_cost(worker, tick, ranges_are_kept)
    if other_scheme is not None and worker.goes_on:
        tick(f"scheme {other_scheme}")
        static &= not worker.instead(other_scheme, first)
    if static and not near:
        _free_of_cost(worker, tick, ranges_are_kept)
    while worker.goes_on and not worker.state.plan.target.integer_only:
        tick("layers back to float")
        if not worker.to_float():
            break


def _free_of_cost(worker: _Worker, tick: Tick, ranges_are_kept: bool) -> None:
    """The steps that cost nothing on the device, in half of the time."""
    half = worker.half_time()
    for name, step in (
        ("channels equalized across layers", None if ranges_are_kept else worker.equalized),
        ("ranges by least mean square error", None if ranges_are_kept else worker.ranges("mse")),
        ("ranges by percentile", None if ranges_are_kept else worker.ranges("percentile")),
        ("ranges by entropy", None if ranges_are_kept else worker.ranges("entropy")),
        (BIASES, worker.biases),
        ("scales split", worker.split),
    ):
        if not worker.goes_on or worker.is_later_than(half):
            break
        if step is None:
            continue
        tick(name)
        kept = worker.keep(name, step())
        worker.exact &= not (kept and name == BIASES)


def float_share(model: ir.Model, names: Collection[str]) -> float:
    """0..1, of all multiplications: those of the nodes of these names."""
    cost = {str(node.name): macs(node) for node in model.graph}
    return sum(cost.get(name, 0) for name in names) / (sum(cost.values()) or 1)


class _Worker:
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
        self.steps: list[str] = []
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
    def goes_on(self) -> bool:
        """There is something to repair, and time for it."""
        return bool(self.state.fidelity.missed) and self._in_time()

    def half_time(self) -> float:
        """The moment at which half of the time that is left will be gone."""
        return (monotonic() + self._clock.deadline - self._measured_s) / 2

    def is_later_than(self, moment: float) -> bool:
        """True, and on record, when a limit of time cuts something off."""
        late = monotonic() > moment
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
    ) -> State:
        """Another way to convert, measured on a few samples."""
        model = self.state.model if model is None else model
        calibration = self.state.calibration if calibration is None else calibration
        float_nodes = self.state.float_nodes if float_nodes is None else float_nodes
        plan = self._planner(model, calibration, float_nodes, self.state.plan.scheme)
        return State(model, calibration, float_nodes, plan, self._screen(model, plan), remark)

    def _whole(self, state: State) -> State:
        """The same, measured on all samples."""
        begin = monotonic()
        found = replace(state, fidelity=self._measure(state.model, state.plan))
        self._measured_s = monotonic() - begin
        return found

    def instead(self, scheme: str, first: State) -> bool:
        """Takes another scheme for the state as it came, if that is better than all that was done to it since."""
        plan = self._planner(first.model, first.calibration, first.float_nodes, scheme)
        other = replace(first, plan=plan, fidelity=self._screen(first.model, plan))
        if other.worst_db < self.state.worst_db - DOUBT_DB:
            return False
        other = self._whole(other)
        if not self._is_better(other):
            return False
        self.steps = [f"scheme {scheme}: {first.worst_db:.1f} to {other.worst_db:.1f} dB"]
        self.state, self.exact = other, True
        return True

    def _is_better(self, other: State) -> bool:
        """Fewer outputs missed, or less noise."""
        mine = len(self.state.fidelity.missed), -self.state.worst_db
        return (len(other.fidelity.missed), -other.worst_db + GAIN_DB) < mine

    def keep(self, name: str, other: State | None) -> bool:
        """Takes the other state if it is better on all samples; a few tell whether to look."""
        if other is None or other.worst_db < self.state.worst_db - DOUBT_DB:
            return False
        other = self._whole(other)
        if not self._is_better(other):
            return False
        what = f"{name} ({other.remark})" if other.remark else name
        self.steps.append(f"{what}: {self.state.worst_db:.1f} to {other.worst_db:.1f} dB")
        self.state = other
        return True

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
        self.steps.append(
            f"back to float ({', '.join(sorted(self.given - before))}): "
            f"{first.worst_db:.1f} to {self.state.worst_db:.1f} dB"
        )
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
