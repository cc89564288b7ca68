"""Layers of low rank: what is recovered, what is lost, and that only what is faster is replaced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from torch import nn

from edgemm.converters.passes import check_canonical
from edgemm.converters.prepare import prepare
from edgemm.errors import InputError
from edgemm.quantize.prune.graph.cost import total_macs, total_parameters
from edgemm.quantize.prune.graph.lowrank import Factored, factor_graph
from edgemm.quantize.prune.graph.lowrank.budget import Choice, chosen, path
from edgemm.quantize.prune.graph.lowrank.layers import splittable
from edgemm.quantize.prune.graph.lowrank.look import look
from edgemm.quantize.prune.graph.lowrank.split import Factors, split
from edgemm.quantize.prune.graph.trace import shape_of
from edgemm.quantize.prune.target import Target
from edgemm.quantize.reference import serialize

Data = list[dict[str, np.ndarray]]


def by_macs(models: Sequence[ir.Model], sample: Any) -> list[float]:
    """A clock that counts."""
    return [total_macs(each) / 1e6 for each in models]


def canonical(module: nn.Module, *shape: int) -> ir.Model:
    return prepare(module.eval(), (torch.zeros(1, *shape),)).model


def fully_connected(weight: np.ndarray, bias: np.ndarray) -> ir.Model:
    made = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : 17]> g (float[1,{weight.shape[1]}] x) => (float[1,{weight.shape[0]}] y) '
        "{ y = Gemm <transB=1> (x, w, b) }"
    )
    held = (onnx.numpy_helper.from_array(array, name) for name, array in (("w", weight), ("b", bias)))
    made.graph.initializer.extend(held)
    return prepare(ir.from_proto(made)).model


def run(model: ir.Model, data: Data) -> np.ndarray:
    session = onnxruntime.InferenceSession(serialize(model))
    return np.stack([session.run(None, each)[0] for each in data])


def lost(model: ir.Model, made: ir.Model, data: Data) -> float:
    """Energy of the difference, as a part of that of the output around its mean."""
    one, other = run(model, data), run(made, data)
    return float(((one - other) ** 2).sum() / ((one - one.mean(0)) ** 2).sum())


def inputs(model: ir.Model, count: int, draw: Callable[[tuple[int, ...]], np.ndarray]) -> Data:
    value = model.graph.inputs[0]
    shape = tuple(value.shape.numpy())  # type: ignore[union-attr]
    return [{str(value.name): draw(shape).astype(np.float32)} for _ in range(count)]


def noise(seed: int = 0) -> Callable[[tuple[int, ...]], np.ndarray]:
    return np.random.default_rng(seed).standard_normal


class Product(nn.Module):  # type: ignore[misc]
    """A matrix product without a bias, of several rows."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(96, 80, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)


LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "fully connected": (lambda: nn.Linear(96, 128), (96,)),
    "product with an addition behind it": (lambda: nn.Linear(96, 80), (7, 96)),
    "product alone": (Product, (7, 96)),
    "1x1 convolution": (lambda: nn.Conv2d(96, 64, 1), (96, 5, 4)),
    "3x3 convolution": (lambda: nn.Conv2d(48, 64, 3, 2, 1), (48, 9, 7)),
    "convolution over time": (lambda: nn.Conv1d(48, 64, 5, dilation=2, padding=3), (48, 20)),
}


def weight_of(module: nn.Module) -> torch.Tensor:
    return next(each for each in module.parameters() if each.dim() > 1)


def factored(
    model: ir.Model, data: Data, energy: float = 0.999, target: str = "macs=0.9", **rest: Any
) -> Factored:
    return factor_graph(model, data, Target.parse(target), energy, **{"latency": by_macs, **rest})


