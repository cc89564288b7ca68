"""Mixed plans under prices that are set here, against all assignments there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from edgemm.costs import CostTable
from edgemm.errors import ConversionError, InputError
from edgemm.quantize import Calibration, calibrate, check_plan, make_plan
from edgemm.quantize.costs import Cost
from edgemm.quantize.legality import dynamic_weights, is_real, may_be_hybrid
from edgemm.quantize.plan import Plan, Precision
from edgemm.quantize.prices import Prices

TEXT = """net (float[1,4,8,8] x) => (float[1,4,8,8] y) {
  [one] a = Conv <pads = [1, 1, 1, 1]> (x, w)
  [act] b = HardSwish (a)
  [two] c = Conv <pads = [1, 1, 1, 1]> (b, w)
  [sum] d = Add (b, c)
  [three] y = Conv <pads = [1, 1, 1, 1]> (d, w)
}"""
NODES = ("one", "act", "two", "sum", "three")


@dataclass(frozen=True, eq=False)
class SetPrices(Prices):
    """Prices by node and precision; a change to integers costs `change`, one back to float a third of it."""

    set: Mapping[tuple[str, Precision], float]
    change: float
    lone: float = 0.0

    def lone_pool(self, pool: ir.Node) -> float:
        return self.lone

    def cost(self, model: ir.Model, plan: Plan) -> Cost:
        nodes = {
            str(node.name): self.set[str(node.name), plan.precision.get(str(node.name), Precision.FLOAT)]
            for node in model.graph
        }
        told = _changed(model, plan, self.float_ends)
        changes = sum(self.changes(value)[0 if to_integers else 1] for value, to_integers in told)
        return Cost(sum(nodes.values()) + changes, nodes, changes)

    def changes(self, value: ir.Value) -> tuple[float, float]:
        return self.change, self.change / 3.0


def _changed(model: ir.Model, plan: Plan, float_ends: bool) -> Iterator[tuple[ir.Value, bool]]:
    """Each value that is stored both ways, and whether to integers: by hand."""
    for value in [*model.graph.inputs, *(each for node in model.graph for each in node.outputs)]:
        if not is_real(value):
            continue
        maker = value.producer()
        readers = {plan.is_int8(str(each.name)) for each in value.consumers()}
        if float_ends and value.is_graph_output():
            readers.add(False)
        if maker is not None and plan.is_int8(str(maker.name)):
            if False in readers:
                yield value, False
        elif maker is not None or float_ends:
            if True in readers:
                yield value, True
        elif readers == {True, False}:  # an integer input of the file
            yield value, False


def network(build: Any, noise: Any, weights: Any) -> tuple[ir.Model, Calibration]:
    model: ir.Model = build(TEXT, w=weights(4, 4, 3, 3))
    return model, calibrate(model, noise(model))


def prices(format_: str, change: float, **given: tuple[float, float, float]) -> SetPrices:
    """Node -> its time in float, on integers, with int8 weights."""
    kinds = (Precision.FLOAT, Precision.INT8, Precision.DYNAMIC)
    found = {
        (name, kind): time for name, times in given.items() for kind, time in zip(kinds, times, strict=True)
    }
    found |= {(name, Precision.HYBRID): times[2] for name, times in given.items()}
    return SetPrices(format_, CostTable.built_in("vnni"), found, change)


def cheapest(model: ir.Model, plan: Plan, told: SetPrices) -> float:
    """Of every assignment there is."""
    found = []
    ways = [
        [
            each
            for each in Precision
            if each is not Precision.HYBRID and (each is not Precision.DYNAMIC or dynamic_weights(node))
        ]
        for node in model.graph
    ]
    for way in product(*ways):
        precision = dict(zip((str(node.name) for node in model.graph), way, strict=True))
        found.append(told.total(model, replace(plan, precision=precision)))
    return min(found)


@pytest.mark.parametrize("format_", ["tflite", "onnx"])
@pytest.mark.parametrize("seed", range(8))
def test_no_assignment_is_much_cheaper(build: Any, noise: Any, weights: Any, format_: str, seed: int) -> None:
    model, ranges = network(build, noise, weights)
    random = np.random.default_rng(seed)
    given = {
        name: tuple(float(each) for each in random.choice([2.0, 4.0, 8.0, 16.0, 32.0], 3)) for name in NODES
    }
    told = prices(format_, float(random.choice([0.5, 4.0])), **given)  # type: ignore[arg-type]
    plan = make_plan(model, ranges, scheme="mixed", prices=told)
    check_plan(model, plan)
    # 5 % are asked of integers, and 1 % of the whole of weights in float
    assert told.total(model, plan) <= 1.08 * cheapest(model, plan, told)


def test_an_operator_that_is_slow_on_integers_stays_float_between_two_that_are_not(
    build: Any, noise: Any, weights: Any
) -> None:
    model, ranges = network(build, noise, weights)
    given = dict.fromkeys(NODES, (20.0, 5.0, 20.0)) | {"act": (2.0, 300.0, 2.0)}
    plan = make_plan(model, ranges, scheme="mixed", prices=prices("tflite", 1.0, **given))
    assert {name for name in NODES if plan.is_int8(name)} == {"one", "two", "sum", "three"}
    assert plan.precision["act"] is Precision.FLOAT
    assert plan.scheme == "mixed"
    assert any("1 operators" in note for note in plan.notes)


@pytest.mark.parametrize(("on_integers", "integers"), [(5.0, 5), (10.0, 4)])
def test_a_mixture_that_saves_less_than_predictions_are_off_is_integers_everywhere(
    build: Any, noise: Any, weights: Any, on_integers: float, integers: int
) -> None:
    """HardSwish takes 4 in float and less than 1 for the changes: of 25 and 30 in all, that saves under 1 and 5."""
    model, ranges = network(build, noise, weights)
    given = dict.fromkeys(NODES, (20.0, 5.0, 20.0)) | {"act": (4.0, on_integers, 4.0)}
    plan = make_plan(model, ranges, scheme="mixed", prices=prices("tflite", 0.25, **given))
    assert sum(plan.is_int8(name) for name in NODES) == integers
    assert plan.scheme == "mixed"


def test_changes_that_cost_more_than_integers_save_are_not_made(build: Any, noise: Any, weights: Any) -> None:
    model, ranges = network(build, noise, weights)
    given = dict.fromkeys(NODES, (20.0, 19.0, 12.0)) | {"act": (2.0, 3.0, 2.0), "sum": (2.0, 1.0, 2.0)}
    plan = make_plan(model, ranges, scheme="mixed", prices=prices("onnx", 6.0, **given))
    assert not any(plan.is_int8(name) for name in NODES)
    assert {plan.precision[name] for name in ("one", "two", "three")} <= {Precision.DYNAMIC, Precision.HYBRID}


def test_float_nodes_stay_float(build: Any, noise: Any, weights: Any) -> None:
    model, ranges = network(build, noise, weights)
    told = prices("tflite", 1.0, **dict.fromkeys(NODES, (20.0, 5.0, 5.0)))
    plan = make_plan(model, ranges, scheme="mixed", prices=told, float_nodes=["two"])
    assert plan.precision["two"] is Precision.FLOAT
    assert ("two", 1) not in plan.weights
    assert any("two Conv: float, named in float_nodes" in note for note in plan.notes)


def test_a_change_to_float_is_paid_as_such(build: Any, noise: Any, weights: Any) -> None:
    """One layer saves 15; making its output float again costs 10, while integers of a float value would cost 30."""
    model, ranges = network(build, noise, weights)
    given = dict.fromkeys(NODES, (20.0, 900.0, 20.0)) | {"one": (20.0, 5.0, 20.0)}
    plan = make_plan(model, ranges, scheme="mixed", prices=prices("tflite", 30.0, **given))
    assert [name for name in NODES if plan.is_int8(name)] == ["one"]


@dataclass(frozen=True, eq=False)
class InPieces(SetPrices):
    """The whole takes longer by 100 where integers are in it: what no node and no change tells."""

    def cost(self, model: ir.Model, plan: Plan) -> Cost:
        found = super().cost(model, plan)
        whole = 100.0 * any(plan.is_int8(name) for name in NODES)
        return replace(found, total_us=found.total_us + whole)


def test_what_the_whole_loses_is_given_back(build: Any, noise: Any, weights: Any) -> None:
    model, ranges = network(build, noise, weights)
    told = prices("tflite", 1.0, **dict.fromkeys(NODES, (20.0, 10.0, 20.0)))
    assert make_plan(model, ranges, scheme="mixed", prices=told).is_int8("one")
    dearer = InPieces(told.format, told.table, told.set, told.change)
    assert not make_plan(model, ranges, scheme="mixed", prices=dearer).is_int8("one")


def test_dynamic_convolutions_quantize_what_they_read_where_that_is_faster(
    build: Any, noise: Any, weights: Any
) -> None:
    model, _ = network(build, noise, weights)
    told = prices("tflite", 1.0, **dict.fromkeys(NODES, (20.0, 5.0, 20.0)))
    told.set["two", Precision.HYBRID] = 5.0  # type: ignore[index]
    told.set["three", Precision.HYBRID] = 50.0  # type: ignore[index]
    plan = make_plan(model, None, scheme="dynamic", prices=told)
    found = [plan.precision[name] for name in ("two", "three")]
    assert found == [Precision.HYBRID, Precision.DYNAMIC]
    assert (
        make_plan(model, None, scheme="dynamic", prices=replace(told, format="onnx")).precision["two"]
        is Precision.DYNAMIC
    )
    assert make_plan(model, None, scheme="dynamic").precision["two"] is Precision.DYNAMIC
    assert all(
        may_be_hybrid(node) for node in model.graph if plan.precision[str(node.name)] is Precision.HYBRID
    )


def test_mixed_needs_ranges_and_prices(build: Any, noise: Any, weights: Any) -> None:
    model, ranges = network(build, noise, weights)
    with pytest.raises(InputError, match="calibration"):
        make_plan(model, None, scheme="mixed", prices=prices("tflite", 1.0))
    with pytest.raises(InputError, match="prices"):
        make_plan(model, ranges, scheme="mixed")
    with pytest.raises(InputError, match="coral"):
        make_plan(model, ranges, scheme="mixed", target="coral", prices=prices("tflite", 1.0))


def test_only_a_mixed_plan_has_all_kinds(build: Any, noise: Any, weights: Any) -> None:
    model, ranges = network(build, noise, weights)
    given = dict.fromkeys(NODES, (20.0, 5.0, 20.0)) | {"two": (20.0, 19.0, 3.0)}
    plan = make_plan(model, ranges, scheme="mixed", prices=prices("tflite", 1.0, **given))
    check_plan(model, plan)
    assert {Precision.INT8, Precision.HYBRID} <= set(plan.precision.values()) or {
        Precision.INT8,
        Precision.DYNAMIC,
    } <= set(plan.precision.values())
    with pytest.raises(ConversionError, match="dynamic in a plan of scheme static"):
        check_plan(model, replace(plan, scheme="static"))
    with pytest.raises(ConversionError, match="integer in a plan of scheme dynamic"):
        check_plan(model, replace(plan, scheme="dynamic"))


@pytest.mark.parametrize(("format_", "integer"), [("onnx", False), ("tflite", True)])
def test_integers_of_an_onnx_file_do_not_begin_with_a_pool(
    build: Any, noise: Any, weights: Any, format_: str, integer: bool
) -> None:
    model = build(
        """net (float[1,4,8,8] x) => (float[1,4,8,8] y) {
          [one] a = Conv <pads = [1, 1, 1, 1]> (x, w)
          [pool] b = MaxPool <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (a)
          [two] c = Conv <pads = [1, 1, 1, 1]> (b, w)
          [last] y = MaxPool <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (c)
        }""",
        w=weights(4, 4, 3, 3),
    )
    told = prices(
        format_,
        0.5,
        one=(5.0, 50.0, 5.0),
        pool=(20.0, 1.0, 20.0),
        two=(50.0, 5.0, 50.0),
        last=(20.0, 1.0, 20.0),
    )
    plan = make_plan(model, calibrate(model, noise(model)), scheme="mixed", prices=told)
    assert {name: plan.is_int8(name) for name in ("one", "pool", "two", "last")} == {
        "one": False,
        "pool": integer,
        "two": True,
        "last": True,
    }


@pytest.mark.parametrize(("lone", "integer"), [(0.0, True), (10.0, True), (40.0, False)])
def test_integers_behind_a_pool_of_float_numbers_pay_for_the_pool(
    build: Any, noise: Any, weights: Any, lone: float, integer: bool
) -> None:
    """The runtime makes integers in front of the pool, wherever the plan does: the second convolution saves 30."""
    model = build(
        """net (float[1,4,8,8] x) => (float[1,4,8,8] y) {
          [one] a = Conv <pads = [1, 1, 1, 1]> (x, w)
          [act] r = Relu (a)
          [pool] b = MaxPool <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (r)
          [two] y = Conv <pads = [1, 1, 1, 1]> (b, w)
        }""",
        w=weights(4, 4, 3, 3),
    )
    given = {"one": (5.0, 500.0, 5.0), "act": (0.0,) * 3, "pool": (2.0, 1.0, 2.0), "two": (50.0, 20.0, 50.0)}
    told = replace(prices("onnx", 0.5, **given), lone=lone)
    plan = make_plan(model, calibrate(model, noise(model)), scheme="mixed", prices=told)
    assert plan.is_int8("two") is integer
    assert not plan.is_int8("one")
