"""Two layers fitted together: what they read, the slopes against differences, and what it gains."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from graph_networks import samples
from onnx import TensorProto, helper, numpy_helper

from edgemm.converters.passes import canonicalize
from edgemm.quantize.prune.graph import Settings, prune_graph
from edgemm.quantize.prune.graph.aims import aims
from edgemm.quantize.prune.graph.compensate import features_left
from edgemm.quantize.prune.graph.cut import Cut
from edgemm.quantize.prune.graph.features import consumer
from edgemm.quantize.prune.graph.moments import AT_ONCE, Moments
from edgemm.quantize.prune.graph.newton import Basis, Problem, improve
from edgemm.quantize.prune.graph.operators import OPERATORS
from edgemm.quantize.prune.graph.pairs import Pair, PairRows, pair_of, places_between
from edgemm.quantize.prune.graph.trace import trace
from edgemm.quantize.prune.graph.watch import Watch, ends, output_error
from edgemm.quantize.prune.target import Target

RELU = (0.0, np.inf)


def two(between: str = "Relu", **back: Any) -> ir.Model:
    """Two convolutions with something between them, strided, padded and dilated."""
    rng = np.random.default_rng(3)
    shapes = {"w1": (6, 3, 3, 3), "b1": (6,), "w2": (4, 6, 3, 3), "b2": (4,)}
    arrays = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["h"], "one", pads=[0, 1, 1, 0], strides=[2, 1]),
        helper.make_node(between, ["h"], ["a"], "act"),
        helper.make_node("Conv", ["a", "w2", "b2"], ["y"], "two", **{"pads": [1, 2, 2, 1], **back}),
    ]
    size = onnx.shape_inference.infer_shapes
    ends_ = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 12, 10])]
    out = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    constants = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "g", ends_, out, constants)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    made: ir.Model = ir.from_proto(size(proto, strict_mode=True))
    canonicalize(made)
    return made


def the_pair(model: ir.Model) -> Pair | None:
    made = aims([consumer(each) for each in trace(model, OPERATORS).layers])
    return pair_of(made[-1], {each.consumer.layer.node: each.consumer for each in made})


@pytest.mark.parametrize("back", [{}, {"strides": [2, 2]}, {"dilations": [2, 1]}])
def test_two_matrices_on_the_rows_compute_what_the_graph_computes(back: dict[str, Any]) -> None:
    model = two(**back)
    pair = the_pair(model)
    assert pair is not None
    given = samples(model, 1)[0]
    expected = Watch(model, ["y"]).run(given)["y"]
    places = np.arange(expected[0, 0].size)
    used, taps = places_between(pair, places)
    weights = {node.name: [each.const_value.numpy() for each in node.inputs[1:]] for node in model.graph}  # type: ignore[union-attr]
    (w1, b1), (w2, b2) = weights["one"], weights["two"]
    rows = PairRows()
    rows.add(pair.front.rows(given["x"], used), taps, pair.back.results(expected, places), None)
    problem = Problem(rows, RELU, (-np.inf, np.inf))
    layers = [np.asarray(each, np.float32) for each in (pair.front.matrix(w1), b1, pair.back.matrix(w2), b2)]
    assert problem.error(tuple(layers)) < 1e-10 * float(np.mean(expected**2))  # type: ignore[arg-type]


@pytest.mark.parametrize("between", ["Sigmoid", "Tanh"])
def test_layers_with_another_activation_between_them_are_no_pair(between: str) -> None:
    assert the_pair(two(between)) is None


@pytest.mark.parametrize("taps", [True, False])
def test_features_that_are_left_are_those_of_the_weight_that_is_cut(taps: bool) -> None:
    model = two()
    found = trace(model, OPERATORS)
    one, last = found.layers
    assert one.out is not None
    plan = Cut(found, one.out[[0, 3]].tolist())
    each = consumer(last, taps=taps)
    weight = last.node.inputs[1].const_value.numpy()  # type: ignore[union-attr]
    left = each.matrix(weight[:, [1, 2, 4, 5]])
    np.testing.assert_array_equal(each.matrix(weight)[:, features_left(plan, each)], left)


def test_gathering_is_the_transpose_of_spreading() -> None:
    rng = np.random.default_rng(0)
    rows = PairRows()
    for _ in range(2):
        taps = np.stack(
            [rng.permutation(7)[:5], np.where(rng.random(5) < 0.4, -1, rng.permutation(7)[:5])], 1
        )
        rows.add(rng.random((7, 3), np.float32), taps, rng.random((5, 2), np.float32), None)
    problem = Problem(rows, RELU, RELU)
    made, slopes = rng.random((14, 4), np.float32), rng.random((10, 8), np.float32)
    one, other = (problem.spread(made) * slopes).sum(), (made * problem.gather(slopes, 4)).sum()
    assert one == pytest.approx(other, rel=1e-5)


def teacher(seed: int, count: int) -> PairRows:
    """Rows of a network of 3 channels between the layers: a perfect fit is possible."""
    rng = np.random.default_rng(seed)
    w = np.random.default_rng(1)
    one, two_ = w.standard_normal((3, 5)), w.standard_normal((4, 3))
    x = rng.standard_normal((count, 5)) * [1, 9, 1, 0.1, 1] + 2
    rows = PairRows()
    y = np.maximum(x @ one.T + 0.5, 0) @ two_.T - 1
    rows.add(x.astype(np.float32), np.arange(count)[:, None], y.astype(np.float32), None)
    return rows


def test_filters_in_front_are_found_again() -> None:
    fitting, judging = (Problem(teacher(*each), RELU, RELU) for each in ((5, 600), (6, 200)))
    w, rng = np.random.default_rng(1), np.random.default_rng(2)
    one, back = w.standard_normal((3, 5)), w.standard_normal((4, 3))
    start = (one + 0.3 * rng.standard_normal((3, 5)), np.full(3, 0.2), back, np.zeros(4))
    layers = tuple(np.asarray(each, np.float32) for each in start)
    made = improve(fitting, judging, layers)  # type: ignore[arg-type]
    assert judging.error(made) < 0.05 * judging.error(layers)  # type: ignore[arg-type]


def test_layers_that_cannot_be_improved_stay() -> None:
    fitting, judging = (Problem(teacher(*each), RELU, RELU) for each in ((5, 600), (6, 200)))
    w = np.random.default_rng(1)
    exact = (w.standard_normal((3, 5)), np.full(3, 0.5), w.standard_normal((4, 3)), np.full(4, -1.0))
    layers = tuple(np.asarray(each, np.float32) for each in exact)
    made = improve(fitting, judging, layers)  # type: ignore[arg-type]
    assert judging.error(made) <= judging.error(layers)  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [20, 300])
def test_a_basis_is_uncorrelated_with_fewer_rows_than_features_too(count: int) -> None:
    rng = np.random.default_rng(7)
    rows = (rng.standard_normal((count, 60)) @ rng.standard_normal((60, 60)) + 3).astype(np.float32)
    basis = Basis.of(rows)
    made = (rows - basis.mean) @ basis.into
    gram = made.T @ made / len(rows)
    assert gram.shape == (
        (19, 19) if count == 20 else (60, 60)
    )  # around the mean, 20 rows have 19 directions
    np.testing.assert_allclose(gram, np.diag(np.diag(gram)), atol=2e-4)
    assert np.median(np.diag(gram)) == pytest.approx(1, abs=0.01)
    matrix, bias = rng.standard_normal((4, 60)).astype(np.float32), np.ones(4, np.float32)
    inside, own = basis.enter(matrix, bias)
    right = rows @ matrix.T + bias
    np.testing.assert_allclose(made @ inside.T + own, right, atol=2e-4 * np.abs(right).max())
    step = rng.standard_normal(inside.shape).astype(np.float32), np.full(4, 0.5, np.float32)
    moved = basis.moved((matrix, bias), step)
    wanted = right + made @ step[0].T + step[1]
    np.testing.assert_allclose(rows @ moved[0].T + moved[1], wanted, atol=2e-4 * np.abs(wanted).max())


def test_layers_of_more_features_than_rows_are_improved() -> None:
    """What the rows do not show of a filter stays as it was."""
    rng = np.random.default_rng(8)
    wide, right = rng.standard_normal((40, 5)), rng.standard_normal((3, 40))
    start = right + 0.2 * rng.standard_normal((3, 40))
    sides = []
    for count in (24, 30):
        x = (rng.standard_normal((count, 5)) @ wide.T).astype(np.float32)
        rows = PairRows()
        rows.add(x, np.arange(count)[:, None], np.maximum(x @ right.T, 0).astype(np.float32), None)
        sides.append(Problem(rows, RELU, RELU))
    layers = tuple(np.asarray(each, np.float32) for each in (start, np.zeros(3), np.eye(3), np.zeros(3)))
    made = improve(sides[0], sides[1], layers)  # type: ignore[arg-type]
    assert sides[1].error(made) < 0.2 * sides[1].error(layers)  # type: ignore[arg-type]
    unseen = np.linalg.svd(wide.T)[2][5:]
    np.testing.assert_allclose(made[0] @ unseen.T, layers[0] @ unseen.T, atol=1e-4)


@pytest.mark.parametrize("sizes", [(1,) * 5, (AT_ONCE - 1, 1, 3), (AT_ONCE + 1,)])
def test_moments_are_those_of_all_rows(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    parts = [rng.standard_normal((size, 6)).astype(np.float32) for size in sizes]
    found = Moments.of(6)
    for each in parts:
        found.add(each)
    rows = np.concatenate(parts).astype(np.float64)
    assert found.count == len(rows)
    np.testing.assert_allclose(found.products, rows.T @ rows, atol=1e-3)
    np.testing.assert_allclose(found.covariance(centered=True), np.cov(rows.T, bias=True), atol=1e-5)


def test_pairs_lose_less_than_layers_alone() -> None:
    model = two()
    data = samples(model, 96)
    errors = []
    for pairs in (True, False):
        small = prune_graph(model, data[:64], Target("macs", 0.6), settings=Settings(pairs=pairs)).model
        one, other = Watch(model, ends(model)), Watch(small, ends(model))
        errors.append(
            output_error([one.run(each) for each in data[64:]], [other.run(each) for each in data[64:]])
        )
    assert errors[0] < 0.98 * errors[1]