@pytest.mark.parametrize("name", LAYERS)
def test_a_weight_of_rank_16_is_recovered_to_float_precision(name: str) -> None:
    make, shape = LAYERS[name]
    torch.manual_seed(0)
    module = make()
    with torch.no_grad():
        weight = weight_of(module)
        flat = torch.randn(weight.shape[0], 16) @ torch.randn(16, weight[0].numel()) / 40
        weight.copy_(flat.reshape(weight.shape))
    model = canonical(module, *shape)
    data = inputs(model, 40, noise())
    made = factored(model, data, target="macs=0.01")
    assert [(each.kind, each.after) for each in made.report.removed] == [("rank", 16)]
    check_canonical(made.model)
    assert total_macs(made.model) < total_macs(model)
    one, other = run(model, inputs(model, 20, noise(1))), run(made.model, inputs(model, 20, noise(1)))
    np.testing.assert_allclose(other, one, atol=2e-6 * np.abs(one).max())  # float32 sums in another order


@pytest.mark.parametrize("name", LAYERS)
def test_inputs_of_few_directions_need_few_ranks_whatever_the_weight(name: str) -> None:
    """The plain truncation of the same weight would lose most of it."""
    make, shape = LAYERS[name]
    torch.manual_seed(0)
    model = canonical(make(), *shape)
    rng = np.random.default_rng(3)
    few = (
        2 if "convolution" in name and "1x1" not in name else 8
    )  # a channel's taps are directions of their own
    mixing = rng.standard_normal((few, shape[0] if "convolution" in name else shape[-1]))

    def draw(whole: tuple[int, ...]) -> np.ndarray:
        if "convolution" not in name:
            return rng.standard_normal((*whole[:-1], few)) @ mixing + 1.0
        return np.moveaxis(rng.standard_normal((1, *whole[2:], few)) @ mixing, -1, 1)

    made = factored(model, inputs(model, 60, draw), target="macs=0.01", energy=0.9999)
    assert made.report.removed[0].after <= 24
    assert lost(model, made.model, inputs(model, 30, draw)) < 1e-4


def truncated(weight: np.ndarray, rank: int) -> np.ndarray:
    """The best matrix of that rank, data unseen."""
    u, s, v = np.linalg.svd(weight.astype(np.float64), full_matrices=False)
    return np.asarray((u[:, :rank] * s[:rank]) @ v[:rank])


@pytest.mark.parametrize(
    ("samples", "alike"), [(6, False), (24, False), (200, False), (24, True), (200, True)]
)
@pytest.mark.parametrize("seed", range(3))
def test_output_error_is_at_most_that_of_the_weights_own_svd(samples: int, seed: int, alike: bool) -> None:
    """On other samples, at the same rank, also where few samples, or inputs without directions, say little."""
    torch.manual_seed(seed)
    layer = nn.Linear(80, 96)
    weight, bias = (each.detach().numpy() for each in (layer.weight, layer.bias))
    model = fully_connected(weight, bias)
    rng = np.random.default_rng(seed)
    scale = np.ones(80) if alike else np.exp(rng.standard_normal(80) * 1.5)
    data = inputs(model, samples, lambda shape: rng.standard_normal(shape) * scale)
    others = inputs(model, 400, lambda shape: rng.standard_normal(shape) * scale)
    (each,), _ = splittable(model, ())
    looked = look(model, [each], data, 0, lambda done, total: None)
    rows = np.concatenate([next(iter(one.values())) for one in others])
    right = rows @ weight.T + bias
    for rank in (8, 16, 32):
        factors = Factors(each, looked.spectra[each.name].kept(rank), looked.means[each.name])
        ours = run(split(model, {each.name: factors}), others)[:, 0]
        plain = rows @ truncated(weight, rank).T + bias
        slack = 1.02 if alike or samples < 100 else 1.0  # where all directions are alike, choosing is chance
        assert ((ours - right) ** 2).sum() <= slack * ((plain - right) ** 2).sum()


