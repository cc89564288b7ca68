"""Repairs a conversion whose fidelity is below the gate, and raises where that does not suffice."""

from __future__ import annotations

from dataclasses import replace

import onnx_ir as ir

from edgemm.converters.evaluation import input_ranges
from edgemm.converters.passes.quantized import declared_ranges
from edgemm.converters.pipeline.examples import tell_examples
from edgemm.converters.pipeline.measure import explain, not_finite_because
from edgemm.converters.pipeline.plan import float_in_source, with_shared_states
from edgemm.converters.pipeline.work import Work
from edgemm.converters.pipeline.write import check_written_float
from edgemm.converters.repair import Clock, Repaired, State
from edgemm.converters.repair import repair as repaired_by
from edgemm.converters.written import write_plan
from edgemm.quantize import Calibration, explain_plan, make_plan
from edgemm.quantize.plan import Plan
from edgemm.quantize.target import Target

SCREENED_ON = 16
"""Samples that candidates are measured on."""
TIMED_ON = 8
"""Samples that the repaired file's latency is measured behind."""
ALTERNATIVE = {"static": "dynamic"}
"""Scheme -> what to try instead, where the scheme was left open."""
ROUNDS = (
    "the source rounds to integers while it runs, a float file does not, so their answers differ: {missed}. No gate is "
    "held; --evaluate with labelled data says which of them is right more often"
)


def repair(work: Work) -> None:
    """Repairs a conversion that missed the gate, unless `repair` is "off".

    Raises:
        FidelityMissed: the gate does not hold, and was to fail.
    """
    options = work.options
    able = work.plan.scheme != "float" and not work.fidelity.beyond_repair
    if work.fidelity.missed and options.gate != "off" and options.repair == "auto" and able:
        _take(work, _repaired(work))
    explain(work)
    tell_examples(work)
    if work.fidelity.missed and options.gate == "fail":
        if _only_rounding(work):
            work.notes.append(ROUNDS.format(missed="; ".join(work.fidelity.missed)))
            return
        places = work.diagnosis.table() if work.diagnosis is not None else ""
        work.fidelity.require(places, not_finite_because(work.prepared, work.fidelity))
    if options.gate == "warn":
        work.notes += [f"gate missed: {each}" for each in work.fidelity.missed]


def _only_rounding(work: Work) -> bool:
    """A float file of a source that rounds to integers: the writer is held against a graph that does not."""
    return work.plan.scheme == "float" and work.prepared.quantized and not work.fidelity.beyond_repair


def _repaired(work: Work) -> Repaired:
    options = work.options
    clock = Clock.of(options.repair_seconds)
    judge = replace(work.judge, tick=clock.on_sample)
    few = replace(work.judge.few(SCREENED_ON), tick=clock.on_sample)
    integer_only = work.plan.target.integer_only
    other = ALTERNATIVE.get(work.plan.scheme) if options.scheme == "auto" and not integer_only else None
    return repaired_by(
        State(work.prepared.model, work.calibration, frozenset(), work.plan, work.fidelity),
        work.calibration_data or work.judged_on,
        lambda model, ranges, kept, scheme, target: _planned(work, model, ranges, kept, scheme, target),
        judge.planned,
        few.planned,
        tick=lambda step: work.tell(f"repairing: {step}"),
        clock=clock,
        measured_s=work.measured_s,
        other_scheme=other,
        ranges_are_kept=bool(declared_ranges(work.prepared.model)),
    )


def _planned(
    work: Work,
    model: ir.Model,
    ranges: Calibration | None,
    kept: frozenset[str],
    scheme: str,
    target: Target,
) -> Plan:
    shared = None if ranges is None or scheme != "static" else with_shared_states(ranges, work.prepared.card)
    return make_plan(
        model,
        shared,
        target=target,
        scheme=scheme,
        float_nodes=kept | float_in_source(work, work.plan.target.integer_only),
        input_ranges=input_ranges(work.prepared.card),
    )


def _take(work: Work, found: Repaired) -> None:
    """The repaired conversion instead of the first one."""
    state = found.state
    if found.out_of_time:
        work.notes.append(
            f"repair: stopped at its time limit of {work.options.repair_seconds:g} s; another run may end elsewhere. "
            "--repair-seconds sets it"
        )
    work.repaired = found
    if not found.steps:
        return
    work.notes.append(f"below the gate before it was repaired: {'; '.join(work.fidelity.missed)}")
    work.prepared = replace(work.prepared, model=state.model)
    work.plan, work.calibration = state.plan, state.calibration
    check_written_float(work, exact=found.exact)
    work.written = write_plan(state.model, state.plan, work.options.format, work.options.settings)
    work.fidelity = state.fidelity  # of this file, on all samples, when it was chosen
    _, work.latency = work.judge.few(TIMED_ON).written(work.written, work.plan)
    work.explanation = explain_plan(state.model, state.plan)
    work.notes += [f"repaired: {step}" for step in found.steps]
