"""Plans: what is integer, and on which grids."""

from __future__ import annotations

from dataclasses import replace

from edgemm.card import ModelCard
from edgemm.converters.aware.source import TrainedSource
from edgemm.converters.evaluation import input_ranges
from edgemm.converters.onnx_writer.transposed import spread_transposed
from edgemm.converters.options import NO_RANGES, NO_RANGES_FOR
from edgemm.converters.own_ranges import own_ranges
from edgemm.converters.passes import canonicalize
from edgemm.converters.passes.quantized import declared_ranges, grids_of_other_widths
from edgemm.converters.pipeline.work import Work
from edgemm.errors import InputError
from edgemm.quantize import Calibration, calibrate, check_plan, explain_plan, make_plan
from edgemm.quantize.scheme import automatic_scheme
from edgemm.quantize.target import Target
from edgemm.quantize.target import target as target_named


def plan(work: Work) -> None:
    """The scheme, the ranges, the plan."""
    target = target_named(work.options.target, work.options.format)
    trained = isinstance(work.options.source, TrainedSource)  # its grids are those of the training's data
    if work.calibration_data is None and work.options.scheme in ("auto", "static") and not trained:
        work.own_ranges = own_ranges(work.prepared)
    scheme = _scheme(work, target)
    if work.options.settings.io == "int8":
        _integer_io(work, scheme)
    model = work.prepared.model
    if scheme == "static" and work.options.format == "onnx" and spread_transposed(model):
        canonicalize(model)
    if scheme == "static":
        work.calibration = _calibration(work) if work.calibration_data is not None else _own(work)
    if scheme == "dynamic":
        work.notes.append("weights are int8, activations are quantized while running")
    work.plan = make_plan(
        model,
        work.calibration,
        target=target,
        scheme=scheme,
        input_ranges=input_ranges(work.prepared.card),
        float_nodes=_float_in_training(work) | float_in_source(work, target.integer_only),
    )
    check_plan(model, work.plan)
    work.explanation = explain_plan(model, work.plan)


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


def _integer_io(work: Work, scheme: str) -> None:
    """Says where `io` int8 has no effect."""
    if scheme != "static":
        work.notes.append(
            f"io (--io) int8 has no effect: with the scheme {scheme}, inputs and outputs stay float"
        )


def _scheme(work: Work, target: Target) -> str:
    wanted = work.options.scheme
    calibrated = work.calibration_data is not None or work.own_ranges is not None
    if not calibrated and target.integer_only:
        raise InputError(NO_RANGES_FOR.format(target.name))
    if not calibrated and wanted == "static":
        raise InputError(NO_RANGES)
    if wanted != "auto":
        return wanted
    decided, reason = automatic_scheme(work.prepared.model, target, calibrated=calibrated)
    if decided == "dynamic":
        work.notes.append(f"scheme dynamic, because {reason}")
    return decided


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


def _calibration(work: Work) -> Calibration:
    model, data = work.prepared.model, work.calibration_data
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
