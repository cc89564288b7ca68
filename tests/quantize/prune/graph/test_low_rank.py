"""Layers of low rank: what is recovered, what is lost, and that only what is faster is replaced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from torch import nn

from edgemm.converters.passes import check_canonical
from edgemm.converters.prepare import prepare
from edgemm.errors import InputError
from edgemm.quantize.prune.graph.cost import total_macs
from edgemm.quantize.prune.graph.lowrank import Factored, factor_graph
from edgemm.quantize.prune.graph.lowrank.budget import Choice, chosen, path
from edgemm.quantize.prune.graph.lowrank.layers import splittable
from edgemm.quantize.prune.graph.lowrank.look import look
from edgemm.quantize.prune.graph.lowrank.split import Factors, split
from edgemm.quantize.prune.target import Target
from edgemm.quantize.reference import serialize

Data = list[dict[str, np.ndarray]]


def by_macs(models: Sequence[ir.Model], sample: Any) -> list[float]:
    """A clock that counts."""
    return [total_macs(each) / 1e6 for each in models]


def canonical(module: nn.Module, *shape: int) -> ir.Model:
    return prepare(module.eval(), (torch.zeros(1, *shape),)).model


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


def factored(model: ir.Model, data: Data, energy: float = 0.999, target: str = "macs=0.9", **rest: Any) -> Factored:
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
    few = 2 if "convolution" in name and "1x1" not in name else 8  # a channel's taps are directions of their own
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
    return (u[:, :rank] * s[:rank]) @ v[:rank]


@pytest.mark.parametrize("samples", [6, 24, 200])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("alike", [True, False])
def test_output_error_is_at_most_that_of_the_weights_own_svd(samples: int, seed: int, alike: bool) -> None:
    """On other samples, at the same rank, also where few samples, or inputs without directions, say little."""
    torch.manual_seed(seed)
    layer = nn.Linear(80, 96)
    model = canonical(layer, 80)
    rng = np.random.default_rng(seed)
    scale = np.ones(80) if alike else np.exp(rng.standard_normal(80) * 1.5)
    data = inputs(model, samples, lambda shape: rng.standard_normal(shape) * scale)
    others = inputs(model, 400, lambda shape: rng.standard_normal(shape) * scale)
    (each,), _ = splittable(model, ())
    looked = look(model, [each], data, 0, lambda done, total: None)
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    rows = np.concatenate([next(iter(one.values())) for one in others])
    right = rows @ weight.T + bias
    for rank in (8, 16, 32):
        factors = Factors(each, looked.spectra[each.name].kept(rank), looked.means[each.name])
        ours = run(split(model, {each.name: factors}), others)[:, 0]
        plain = rows @ truncated(weight, rank).T + bias
        slack = 1.02 if alike or samples < 100 else 1.0  # where all directions are alike, choosing is chance
        assert ((ours - right) ** 2).sum() <= slack * ((plain - right) ** 2).sum()
