"""Plans: what is integer, and on which grids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import onnx_ir as ir

from edgemm.card import ModelCard
from edgemm.converters.aware.source import TrainedSource
from edgemm.converters.options import NO_RANGES, NO_RANGES_FOR
from edgemm.converters.own_ranges import own_ranges
from edgemm.converters.passes.quantized import declared_ranges, grids_of_other_widths
from edgemm.converters.pipeline.forms import (
    INTEGER,
    Form,
    graph_for,
    planned,
    possible,
    renamed,
    worth_weighing,
)
from edgemm.converters.pipeline.sizes import form_bytes
from edgemm.converters.pipeline.work import Work
from edgemm.costs import CostTable, table_for
from edgemm.errors import InputError
from edgemm.quantize import Calibration, calibrate, explain_plan
from edgemm.quantize.choice import in_order
from edgemm.quantize.nominal import nominal
from edgemm.quantize.plan import Plan, Precision
from edgemm.quantize.prices import Prices
from edgemm.quantize.scheme import automatic_scheme
from edgemm.quantize.target import Target
from edgemm.quantize.target import target as target_named

NOTHING_PAYS = "mixed: no operator is predicted to be faster with integers, so the file is float"
KINDS = {"x86": False, "vnni": False, "arm": True}
"""Target -> whether it is Arm; of the others it is not known."""


def plan(work: Work) -> None:
    """The forms that the network may have, each planned, in the order in which they are tried; the first of them."""
    target = target_named(work.options.target, work.options.format)
    trained = isinstance(work.options.source, TrainedSource)  # its grids are those of the training's data
    if work.calibration_data is None and work.options.scheme in ("auto", *INTEGER) and not trained:
        work.own_ranges = own_ranges(work.prepared)
    schemes = _schemes(work, target)
    work.prices = Prices(work.options.format, _costs(work, schemes))
    work.forms = _in_order(work, _forms(work, schemes, target))
    while work.form is None or work.form is not work.forms[0]:
        take(work, work.forms[0])
        work.forms = _in_order(work, work.forms)  # on measured ranges another may be faster


def take(work: Work, form: Form) -> None:
    """That form is the one to write: planned on measured ranges, where it was weighed on others."""
    form = _settled(work, form)
    work.prepared = renamed(work.prepared, form)
    work.plan, work.calibration, work.form = form.plan, form.calibration, form
    work.explanation = explain_plan(form.model, form.plan, form.cost)


def _settled(work: Work, form: Form) -> Form:
    """The form as it is to be written; takes the place of the one that was weighed."""
    known = next((each for each in work.forms if each.name == form.name), form)
    if not known.weighed_only:
        return known
    found = _planned(work, known.model, known.name, _ranges(work, known.model))
    work.forms = tuple(found if each is known else each for each in work.forms)
    return found


def _ranges(work: Work, model: ir.Model) -> Calibration | None:
    """What is known of the activations, measured once."""
    if work.ranges is None:
        work.ranges = _calibration(work, model) if work.calibration_data is not None else _own(work)
    return work.ranges


def _costs(work: Work, schemes: tuple[str, ...]) -> CostTable:
    """Of the machine that the file is for."""
    given = work.options.costs
    table = table_for(work.options.target) if given is None else CostTable.read(given)
    if len(schemes) > 1 or "mixed" in schemes:
        work.notes += [note for note in (table.unmeasured, _of_another_kind(work, table)) if note]
    return table


def _of_another_kind(work: Work, table: CostTable) -> str:
    """What is to be said of costs that are of one kind of processor for a target of another; "" for nothing."""
    on_arm = not {"NEON", "DOTPROD", "I8MM", "SVE"}.isdisjoint(table.instructions.split())
    for_arm = KINDS.get(work.options.target)
    if work.options.costs is None or for_arm is None or for_arm is on_arm:
        return ""
    target = work.options.target
    return (
        f"these costs (--costs) are of {table.instructions}, and the target is {target}: measure them there"
    )


def _forms(work: Work, schemes: tuple[str, ...], target: Target) -> list[Form]:
    """Each scheme planned. Several are weighed before anything is measured: where one without ranges is the fastest,
    nothing has to be."""
    several = len(schemes) > 1
    graphs = {
        integer: graph_for(work.prepared.model, scheme, work.options.format, target, others=several)
        for integer, scheme in {scheme in INTEGER: scheme for scheme in schemes}.items()
    }
    forms = []
    for scheme in schemes:
        model = graphs[scheme in INTEGER]
        ranges = None
        if scheme in INTEGER:
            ranges = nominal(model) if several else _ranges(work, model)
        forms.append(
            replace(_planned(work, model, scheme, ranges), weighed_only=several and scheme in INTEGER)
        )
    return forms


def _planned(work: Work, model: ir.Model, scheme: str, ranges: Calibration | None) -> Form:
    target = target_named(work.options.target, work.options.format)
    kept = _float_in_training(work) | float_in_source(work, target.integer_only)
    found = planned(
        work.prepared, model, scheme, target, ranges, work.prices, kept, partial(form_bytes, work)
    )
    if scheme == work.options.scheme == "mixed" and found.plan.precision and _is_float(found.plan):
        work.notes.append(NOTHING_PAYS)
        return _planned(work, model, "float", None)
    return found


def _is_float(plan: Plan) -> bool:
    return set(plan.precision.values()) <= {Precision.FLOAT}


def _in_order(work: Work, forms: Sequence[Form]) -> tuple[Form, ...]:
    weighed = worth_weighing(forms)
    names = [each.form for each in in_order([form.estimate for form in weighed], work.options.prefer)]
    return tuple(sorted(weighed, key=lambda form: names.index(form.name)))


def float_in_source(work: Work, integer_only: bool) -> frozenset[str]:
    """Nodes that a quantized source computes in float, or has no ranges for, where the target can."""
    if integer_only:
        return frozenset()
    own = work.own_ranges
    return work.prepared.float_nodes | (own.unknown if own is not None else frozenset())


def _float_in_training(work: Work) -> frozenset[str]:
    """Nodes of a trained source that computed in float: they learned nothing of rounding."""
    source = work.options.source
    if not isinstance(source, TrainedSource):
        return frozenset()
    return source.float_nodes() & {str(node.name) for node in work.prepared.model.graph}


def _schemes(work: Work, target: Target) -> tuple[str, ...]:
    """The schemes to weigh: the one that was asked for, or those that `auto` may take."""
    wanted = work.options.scheme
    calibrated = work.calibration_data is not None or work.own_ranges is not None
    if not calibrated and target.integer_only:
        raise InputError(NO_RANGES_FOR.format(target.name))
    if not calibrated and wanted in INTEGER:
        raise InputError(NO_RANGES.format(wanted))
    if wanted != "auto":
        return (wanted,)
    found = possible(work.prepared, work.options.source, target, calibrated=calibrated)
    if found == ("dynamic",):
        reason = automatic_scheme(work.prepared.model, target, calibrated=calibrated)[1]
        work.notes.append(f"scheme dynamic, because {reason}")
    return found


def _own(work: Work) -> Calibration | None:
    """The ranges that the source has itself."""
    own = work.own_ranges
    if own is None:
        return None
    rest = f"; {len(own.unknown)} operators that it has none for stay float" if own.unknown else ""
    work.notes.append(
        f"static without calibration data: {own.count} ranges are the quantized source's own{rest}"
    )
    return with_shared_states(own.calibration, work.prepared.card)


def _calibration(work: Work, model: ir.Model) -> Calibration:
    data = work.calibration_data
    inputs = data.inputs if data is not None else ()
    found = calibrate(model, inputs, progress=lambda done, total: work.tell("calibrating", done, total))
    kept = _kept_ranges(work.options.source, len(declared_ranges(model)))
    other = grids_of_other_widths(model)
    widths = (
        f"{other} of these ranges had other than 8 bits: the written file has 8, from one end to the other"
    )
    work.notes += [note for note in (kept, widths if kept and other else "") if note]
    return with_shared_states(found, work.prepared.card)


def _kept_ranges(source: object, declared: int) -> str:
    """What is to be said of ranges that are not calibrated; "" for nothing."""
    if isinstance(source, TrainedSource):
        count = source.trained_ranges
        return f"{count} ranges were trained, and are kept" if count else ""
    return f"the source is quantized: {declared} of its ranges are kept" if declared else ""


def with_shared_states(calibration: Calibration, card: ModelCard) -> Calibration:
    """One range for what a step leaves and what the next one takes: nothing is requantized between them."""
    ranges = dict(calibration.ranges)
    for pair in card.states:
        if pair.input in ranges and pair.output in ranges:
            ranges[pair.input] = ranges[pair.output] = ranges[pair.input].union(ranges[pair.output])
    return replace(calibration, ranges=ranges)
