"""The forms that a network can have: each with its plan, its predicted time and its size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import onnx_ir as ir

from edgemm.converters.aware.source import TrainedSource
from edgemm.converters.evaluation import input_ranges
from edgemm.converters.fidelity import Fidelity
from edgemm.converters.latency import Latency
from edgemm.converters.onnx_writer.transposed import spread_transposed
from edgemm.converters.passes import canonicalize
from edgemm.converters.passes.channel_pads import widen_channels
from edgemm.converters.passes.express.prelu import spread_prelus
from edgemm.converters.prepare import Prepared
from edgemm.quantize import Calibration, check_plan, make_plan
from edgemm.quantize.choice import Estimate
from edgemm.quantize.costs import Cost
from edgemm.quantize.legality import RECURRENT
from edgemm.quantize.plan import Plan, Precision
from edgemm.quantize.prices import Prices
from edgemm.quantize.scheme import automatic_scheme
from edgemm.quantize.target import Target

INTEGER = ("static", "mixed")
"""Schemes with integer activations: they need ranges."""


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """One way to write a network."""

    plan: Plan
    model: ir.Model
    """The graph that the plan is for."""
    calibration: Calibration | None
    cost: Cost
    size_bytes: int
    """Of its file, or of its constants: see `pipeline/sizes.py`."""
    format: str
    """"tflite" or "onnx"."""
    weighed_only: bool = False
    """Planned on ranges that nobody measured."""

    @property
    def name(self) -> str:
        """ "float", "static", "dynamic" or "mixed"."""
        return self.plan.scheme

    @property
    def estimate(self) -> Estimate:
        """What forms are put in order by."""
        return Estimate(self.name, self.cost.total_us, self.size_bytes, self.format)


@dataclass(frozen=True, slots=True, eq=False)
class Tried:
    """What was measured of a form."""

    fidelity: Fidelity | None
    """None where it could not be written."""
    latency: Latency | None
    size_bytes: int
    measured_s: float = 0.0
    """Seconds that its file took to be measured on all samples."""
    why: str = ""
    """Why it could not be written."""

    @property
    def held(self) -> bool:
        """It holds the gate."""
        return self.fidelity is not None and not self.fidelity.missed


def possible(prepared: Prepared, source: object, target: Target, *, calibrated: bool) -> tuple[str, ...]:
    """The schemes that `auto` weighs; one alone where nothing is to be weighed.

    Machines of integers alone have one; a network that was trained with rounding, or is quantized already, keeps the
    form of its kind. States of recurrent layers leave the ranges that calibration data show, so integers are not
    weighed there.
    """
    alone = target.integer_only or prepared.quantized or isinstance(source, TrainedSource)
    if alone:
        return (automatic_scheme(prepared.model, target, calibrated=calibrated)[0],)
    recurrent = any(node.op_type in RECURRENT for node in prepared.model.graph)
    return ("dynamic", "float") if recurrent or not calibrated else ("static", "mixed", "dynamic", "float")


def planned(
    prepared: Prepared,
    model: ir.Model,
    scheme: str,
    target: Target,
    calibration: Calibration | None,
    prices: Prices,
    float_nodes: frozenset[str],
    size: Callable[[ir.Model, Plan], int],
) -> Form:
    """One form.

    Args:
        size: how large its file will be.
    """
    plan = make_plan(
        model,
        calibration if scheme in INTEGER else None,
        target=target,
        scheme=scheme,
        input_ranges=input_ranges(prepared.card) if scheme in INTEGER else None,
        float_nodes=float_nodes,
        prices=prices,
    )
    check_plan(model, plan)
    kept = calibration if scheme in INTEGER else None
    return Form(plan, model, kept, prices.cost(model, plan), size(model, plan), prices.format)


def graph_for(model: ir.Model, scheme: str, format_: str, target: Target, *, others: bool) -> ir.Model:
    """The graph that a scheme is planned on: what a runtime has no fast kernel for is written out.

    In `.onnx` files that is PRelu, always, and ConvTranspose among integers; in `.tflite` files, among integers, Pads
    of channels and PRelu, but for machines of integers alone, which have kernels of their own.

    Args:
        others: other forms have the graph as it is.
    """
    if format_ == "onnx":
        spread_prelus(model)  # for all forms alike
    wanted = [
        each for op, each in _among_integers(format_, target) if any(n.op_type == op for n in model.graph)
    ]
    if scheme not in INTEGER or not wanted:
        return model
    spread = model.clone() if others else model
    if sum(each(spread) for each in wanted):
        canonicalize(spread)
    return spread


def _among_integers(format_: str, target: Target) -> Iterator[tuple[str, Callable[[ir.Model], int]]]:
    """Operators that integer graphs have written otherwise, and what does it, telling how many there were."""
    if format_ == "onnx":
        yield "ConvTranspose", spread_transposed
        return
    if not target.integer_only:
        yield "Pad", widen_channels
        yield "PRelu", spread_prelus


def worth_weighing(forms: Sequence[Form]) -> tuple[Form, ...]:
    """The forms without those that are another under their name: a mixed one, or one in which all stays float."""
    plain = [each for each in forms if each.name == "float" or _told(each)]
    kept = plain if any(each.name == "float" for each in plain) else forms
    others = [_told(each) for each in kept if each.name != "mixed"]
    return tuple(each for each in kept if each.name != "mixed" or _told(each) not in others)


def _told(form: Form) -> dict[str, Precision]:
    """The operators that are not plainly float."""
    return {name: each for name, each in form.plan.precision.items() if each is not Precision.FLOAT}


def renamed(prepared: Prepared, form: Form) -> Prepared:
    """The network with that form's graph."""
    return prepared if form.model is prepared.model else replace(prepared, model=form.model)
