"""The module that trains: which values round, what is shared, what learns, and what goes back into the graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from onnx import numpy_helper, parser

from edgemm.converters.passes import canonicalize
from edgemm.errors import InputError
from edgemm.quantize import calibrate, make_plan
from edgemm.quantize.constants import constant_of as array_of
from edgemm.quantize.declared import declared
from edgemm.quantize.target import Target, target

torch = pytest.importorskip("torch", reason="training needs PyTorch: pip install 'edgemm[torch]'")
from edgemm.quantize.aware import QuantizedNetwork, trained_graph  # noqa: E402

NARROW = target("cpu", "onnx")
G = np.random.default_rng(3)
WEIGHTS = {
    "w": G.standard_normal((4, 3, 3, 3)), "b": G.standard_normal(4), "v": G.standard_normal((4, 4, 1, 1)),
    "c": G.standard_normal(4), "two": np.array([4], np.int64),
}  # fmt: skip
TEXT = (
    "(float[1,3,8,8] x) => (float[1,8,4,4] y) { a = Conv<strides=[2,2], pads=[1,1,1,1]>(x, w, b) r = Relu(a) "
    "m = Conv(r, v, c) s = Sigmoid(m) y = Concat<axis=1>(r, m) }"
)


def made(text: str = TEXT, target: Target | str = "cpu", **options: Any) -> tuple[ir.Model, Any, Any]:
    proto = parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]> g {text}')
    for name, value in WEIGHTS.items():
        array = value.astype(np.float32) if value.dtype == np.float64 else value
        proto.graph.initializer.append(numpy_helper.from_array(array, name))
    model: ir.Model = ir.from_proto(proto)
    canonicalize(model)
    samples = [{"x": G.standard_normal((1, 3, 8, 8)).astype(np.float32)} for _ in range(8)]
    plan = make_plan(model, calibrate(model, samples), target=target, scheme="static")
    return model, plan, QuantizedNetwork(model, plan, **options)


def test_learned_scales_of_7_bits_cut_off_at_64_steps_and_are_found_again() -> None:
    model, _, net = made(target=NARROW, learned=True)
    with torch.no_grad():
        for each in net.constants.ratios:
            each.fill_(-0.4)
    graph = trained_graph(model, net)
    data = [{"x": each[None].numpy()} for each in samples(8)]
    again = make_plan(graph, calibrate(graph, data), target=NARROW, scheme="static")
    cut = 0
    for node in graph.graph:
        grid = again.weights.get((str(node.name), 1))
        if grid is not None and node.op_type == "Conv":
            array = array_of(node.inputs[1])  # type: ignore[arg-type]
            assert grid.steps == 64
            assert np.allclose(grid.dequantize(grid.quantize(array)), array, rtol=1e-5, atol=1e-8), (
                "rounded twice"
            )
            cut += int((np.abs(grid.quantize(array)) == 64).sum() > len(array))
    assert cut == 2, "both convolutions have more than one weight at the end of the grid"


def samples(count: int) -> Any:
    return torch.from_numpy(G.standard_normal((count, 3, 8, 8)).astype(np.float32))


def test_before_training_the_grids_are_those_of_the_plan() -> None:
    _, plan, net = made()
    for name, grid in net.grids().items():
        assert grid.same_as(plan.activations[name])


def test_several_samples_are_each_computed_as_one() -> None:
    _, _, net = made()
    x = samples(5)
    assert torch.equal(net(x), torch.cat([net(each[None]) for each in x]))


@pytest.mark.parametrize("shape", [(2, 3, 8, 7), (3, 8, 8), (0, 3, 8, 8)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    _, _, net = made()
    with pytest.raises(InputError, match=r"expected inputs of x \[1, 3, 8, 8\]"):
        net(torch.zeros(shape))


def train(net: Any, rounds: int = 3) -> None:
    torch.manual_seed(0)
    optimizer = torch.optim.Adam(net.parameters(), 0.02)
    x = samples(4)
    for _ in range(rounds):
        optimizer.zero_grad()
        net(x).square().mean().backward()
        optimizer.step()


def test_what_must_share_a_grid_still_does_after_training() -> None:
    _, plan, net = made()
    train(net)
    grids = net.grids()
    assert grids["y"].same_as(grids["r"])
    assert grids["y"].same_as(grids["m"])
    assert not grids["y"].same_as(plan.activations["y"]), "and it has moved"
    assert not grids["x"].same_as(plan.activations["x"])


def test_inputs_of_a_concat_of_any_grids_keep_theirs_in_training() -> None:
    _, plan, net = made(target=NARROW)
    train(net)
    grids = net.grids()
    assert grids["y"].same_as(grids["m"])
    assert (grids["r"].zero_point, plan.activations["r"].zero_point) == (-128, -128)
    assert not grids["r"].same_as(plan.activations["r"]), "and it has moved"


def test_the_right_side_of_a_product_stays_around_zero_in_training() -> None:
    text = (
        "(float[1,3,8,8] x) => (float[1,4,4,4] y) { a = Conv<strides=[2,2], pads=[1,1,1,1]>(x, w, b) "
        "m = Relu(a) t = Transpose<perm=[0,1,3,2]>(m) f = Conv(m, v, c) y = MatMul(f, t) }"
    )
    model, plan, net = made(text)
    train(net)
    grids = net.grids()
    assert [grids[name].zero_point for name in "mt"] == [0, 0]
    assert not grids["m"].same_as(plan.activations["m"]), "and it has moved"
    graph = trained_graph(model, net)
    again = make_plan(
        graph, calibrate(graph, [{"x": each[None].numpy()} for each in samples(4)]), scheme="static"
    )
    assert again.activations["t"].same_as(grids["t"])


def test_a_prescribed_grid_stays() -> None:
    text = "(float[1,3,8,8] x) => (float[1,4,6,6] s) { a = Conv(x, w, b) s = Sigmoid(a) }"
    _, _, net = made(text)
    train(net)
    assert net.grids()["s"].scalar == 1 / 256
    assert net.grids()["s"].zero_point == -128


def test_fixed_ranges_do_not_learn() -> None:
    _, plan, net = made(learned=False)
    assert net.scale_parameters() == []
    train(net)
    assert all(grid.same_as(plan.activations[name]) for name, grid in net.grids().items())


def test_a_symmetric_target_keeps_zero_points_of_zero() -> None:
    _, _, net = made(target="tensorrt")
    train(net)
    assert {grid.zero_point for grid in net.grids().values()} == {0}


def test_zero_stays_exact_and_a_relu_keeps_all_its_steps() -> None:
    text = "(float[1,3,8,8] x) => (float[1,4,4,4] r) { a = Conv<strides=[2,2], pads=[1,1,1,1]>(x, w, b) r = Relu(a) }"
    _, _, net = made(text)
    train(net, 20)
    assert net.grids()["r"].zero_point == -128


def test_gradients_reach_every_weight_and_scale() -> None:
    _, _, net = made()
    net(samples(4)).square().sum().backward()
    assert all(
        each.grad is not None and each.grad.abs().sum() > 0 for each in net.parameters() if each.requires_grad
    )


def test_the_planner_makes_the_trained_plan_again() -> None:
    model, plan, net = made()
    train(net, 10)
    graph = trained_graph(model, net)
    data = [{"x": each[None].numpy()} for each in samples(8)]
    again = make_plan(graph, calibrate(graph, data), target="cpu", scheme="static")
    assert again.precision == plan.precision
    for name, grid in net.grids().items():
        assert again.activations[name].same_as(grid), name
    seen = net.constants(net.ranges())
    for (node, index), grid in again.weights.items():
        value = next(each for each in graph.graph if each.name == node).inputs[index]
        if grid.dtype != "int8" or value is None or value.const_value is None:
            continue
        array = array_of(value)
        stored = grid.dequantize(grid.quantize(array))
        assert np.allclose(stored, seen[node, index].detach().numpy(), rtol=1e-5, atol=1e-8), "rounded twice"


def test_the_graph_before_training_is_left_alone() -> None:
    model, _, net = made()
    before = {name: array_of(value).copy() for name, value in model.graph.initializers.items()}
    train(net)
    trained_graph(model, net)
    assert all(
        np.array_equal(array_of(model.graph.initializers[name]), each) for name, each in before.items()
    )
    assert all(declared(value) is None for node in model.graph for value in node.outputs)


def test_equal_seeds_train_equal_numbers() -> None:
    global G
    states = []
    for _ in range(2):
        G = np.random.default_rng(3)
        _, _, net = made()
        train(net, 5)
        states.append(net.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_a_state_goes_on_where_it_was() -> None:
    _, _, net = made()
    train(net)
    _, _, other = made()
    other.load_state_dict(net.state_dict())
    x = samples(3)
    assert torch.equal(net(x), other(x))


@pytest.mark.parametrize(("end", "low", "high"), [(0, 2.0, 1.0), (1, 1.0, 2.0)])
def test_each_end_of_a_range_moves_by_itself(end: int, low: float, high: float) -> None:
    _, plan, net = made()
    with torch.no_grad():
        net.ranges.ends[:, end] = float(np.log(2.0))
    before, after = plan.activations["x"], net.grids()["x"]
    assert (-128 - after.zero_point) * after.scalar == pytest.approx(
        low * (-128 - before.zero_point) * before.scalar, abs=after.scalar
    )
    assert (127 - after.zero_point) * after.scalar == pytest.approx(
        high * (127 - before.zero_point) * before.scalar, abs=after.scalar
    )


@pytest.mark.parametrize("steps", [0, 100])
@pytest.mark.parametrize("target", ["cpu", "coral", NARROW], ids=["cpu", "coral", "narrow"])
def test_constants_are_computed_with_as_the_writers_store_them(
    steps: int, target: Target | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`steps`: weights that were integers before, on a grid that ends at so many steps and not at 127."""
    if steps:
        whole = G.integers(-steps, steps + 1, (4, 3, 3, 3))
        whole[:, 0, 0, 0] = steps
        monkeypatch.setitem(WEIGHTS, "w", whole * 0.0123)
    model, plan, net = made(target=target)
    seen = net.constants(net.ranges())
    checked = 0
    for node in model.graph:
        for index, value in enumerate(node.inputs):
            grid = plan.weights.get((str(node.name), index))
            if grid is not None and value is not None:
                stored = grid.dequantize(grid.quantize(array_of(value)))
                assert np.allclose(seen[str(node.name), index].detach().numpy(), stored, rtol=2e-6, atol=1e-9)
                checked += 1
    assert checked == 4, "two weights and two biases"
