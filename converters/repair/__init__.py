"""Repair: steps that improve a conversion whose fidelity is below the gate, cheapest first.

Weights that have 7 bits get all 8 first, and go back where later steps suffice. Equalized channels, better ranges,
corrected biases, split scales cost nothing on the device. Where the scheme was left open, the other one is taken if it
does better than these; it comes before them where static is too far off for them. Layers that compute in float again
come last, those first that regain most for each multiplication.
"""

from __future__ import annotations

from edgemm.converters.repair.clock import Clock, OutOfTime
from edgemm.converters.repair.state import Measure, Planner, Repaired, State, Tick
from edgemm.converters.repair.worker import Worker, float_share
from edgemm.converters.samples import Samples

ALL_BITS = "weights in all 8 bits, u8: slower on x86 with VNNI and on Arm"
BIASES = "biases corrected"
NEAR_DB = 10.0
"""Above it, what costs nothing may be enough for a static conversion, which no other scheme is as fast as."""
SECONDS = 60.0
"""Time limit."""


def repair(
    state: State,
    samples: Samples,
    planner: Planner,
    measure: Measure,
    screen: Measure,
    *,
    tick: Tick,
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
        clock: the time limit, which `measure` and `screen` may ask too; `SECONDS` from now where none is given.
        measured_s: seconds that `measure` takes: the last of them must fit into the limit.
        other_scheme: tried too, where the scheme was left open.
        ranges_are_kept: they are the source's own and stay as they are.
    """
    worker = Worker(state, samples, planner, measure, screen, clock or Clock.of(SECONDS), measured_s)
    try:
        _try_all(worker, tick, other_scheme, ranges_are_kept)
    except OutOfTime:
        worker.out_of_time = True
    end = worker.state
    given = tuple(sorted(worker.given))
    share = float_share(end.model, worker.given)
    return Repaired(end, worker.steps, state.fidelity.missed, given, share, worker.exact, worker.out_of_time)


def _try_all(worker: Worker, tick: Tick, other_scheme: str | None, ranges_are_kept: bool) -> None:
    """Every step in order: near the gate first what costs nothing on the device."""
    first = worker.state
    static = first.calibration is not None and first.plan.scheme in ("static", "mixed")
    _in_all_bits(worker, tick)
    near = static and worker.state.worst_db >= NEAR_DB
    if near:
        _free_of_cost(worker, tick, ranges_are_kept)
    if other_scheme is not None and worker.goes_on:
        tick(f"scheme {other_scheme}")
        if worker.instead(other_scheme, first):
            static = False
            _in_all_bits(worker, tick)
    if static and not near:
        _free_of_cost(worker, tick, ranges_are_kept)
    while worker.goes_on and not worker.state.plan.target.integer_only:
        tick("layers back to float")
        if not worker.to_float():
            break
    if worker.state.plan.target != first.plan.target and not worker.steps[-1].startswith(ALL_BITS):
        tick("weights in 7 bits again")
        worker.narrow_again(first.plan.target, ALL_BITS)


def _in_all_bits(worker: Worker, tick: Tick) -> None:
    """The finer weights, where there are any."""
    if worker.goes_on and worker.state.plan.target.is_narrow:
        tick("weights in all 8 bits")
        worker.keep(ALL_BITS, worker.in_all_bits())


def _free_of_cost(worker: Worker, tick: Tick, ranges_are_kept: bool) -> None:
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


__all__ = ["SECONDS", "Clock", "Repaired", "State", "float_share", "repair"]
