"""`make_plan`: chooses the precision of every node and one set of grids, with reasons."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import onnx_ir as ir

from edgemm.choices import expected_one_of
from edgemm.errors import CalibrationError, InputError
from edgemm.quantize.addresses import address_values
from edgemm.quantize.calibration import Calibration, float_values
from edgemm.quantize.constants import dynamic_grids
from edgemm.quantize.declared import prescribed
from edgemm.quantize.fusion import stored_output
from edgemm.quantize.grid import Grid, Range
from edgemm.quantize.legality import dynamic_weights, operand
from edgemm.quantize.mixed_plan import cheapest_weights, plan_mixed
from edgemm.quantize.plan import Plan, Precision
from edgemm.quantize.prices import Prices
from edgemm.quantize.static_plan import plan_static
from edgemm.quantize.target import Target
from edgemm.quantize.target import target as target_named
from edgemm.quantize.unfit import unfit

HIDDEN = 4.0
"""A value whose range was limited to less than a part of that is worth a note."""
SCHEMES = ("auto", "static", "dynamic", "mixed", "float")


def make_plan(
    model: ir.Model,
    calibration: Calibration | None,
    *,
    target: Target | str = "cpu",
    scheme: str = "auto",
    float_nodes: Collection[str] = (),
    input_ranges: Mapping[str, Range] | None = None,
    prices: Prices | None = None,
) -> Plan:
    """Decides what of a canonical graph is integer, and on which grids.

    Args:
        model: canonical; left as it is.
        calibration: of this graph; None for "dynamic" and "float".
        target: the machine: see `edgemm.quantize.target`.
        scheme: "static", "dynamic", "mixed" or "float"; "auto" is static with a calibration and dynamic without.
        float_nodes: names of nodes to leave in float.
        input_ranges: graph input -> the range that its preprocessing can produce, used instead of what
            was measured.
        prices: predicted times, by which "mixed" chooses for each operator, and "dynamic" for each convolution;
            without them, convolutions of "dynamic" make their weights real.

    Raises:
        InputError: unknown scheme, target, node or input; or no calibration or no prices where they are needed.
        CalibrationError: the calibration was made on another graph.
        UnsupportedOperator: the target is integer only, and some nodes have no integer form.
    """
    chosen = target_named(target) if isinstance(target, str) else target
    _check_names(model, float_nodes, input_ranges or {})
    decided, notes = _scheme(scheme, calibration, chosen)
    if decided == "float":
        return Plan(chosen, "float", notes=notes)
    if decided == "dynamic" or calibration is None:
        plan = _dynamic(model, chosen, float_nodes, notes)
        return plan if prices is None else cheapest_weights(model, plan, prices)
    ranges, more = _ranges(model, calibration, input_ranges or {})
    known, refused, told = replace(calibration, ranges=ranges), frozenset(float_nodes), [*notes, *more]
    if decided == "static":
        return plan_static(model, chosen, known, refused, told)
    if prices is None:
        raise InputError(
            "prices: scheme mixed chooses by predicted times, found None. Give quantize.prices.Prices"
        )
    return plan_mixed(
        model, chosen, known, refused, told, _dynamic(model, chosen, float_nodes, notes), prices
    )


def _scheme(scheme: str, calibration: Calibration | None, target: Target) -> tuple[str, tuple[str, ...]]:
    """The scheme to follow, and what to say about it."""
    if scheme not in SCHEMES:
        raise InputError(f"scheme: {expected_one_of(SCHEMES, scheme)}")
    if scheme in ("static", "mixed") and calibration is None:
        raise InputError(
            f"scheme {scheme} needs a calibration, found none: calibrate on real data, or use dynamic"
        )
    decided, notes = scheme, []
    if scheme == "auto":
        decided = "dynamic" if calibration is None else "static"
        notes = [
            f"scheme auto: {decided}, because there is {'no' if calibration is None else 'a'} calibration"
        ]
    if target.integer_only and decided != "static":
        raise InputError(
            f"target {target.name} runs integers only, found scheme {decided}: calibrate on real data and use static"
        )
    return decided, tuple(notes)


def _check_names(model: ir.Model, float_nodes: Collection[str], input_ranges: Mapping[str, Range]) -> None:
    unknown = sorted(set(float_nodes) - {str(node.name) for node in model.graph})
    if unknown:
        raise InputError(
            f"float_nodes: the graph has no node {unknown[0]!r}. Names are those of the canonical graph"
        )
    inputs = [str(value.name) for value in model.graph.inputs]
    wrong = sorted(set(input_ranges) - set(inputs))
    if wrong:
        raise InputError(
            f"input_ranges: the graph has no input {wrong[0]!r}; expected one of {', '.join(inputs)}"
        )


def _ranges(
    model: ir.Model, calibration: Calibration, input_ranges: Mapping[str, Range]
) -> tuple[dict[str, Range], list[str]]:
    """A range with zero in it for every float value, never empty. What a quantized source prescribes comes before
    what was measured."""
    ranges, notes = {}, []
    for value in float_values(model):
        name = str(value.name)
        if name not in calibration.ranges:
            raise CalibrationError(
                f"the calibration has no range for value {name!r}: it was made on another graph. "
                "Calibrate the canonical graph that the plan is for"
            )
        found = input_ranges.get(name, calibration.ranges[name]).with_zero()
        if name in input_ranges:
            notes.append(f"input {name}: range {found.low:.4g}..{found.high:.4g} from its preprocessing")
        if found.low == found.high:
            if name not in calibration.whole:
                notes.append(f"value {name}: always 0 in {calibration.samples} samples; range 0..1 taken")
            found = Range(0.0, 1.0)
        if name in calibration.whole and calibration.whole[name].width > HIDDEN * found.width:
            whole = calibration.whole[name]
            notes.append(
                f"value {name}: {whole.low:.4g}..{whole.high:.4g}, limited to {found.low:.4g}..{found.high:.4g}: "
                "what reads it sees no more"
            )
        ranges[name] = found
    return ranges | {name: each for name, each in prescribed(model).items() if name in ranges}, notes


def _dynamic(model: ir.Model, target: Target, float_nodes: Collection[str], notes: tuple[str, ...]) -> Plan:
    """int8 weights where an operator has a form that quantizes its activations while running."""
    precision: dict[str, Precision] = {}
    weights: dict[tuple[str, int], Grid] = {}
    addresses = address_values(model)
    for node in model.graph:
        name = str(node.name)
        refused = name in float_nodes or str(stored_output(node).name) in addresses
        if node.op_type == "Gather":  # a table of masks
            held = [operand(node, index) for index in dynamic_weights(node)]
            refused |= any(unfit(value) for value in held if value is not None)
        grids = {} if refused else dict(dynamic_grids(node, target))
        precision[name] = Precision.DYNAMIC if grids else Precision.FLOAT
        weights.update({(name, index): grid for index, grid in grids.items()})
    return Plan(target, "dynamic", precision, {}, weights, notes)
