"""Repairs a conversion whose fidelity is below the gate, and raises where that does not suffice."""

from __future__ import annotations

from dataclasses import replace

import onnx_ir as ir

from edgemm.converters.evaluation import input_ranges
from edgemm.converters.passes.quantized import declared_ranges
from edgemm.converters.pipeline.choose import recall, tell_choice
from edgemm.converters.pipeline.examples import tell_examples
from edgemm.converters.pipeline.forms import INTEGER, Form
from edgemm.converters.pipeline.measure import explain, not_finite_because
from edgemm.converters.pipeline.node_costs import tell_costs
from edgemm.converters.pipeline.plan import float_in_source, with_shared_states
from edgemm.converters.pipeline.sizes import form_bytes
from edgemm.converters.pipeline.work import Work
from edgemm.converters.pipeline.write import check_written_float
from edgemm.converters.repair import Clock, Repaired, State
from edgemm.converters.repair import repair as repaired_by
from edgemm.converters.written import write_plan
from edgemm.quantize import Calibration, explain_plan, make_plan
from edgemm.quantize.choice import Estimate, in_order
from edgemm.quantize.plan import Plan
from edgemm.quantize.target import Target

SCREENED_ON = 16
"""Samples that candidates are measured on."""
TIMED_ON = 8
"""Samples that the repaired file's latency is measured behind."""
NEAR_DB = 10.0
"""A form below it is too far from the gate to be repaired while another holds it."""
WORTH = 1.1
"""How many times better a form must be to be repaired while another holds the gate."""
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
    wanted = options.gate != "off" and options.repair == "auto" and not work.fidelity.beyond_repair
    if wanted and work.fidelity.missed and work.plan.scheme != "float":
        _take(work, _repaired(work, Clock.of(options.repair_seconds)))
    elif wanted and work.form is not None and work.options.prefer != "accuracy":
        _repair_what_is_better(work, work.form)
    tell_choice(work)
    explain(work)
    tell_examples(work)
    tell_costs(work)
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


def _repair_what_is_better(work: Work, holder: Form) -> None:
    """Forms that were wanted more than the one that holds the gate, where they are near it: one that a repair brings
    there, and that is better even then, is taken after all."""
    clock = Clock.of(work.options.repair_seconds)
    for form in work.forms[: work.forms.index(holder)]:
        tried = work.tried[form.name]
        if tried.fidelity is None or tried.fidelity.worst_db < NEAR_DB or _gain(work, form, holder) < WORTH:
            continue
        kept = work.written
        recall(work, form)
        found = _repaired(work, clock)
        if found.steps and not found.state.fidelity.missed and _is_better(work, found.state, holder):
            _take(work, found)
            return
        recall(work, holder)
        work.written = kept


def _gain(work: Work, form: Form, holder: Form) -> float:
    """How many times better a form is, in what was preferred."""
    if work.options.prefer == "size":
        return holder.size_bytes / max(form.size_bytes, 1)
    return holder.cost.total_us / max(form.cost.total_us, 1e-9)


def _is_better(work: Work, state: State, holder: Form) -> bool:
    """What a repair has made of a form still comes before the form that holds without."""
    cost = work.prices.cost(state.model, state.plan).total_us
    made = Estimate(state.plan.scheme, cost, form_bytes(work, state.model, state.plan), work.prices.format)
    return in_order([made, holder.estimate], work.options.prefer)[0] is made


def _repaired(work: Work, clock: Clock) -> Repaired:
    options = work.options
    judge = replace(work.judge, tick=clock.on_sample)
    few = replace(work.judge.few(SCREENED_ON), tick=clock.on_sample)
    integer_only = work.plan.target.integer_only
    left_open = options.scheme == "auto" and len(work.forms) == 1 and not integer_only
    other = ALTERNATIVE.get(work.plan.scheme) if left_open else None
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
    shared = (
        None if ranges is None or scheme not in INTEGER else with_shared_states(ranges, work.prepared.card)
    )
    return make_plan(
        model,
        shared,
        target=target,
        scheme=scheme,
        float_nodes=kept | float_in_source(work, work.plan.target.integer_only),
        input_ranges=input_ranges(work.prepared.card),
        prices=work.prices,
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
    work.explanation = explain_plan(state.model, state.plan, work.prices.cost(state.model, state.plan))
    work.notes += [f"repaired: {step}" for step in found.steps]
