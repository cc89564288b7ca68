"""A weight that several layers use stays one weight: it is pruned alike for all of them, or not at all."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from graph_networks import samples
from onnx import numpy_helper, parser

from edgemm.converters.passes import canonicalize
from edgemm.quantize.prune.graph import Pruned, prune_graph
from edgemm.quantize.prune.graph.cost import Costs, total_macs, total_parameters
from edgemm.quantize.prune.graph.cut import cut
from edgemm.quantize.prune.graph.groups import groups_of
from edgemm.quantize.prune.graph.operators import OPERATORS
from edgemm.quantize.prune.graph.shared import share_again
from edgemm.quantize.prune.graph.trace import trace
from edgemm.quantize.prune.target import Target
from edgemm.quantize.reference import Reference

SCALES = """(float[1,3,16,16] x) => (float[1,4,16,16] y, float[1,4,8,8] z) {
    a = Conv<pads=[1,1,1,1]>(x, stem, bias)
    b = Relu(a)
    half = AveragePool<kernel_shape=[2,2], strides=[2,2]>(b)
    c = Conv<pads=[1,1,1,1]>(b, shared, bias)
    d = Conv<pads=[1,1,1,1]>(half, shared, bias)
    e = Relu(c)
    f = Relu(d)
    y = Conv(e, last)
    z = Conv(f, last)
}"""
STEPS = """(float[1,12] x) => (float[1,4] y) {
    a = MatMul(x, first)
    b = Tanh(a)
    c = MatMul(b, again)
    d = Tanh(c)
    e = MatMul(d, again)
    f = Tanh(e)
    y = MatMul(f, out)
}"""
ALSO_ADDED = """(float[16,12] x) => (float[16,4] y) {
    a = MatMul(x, first)
    h = Relu(a)
    m = MatMul(h, middle)
    b = Relu(m)
    c = Gemm<transB=1>(b, again, bias)
    d = Add(c, again)
    e = Relu(d)
    y = MatMul(e, out)
}"""
CASES: dict[str, tuple[str, dict[str, tuple[int, ...]]]] = {
    "several scales": (SCALES, {"stem": (32, 3, 3, 3), "bias": (32,), "shared": (32, 32, 3, 3), "last": (4, 32, 1, 1)}),
    "steps": (STEPS, {"first": (12, 16), "again": (16, 16), "out": (16, 4)}),
    "also added": (
        ALSO_ADDED,
        {"first": (12, 64), "middle": (64, 16), "bias": (16,), "again": (16, 16), "out": (16, 4)},
    ),
}  # fmt: skip


def graph(case: str) -> ir.Model:
    text, shapes = CASES[case]
    proto = parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]> g {text}')
    rng = np.random.default_rng(0)
    for name, shape in shapes.items():
        array = rng.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32)
        proto.graph.initializer.append(numpy_helper.from_array(array, name))
    model: ir.Model = ir.from_proto(proto)
    source = model.clone()
    canonicalize(model)
    share_again(model, source)
    assert matrices(model) == len([each for each in shapes.values() if len(each) > 1])
    return model


def pruned(case: str) -> tuple[ir.Model, Pruned]:
    model = graph(case)
    return model, prune_graph(model, samples(model, 24), Target("macs", 0.7))


def matrices(model: ir.Model) -> int:
    """Weights of more than one dimension that the file holds."""
    return sum(
        sum(size > 1 for size in value.const_value.shape.numpy()) > 1  # type: ignore[union-attr]
        for value in model.graph.initializers.values()
    )


@pytest.mark.parametrize("case", CASES)
def test_the_number_of_weights_stays(case: str) -> None:
    model, made = pruned(case)
    assert matrices(made.model) == matrices(model)
    assert total_macs(made.model) <= 0.7 * total_macs(model)
    assert total_parameters(made.model) < total_parameters(model)


@pytest.mark.parametrize("case", CASES)
def test_it_runs_and_outputs_keep_their_sizes(case: str) -> None:
    model, made = pruned(case)
    (sample,) = samples(model, 1, 1)
    one, other = Reference(model).run(sample), Reference(made.model).run(sample)
    assert {name: each.shape for name, each in one.items()} == {
        name: each.shape for name, each in other.items()
    }
    for name, each in one.items():
        assert np.corrcoef(each.reshape(-1), other[name].reshape(-1))[0, 1] > 0.5


@pytest.mark.parametrize("case", CASES)
def test_costs_are_those_of_the_graph_that_is_cut(case: str) -> None:
    model = graph(case)
    found = trace(model, OPERATORS)
    groups, costs = groups_of(found), Costs(model, found)
    assert costs.parameters(costs.whole) >= total_parameters(model)
    for count in (0, 3, 7):
        gone = [int(each) for group in groups for each in group.columns[:count]]
        made = cut(model, found, gone)
        counts = costs.without(costs.whole, gone)
        assert costs.macs(counts) == total_macs(made)
        vectors = 2 * (32 - count) if case == "several scales" else 0  # each layer may get a bias of its own
        assert total_parameters(made) <= costs.parameters(counts) <= total_parameters(made) + vectors


def test_equal_weights_of_a_source_that_holds_each_of_them_stay_apart() -> None:
    text = "(float[1,8] x) => (float[1,8] y) { a = Gemm<transB=1>(x, one) b = Relu(a) y = Gemm<transB=1>(b, two) }"
    proto = parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]> g {text}')
    for name in ("one", "two"):
        proto.graph.initializer.append(numpy_helper.from_array(np.eye(8, dtype=np.float32), name))
    model: ir.Model = ir.from_proto(proto)
    assert share_again(model, model.clone()) == 0
    assert matrices(model) == 2


def test_a_bias_that_becomes_several_is_said() -> None:
    _, made = pruned("several scales")
    values = [node.inputs[2] for node in made.model.graph if node.op_type == "Conv" and len(node.inputs) > 2]
    assert len({str(each.name) for each in values if each is not None}) > 1
    assert any("'bias'" in note for note in made.report.notes)
