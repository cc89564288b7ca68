"""When weights of 7 bits get all 8, and when they go back: the order of the repair, with figures that are made up."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir
import pytest

from edgemm.converters.fidelity import Fidelity, OutputFidelity
from edgemm.converters.repair import ALL_BITS, State, repair
from edgemm.converters.repair.worker import Worker
from edgemm.converters.samples import Samples
from edgemm.quantize.plan import Plan
from edgemm.quantize.target import Target, target

GATE = 20.0
NARROW = target("cpu", "onnx")
EQUALIZED = "equalized"


def kept(decibels: float) -> Fidelity:
    missed = () if decibels >= GATE else (f"{decibels} dB",)
    return Fidelity(8, (OutputFidelity("y", decibels, 0.0, 1.0),), missed)


def repaired(figures: dict[tuple[str, int, bool], float], other: str | None, monkeypatch: Any) -> Any:
    """Repairs a conversion of which (scheme, steps of its weights, channels equalized) say the decibels."""
    empty = ir.Model(ir.Graph([], [], nodes=[], opset_imports={"": 17}), ir_version=8)
    ranges: Any = object()

    def planner(_: ir.Model, __: Any, nodes: frozenset[str], scheme: str, chosen: Target) -> Plan:
        return Plan(chosen, scheme, notes=tuple(nodes))

    def measure(_: ir.Model, plan: Plan) -> Fidelity:
        return kept(figures[plan.scheme, plan.target.weight_steps, EQUALIZED in plan.notes])

    for step in ("biases", "split", "equalized"):
        monkeypatch.setattr(Worker, step, lambda _: None)
    monkeypatch.setattr(Worker, "ranges", lambda *_: lambda: None)
    monkeypatch.setattr(Worker, "to_float", lambda _: False)
    monkeypatch.setattr(Worker, "equalized", lambda worker: worker._with(float_nodes=frozenset({EQUALIZED})))
    plan = Plan(NARROW, "static")
    first = State(empty, ranges, frozenset(), plan, measure(empty, plan))
    return repair(first, Samples(()), planner, measure, measure, tick=lambda _: None, other_scheme=other)


def static(narrow: float, wide: float, narrow_equalized: float = 0.0, wide_equalized: float = 0.0) -> Any:
    return {
        ("static", 64, False): narrow, ("static", 127, False): wide,
        ("static", 64, True): narrow_equalized, ("static", 127, True): wide_equalized,
    }  # fmt: skip


def test_all_bits_alone_suffice(monkeypatch: pytest.MonkeyPatch) -> None:
    found = repaired(static(15.0, 21.0), None, monkeypatch)
    assert found.steps == (f"{ALL_BITS}: 15.0 to 21.0 dB",)
    assert found.state.plan.target == NARROW.in_all_bits()


@pytest.mark.parametrize(("again", "steps"), [(20.5, 64), (19.5, 127)])
def test_7_bits_come_back_only_where_the_gate_holds_with_them(
    again: float, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = repaired(static(15.0, 18.0, again, 25.0), None, monkeypatch)
    assert found.state.plan.target.weight_steps == steps
    equalized = "channels equalized across layers"
    assert found.steps == (
        (f"{equalized}: 15.0 to 20.5 dB",)
        if steps == 64
        else (f"{ALL_BITS}: 15.0 to 18.0 dB", f"{equalized}: 18.0 to 25.0 dB")
    )


def test_the_other_scheme_begins_with_7_bits_and_gets_all_where_it_needs_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dynamic = {("dynamic", 64, False): 19.0, ("dynamic", 127, False): 24.0}
    found = repaired({**static(3.0, 4.0), **dynamic}, "dynamic", monkeypatch)
    assert found.steps == ("scheme dynamic: 3.0 to 19.0 dB", f"{ALL_BITS}: 19.0 to 24.0 dB")
    fine = {("dynamic", 64, False): 22.0}
    found = repaired({**static(3.0, 4.0), **fine}, "dynamic", monkeypatch)
    assert found.steps == ("scheme dynamic: 3.0 to 22.0 dB",)
    assert found.state.plan.target == NARROW


def test_what_gains_nothing_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    found = repaired(static(15.0, 15.1), None, monkeypatch)
    assert found.steps == ()
    assert found.state.plan.target == NARROW