@pytest.mark.parametrize("name", ["fully connected", "product with an addition behind it", "1x1 convolution"])
def test_the_mean_output_stays_at_any_rank(name: str) -> None:
    """A bias makes up for what the missing directions had in the mean, before and after layers are fitted anew."""
    make, shape = LAYERS[name]
    torch.manual_seed(0)
    model = canonical(make(), *shape)
    rng = np.random.default_rng(0)
    data = inputs(model, 100, lambda whole: 2 + rng.standard_normal(whole))
    (each,), _ = splittable(model, ())
    seen = look(model, [each], data, 0, lambda done, total: None)
    factors = Factors(each, seen.spectra[each.name].kept(8), seen.means[each.name])
    made = factored(model, data, energy=0.1, target="macs=0.01")
    assert made.report.removed[0].after <= 16
    right = run(model, data)
    places = tuple(
        index for index in range(right.ndim) if index != (2 if "convolution" in name else right.ndim - 1)
    )
    for small in (split(model, {each.name: factors}), made.model):
        off = run(small, data).mean(places) - right.mean(places)
        assert (
            np.abs(off).max() < 0.1 * right.std(places).max()
        )  # what is missing has a mean of about twice that


class Two(nn.Module):  # type: ignore[misc]
    """Two large layers, the first with less work; what the second loses counts for little."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.last = nn.Linear(64, 64), nn.Linear(64, 128), nn.Linear(128, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(torch.relu(self.two(torch.relu(self.one(x)))))


@cache
def two() -> ir.Model:
    torch.manual_seed(0)
    return canonical(Two(), 64)


def names_of(model: ir.Model) -> list[str]:
    return [str(node.name) for node in model.graph if node.op_type == "Gemm"]


def test_the_target_is_met_by_ranks_of_multiples_of_eight() -> None:
    model = two()
    made = factored(model, inputs(model, 64, noise()), energy=0.01, target="macs=0.6")
    assert made.met
    assert 0.45 < total_macs(made.model) / total_macs(model) <= 0.6
    assert all(each.after % 8 == 0 and each.kind == "rank" for each in made.report.removed)
    assert made.report.before["macs"] == total_macs(model)
    assert made.report.after["macs"] == total_macs(made.model)


@pytest.mark.parametrize("target", ["macs=0.7", "parameters=0.7", "size=0.7"])
def test_no_rank_is_lower_than_the_target_asks_for(target: str) -> None:
    model = two()
    data = inputs(model, 64, noise())
    made = factored(model, data, energy=0.01, target=target)
    counts: dict[str, Callable[[ir.Model], int]] = {
        "macs": total_macs, "parameters": total_parameters, "size": lambda each: len(serialize(each)),
    }  # fmt: skip
    before, after = (counts[target.split("=")[0]](each) for each in (model, made.model))
    step = 8 * (64 + 128) * (4 if "size" in target else 1)  # of the larger layer
    assert 0.7 * before - 2 * step < after <= 0.7 * before


def test_energy_is_kept_in_each_layer() -> None:
    """Noise has no few directions: half the energy needs many ranks, and nearly all of it more than save MACs."""
    model = two()
    data = inputs(model, 256, noise())
    most = factored(model, data, energy=0.5, target="macs=0.01").report.removed
    assert not factored(model, data, energy=0.9999, target="macs=0.01").report.removed
    less = factored(model, data, energy=0.1, target="macs=0.01").report.removed
    assert {each.layer: each.after for each in less} != {each.layer: each.after for each in most}
    sizes = {each.layer: each.after for each in less}
    assert all(sizes[each.layer] <= each.after for each in most)
    for one in most:
        layer = next(each for each in splittable(model, ())[0] if each.name == one.layer)
        spectrum = look(model, [layer], data, 0, lambda done, total: None).spectra[one.layer]
        assert spectrum.errors[one.after] <= 0.5 < spectrum.errors[one.after - 8]


def test_the_error_that_is_told_is_that_of_other_samples() -> None:
    layer = nn.Linear(64, 64)
    model = fully_connected(layer.weight.detach().numpy(), layer.bias.detach().numpy())
    data = inputs(model, 400, noise(4))
    (each,), _ = splittable(model, ())
    seen = look(model, [each], data, 0, lambda done, total: None)
    factors = Factors(each, seen.spectra[each.name].kept(16), seen.means[each.name])
    found = lost(model, split(model, {each.name: factors}), inputs(model, 2000, noise(5)))
    assert seen.spectra[each.name].errors[16] == pytest.approx(found, rel=0.1)


def test_a_layer_that_is_not_faster_is_left_and_said_so() -> None:
    model = two()
    slow = names_of(model)[1]

    def clock(models: Sequence[ir.Model], sample: Any) -> list[float]:
        whole = next(iter(models))
        stands = [node for node in whole.graph if node.name == slow]
        return (
            [1.0, 0.96] if len(models) == 2 and stands and len(whole.graph) == 1 else by_macs(models, sample)
        )

    made = factored(model, inputs(model, 64, noise()), energy=0.01, target="macs=0.1", latency=clock)
    assert [each.layer for each in made.report.removed] == names_of(model)[:1]
    assert any(
        slow in note and "would not be faster" in note and "0.96 ms" in note for note in made.report.notes
    )


def test_a_rank_that_is_not_faster_gives_way_to_a_lower_one() -> None:
    """The clock says that two layers of more than rank 16 take longer."""
    model = two()

    def clock(models: Sequence[ir.Model], sample: Any) -> list[float]:
        ranks = [
            shape_of(node.outputs[0])[-1] for node in models[1].graph if str(node.name).endswith("_rank")
        ]
        return [1.0, 0.5 if ranks[0] <= 16 else 1.5]

    made = factored(model, inputs(model, 64, noise()), energy=0.01, target="macs=0.75", latency=clock)
    assert made.met
    assert made.report.removed
    assert all(each.after <= 16 for each in made.report.removed)


def test_layers_that_stay_are_listed_with_the_reason() -> None:
    model = two()
    one, _, last = names_of(model)
    notes = factored(
        model, inputs(model, 64, noise()), energy=0.01, target="macs=0.8", keep=[one]
    ).report.notes  # fmt: skip
    assert f"no low rank: {one}: it is kept by name" in notes
    assert f"no low rank: {last}: it is small" in notes
    notes = factored(model, inputs(model, 64, noise()), energy=0.999, target="macs=0.8").report.notes
    assert any("keeps 0.999 of its output's energy" in note for note in notes)


def test_a_layer_that_the_target_does_not_need_stays() -> None:
    model = two()
    made = factored(model, inputs(model, 64, noise()), energy=0.01, target="macs=0.97")
    assert len(made.report.removed) == 1
    assert any("the target is met without it" in note for note in made.report.notes)


def test_weights_that_two_layers_share_stay() -> None:
    weight = noise()((64, 64)).astype(np.float32)
    model = fully_connected(weight, np.zeros(64, np.float32))
    node = next(iter(model.graph))
    twin = ir.Node(
        "", "Gemm", [node.outputs[0], *node.inputs[1:]], list(node.attributes.values()), name="twin"
    )
    twin.outputs[0].name, twin.outputs[0].shape = "z", node.outputs[0].shape
    twin.outputs[0].type = node.outputs[0].type
    model.graph.append(twin)
    model.graph.outputs[:] = [twin.outputs[0]]
    notes = factored(model, inputs(model, 16, noise()), energy=0.01, target="macs=0.5").report.notes
    assert any("shares its weight" in note for note in notes)


def test_layers_behind_are_fitted_anew() -> None:
    model = two()
    data = inputs(model, 512, noise())
    made = factored(model, data, energy=0.01, target="macs=0.6")
    layers = {each.name: each for each in splittable(model, ())[0]}
    seen = look(model, list(layers.values()), data, 0, lambda done, total: None)
    plain = split(model, {
        each.layer: Factors(layers[each.layer], seen.spectra[each.layer].kept(each.after), seen.means[each.layer])
        for each in made.report.removed
    })  # fmt: skip
    others = inputs(model, 400, noise(9))
    assert lost(model, made.model, others) < 0.97 * lost(model, plain, others)


@pytest.mark.parametrize("energy", [0, 1, -0.5, 1.5, float("nan"), "much", True, None])
def test_energies_out_of_range_are_refused(energy: Any) -> None:
    model = two()
    with pytest.raises(InputError, match="above 0 and below"):
        factored(model, inputs(model, 8, noise()), energy=energy)


def test_no_data_and_unknown_layers_are_refused() -> None:
    model = two()
    with pytest.raises(InputError, match="calibration data"):
        factored(model, [])
    with pytest.raises(InputError, match="there is no such layer"):
        factored(model, inputs(model, 8, noise()), keep=["nowhere"])


def test_the_given_graph_stays_as_it_is() -> None:
    model = two()
    before = serialize(model)
    factored(model, inputs(model, 16, noise()), energy=0.01, target="macs=0.5")
    assert serialize(model) == before


def test_equal_calls_give_equal_graphs() -> None:
    model = two()
    data = inputs(model, 32, noise())
    one, other = (factored(model, data, energy=0.01, target="macs=0.5") for _ in range(2))
    assert serialize(one.model) == serialize(other.model)


def test_the_cheapest_loss_per_mac_goes_first() -> None:
    model = two()
    small, large, *_ = splittable(model, ())[0]
    dear = dict.fromkeys(small.ranks, 1.0)
    cheap = {rank: 0.001 * (100 - rank) for rank in large.ranks}
    choices = [Choice(small, small.ranks, dear), Choice(large, large.ranks, cheap)]
    states = path(choices)
    assert states[0] == {}
    assert set(states[1]) == {large.name}
    assert states[-1] == {small.name: 8, large.name: 8}
    saved = [small.saved(one.get(small.name, 64)) + large.saved(one.get(large.name, 64)) for one in states]
    assert saved == sorted(saved)
    need = large.saved(24)
    ranks, met = chosen(choices, lambda one: sum(
        each.saved(one.get(each.name, each.full)) for each in (small, large)) >= need)  # fmt: skip
    assert (ranks, met) == ({large.name: 24}, True)
    assert chosen(choices, lambda one: False) == (states[-1], False)


def test_a_layer_that_is_split_already_pays_for_the_rest_only() -> None:
    small, large, *_ = splittable(two(), ())[0]
    choices = [Choice(small, (8,), {8: 7.4}), Choice(large, (32, 40), {40: 1.0, 32: 4.2})]
    assert [large.saved(rank) for rank in (40, 32)] == [512, 2048]
    assert path(choices) == [
        {}, {large.name: 40}, {large.name: 32}, {large.name: 32, small.name: 8},
    ]  # fmt: skip


def test_what_is_left_over_goes_to_the_layer_that_loses_most() -> None:
    small, large, *_ = splittable(two(), ())[0]
    choices = [
        Choice(small, (8, 16, 24), {8: 0.9, 16: 0.8, 24: 0.7}), Choice(large, (8, 16), {8: 0.1, 16: 0.05}),
    ]  # fmt: skip
    found = chosen(choices, lambda one: sum(
        each.saved(one.get(each.name, each.full)) for each in (small, large)) >= 7000)  # fmt: skip
    assert found == ({small.name: 24, large.name: 8}, True)


def test_a_target_that_is_met_already_splits_nothing() -> None:
    small, *_ = splittable(two(), ())[0]
    assert chosen([Choice(small, (8,), {8: 0.0})], lambda one: True) == ({}, True)


def test_layers_that_would_save_little_of_the_network_stay() -> None:
    torch.manual_seed(0)
    model = canonical(
        nn.Sequential(nn.Linear(1024, 512), nn.ReLU(), nn.Linear(512, 32), nn.Linear(32, 24)), 1024
    )
    one, other, last = names_of(model)
    found, left = splittable(model, ())
    assert [each.name for each in found] == [one, other]
    assert left == {last: "it is small"}  # rank 8 saves 320 of half a million MACs


def test_a_rank_that_loses_nothing_is_not_raised_for_a_mild_target() -> None:
    """It saves MACs for nothing; and a higher rank than is needed to lose nothing is not taken either."""
    each = splittable(two(), ())[0][1]
    for free, wanted in ((each.ranks[0], each.ranks[0]), (24, 24)):
        lost = {rank: 1e-12 / rank if rank >= free else 0.1 for rank in each.ranks}  # rounding
        ranks, met = chosen([Choice(each, each.ranks, lost)], lambda one: bool(one))
        assert (ranks, met) == ({each.name: wanted}, True)
