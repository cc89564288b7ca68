"""Writes the payload, and names the node where its runtime cannot run it."""

from __future__ import annotations

from dataclasses import replace

import onnx_ir as ir

from edgemm.converters.halving import first_failing, told
from edgemm.converters.measure import check_float, run_artifact
from edgemm.converters.pipeline.forms import Form, Tried
from edgemm.converters.pipeline.plan import take
from edgemm.converters.pipeline.work import Work, compared_on
from edgemm.converters.reference import Truth
from edgemm.converters.samples import Samples
from edgemm.converters.worker import RunFailed
from edgemm.converters.written import Format, Settings, Written, write_plan
from edgemm.errors import ConversionError, UnsupportedOperator
from edgemm.quantize.plan import Plan


def write(work: Work) -> None:
    """The float file, for a guard on passes and writer, then the planned one."""
    prepared = work.prepared
    states = tuple((pair.output, pair.input) for pair in prepared.card.states)
    work.options = replace(work.options, settings=replace(work.options.settings, states=states))
    check_written_float(work)
    while True:
        try:
            write_planned(work)
            return
        except UnsupportedOperator as error:
            left = [form for form in work.forms if form.name not in (work.plan.scheme, *work.tried)]
            if not left:
                raise
            leave_out(work, work.under_way, error)
            take(work, left[0])


def leave_out(work: Work, form: Form, error: UnsupportedOperator) -> None:
    """One of several forms cannot be written."""
    work.tried[form.name] = Tried(None, None, 0, why=f"it cannot be written: {error}")
    work.notes.append(f"scheme {form.name} is left out, because it cannot be written: {error}")


def write_planned(work: Work) -> None:
    """The file of the plan as it is now.

    Raises:
        UnsupportedOperator: the format cannot express it, or its runtime cannot run it; the node is named.
    """
    model, options = work.prepared.model, work.options
    work.written = write_plan(model, work.plan, options.format, options.settings)
    require_runs(model, work.written, work.plan, options.format, options.settings, work.judged_on)


def check_written_float(work: Work, *, exact: bool = True) -> None:
    """The float file of the graph as it is now.

    Args:
        exact: the graph still computes what the source does; not where its biases were corrected.
    """
    prepared, options = work.prepared, work.options
    few = compared_on(work.judged_on)
    source = None
    if exact and not prepared.rounds and prepared.source is not None:
        source = work.truth if work.truth is not None else Truth(prepared.source, few)
    try:
        work.float_latency = check_float(
            prepared.model, options.format, options.settings, few, source, prepared.pieces
        ).latency
    except RunFailed as error:
        from edgemm.quantize import make_plan

        plan = make_plan(prepared.model, None, scheme="float")
        raise _blamed(prepared.model, plan, options.format, options.settings, few, error) from error


def require_runs(
    model: ir.Model, written: Written, plan: Plan, format_: Format, settings: Settings, samples: Samples
) -> None:
    """The file loads and runs once.

    Raises:
        ConversionError: it does not; the node is named.
    """
    one = Samples(samples.inputs[:1])
    try:
        run_artifact(written, one)
    except RunFailed as error:
        raise _blamed(model, plan, format_, settings, one, error) from error


def _blamed(
    model: ir.Model, plan: Plan, format_: Format, settings: Settings, samples: Samples, error: RunFailed
) -> ConversionError:
    node = first_bad_node(model, plan, format_, settings, Samples(samples.inputs[:1]))
    where = told(node) if node is not None else "the graph as a whole"
    return UnsupportedOperator(
        f"{where}: the runtime cannot run the written {format_}: {error}. Nothing was written. This is a fault "
        "in the converter: please report the model; another --scheme or format may do until then"
    )


def first_bad_node(
    model: ir.Model, plan: Plan, format_: Format, settings: Settings, samples: Samples
) -> ir.Node | None:
    """The first node, in order, with which the graph so far does not run; None where no part fails alone."""

    def runs(part: ir.Model) -> bool:
        try:
            run_artifact(write_plan(part, plan, format_, settings), samples)
        except RunFailed:
            return False
        except ConversionError:
            return True  # a part that cannot be written says nothing
        return True

    return first_failing(model, runs)
