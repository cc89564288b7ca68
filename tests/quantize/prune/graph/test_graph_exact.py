"""Channels that no layer reads: leaving them out changes nothing, says ONNX Runtime."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from graph_networks import NAMES, network, samples
from sweep import swept

from edgemm.quantize.prune.graph import prune_graph
from edgemm.quantize.prune.graph.cost import Costs, total_macs, total_parameters
from edgemm.quantize.prune.graph.cut import cut
from edgemm.quantize.prune.graph.groups import groups_of
from edgemm.quantize.prune.graph.operators import OPERATORS
from edgemm.quantize.prune.graph.trace import Trace, trace
from edgemm.quantize.prune.target import Target

SEEDS = swept(range(4), slice(2))
FLOAT = 2e-5
"""Of the largest output: sums in another order."""


def runs(model: ir.Model, given: dict[str, np.ndarray]) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString())
    return session.run(None, given)  # type: ignore[no-any-return]


def unread(model: ir.Model, gone: Collection[int]) -> tuple[ir.Model, Trace]:
    """A copy in which every layer multiplies these channels by zero, and its trace."""
    copy = model.clone()
    found = trace(copy, OPERATORS)
    for layer in found.layers:
        if layer.into is None:
            continue
        value = layer.node.inputs[1]
        array = np.array(value.const_value.numpy())  # type: ignore[union-attr]
        axis = 0 if layer.node.op_type in ("MatMul", "ConvTranspose") else 1
        zero = np.isin(found.channels.roots(layer.into), list(gone))
        np.moveaxis(array, axis, 0)[zero] = 0.0
        value.const_value = ir.tensor(array, name=value.name)  # type: ignore[union-attr]
    return copy, found


@pytest.mark.parametrize("name", NAMES)
def test_channels_that_nothing_reads_can_be_left_out(name: str) -> None:
    model = network(name)
    groups = groups_of(trace(model, OPERATORS))
    assert groups, "nothing is found to remove"
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        gone = [
            int(column)
            for group in groups
            for column in rng.permutation(group.columns)[: rng.integers(0, len(group.columns))]
            if all(column != part[seed % len(part)] for part in group.parts)
        ]
        whole, found = unread(model, gone)
        small = cut(whole, found, gone)
        onnx.checker.check_model(ir.to_proto(small), full_check=True)
        given = samples(model, 1, seed)[0]
        for expected, answer in zip(runs(whole, given), runs(small, given), strict=True):
            np.testing.assert_allclose(answer, expected, rtol=0, atol=FLOAT * np.abs(expected).max())


@pytest.mark.parametrize("name", NAMES)
def test_costs_are_those_of_the_graph_that_is_cut(name: str) -> None:
    model = network(name)
    found = trace(model, OPERATORS)
    costs = Costs(model, found)
    gone = [int(each) for group in groups_of(found) for each in group.columns[1::2]]
    small = cut(model, found, gone)
    assert costs.macs(costs.whole) == total_macs(model)
    assert costs.macs(costs.without(costs.whole, gone)) == total_macs(small) < total_macs(model)
    assert costs.parameters(costs.whole) >= total_parameters(model)
    if name != "transformer":  # two layers share one constant, of which different parts are left
        assert costs.parameters(costs.whole) == total_parameters(model)
        assert costs.parameters(costs.without(costs.whole, gone)) == total_parameters(small)


@pytest.mark.parametrize("name", ["residual", "dense", "depthwise", "u_net", "mlp", "patches", "grouped"])
def test_pruning_finds_the_channels_that_nothing_reads(name: str) -> None:
    model = network(name)
    groups = groups_of(trace(model, OPERATORS))
    gone = [int(each) for group in groups for each in group.columns[: len(group.columns) // 2]]
    whole, _ = unread(model, gone)
    data = samples(model, 24)
    pruned = prune_graph(whole, data[:16], Target("macs", 0.9))
    given = data[-1]
    for expected, answer in zip(runs(whole, given), runs(pruned.model, given), strict=True):
        np.testing.assert_allclose(answer, expected, rtol=0, atol=1e-3 * np.abs(expected).max())


def test_channels_that_are_gathered_from_the_end_are_followed() -> None:
    rng = np.random.default_rng(0)
    made = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 17]> g (float[1,3,5,5] x) => (float[1,2,5,5] y) {
        a = Conv <kernel_shape = [1,1], pads = [0,0,0,0]> (x, w, b)
        h = Gather <axis = 1> (a, i)
        y = Conv <kernel_shape = [1,1], pads = [0,0,0,0]> (h, v, c)
        }"""
    )
    sizes = {"w": (6, 3, 1, 1), "b": (6,), "v": (2, 4, 1, 1), "c": (2,)}
    held = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in sizes.items()}
    held["i"] = np.array([-1, 0, -4, 4], np.int64)
    made.graph.initializer.extend(onnx.numpy_helper.from_array(array, name) for name, array in held.items())
    model = ir.from_proto(onnx.shape_inference.infer_shapes(made))
    out = trace(model, OPERATORS).layers[0].out
    assert out is not None
    gone = out[[1, 4]].tolist()
    whole, found = unread(model, gone)
    given = {"x": rng.standard_normal((1, 3, 5, 5)).astype(np.float32)}
    small = cut(whole, found, gone)
    assert total_parameters(small) < total_parameters(whole)
    np.testing.assert_allclose(runs(small, given)[0], runs(whole, given)[0], atol=1e-5)


def test_what_a_product_of_tensors_sums_over_stays_and_what_it_passes_on_goes() -> None:
    made = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 17]> g (float[1,4,6] x) => (float[1,4,2] y) {
        [one] q = MatMul(x, wq)
        [two] k = MatMul(x, wk)
        [three] v = MatMul(x, wv)
        t = Transpose <perm = [0,2,1]> (k)
        s = MatMul(q, t)
        o = MatMul(s, v)
        [last] y = MatMul(o, wo)
        }"""
    )
    for name, shape in {"wq": (6, 8), "wk": (6, 8), "wv": (6, 8), "wo": (8, 2)}.items():
        made.graph.initializer.append(onnx.numpy_helper.from_array(np.ones(shape, np.float32), name))
    model = ir.from_proto(onnx.shape_inference.infer_shapes(made))
    assert [each.layers for each in groups_of(trace(model, OPERATORS))] == [("three",)]
