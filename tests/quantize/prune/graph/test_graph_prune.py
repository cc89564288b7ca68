"""Targets, layers kept by name, and how much compensation regains."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import onnx_ir as ir
import pytest
from graph_networks import network, samples
from sweep import swept

from edgemm.errors import InputError, LatencyMissed
from edgemm.quantize.prune.graph import Settings, prune_graph
from edgemm.quantize.prune.graph.allocate import stops
from edgemm.quantize.prune.graph.cost import total_macs, total_parameters
from edgemm.quantize.prune.graph.groups import Group
from edgemm.quantize.prune.graph.rank import Ranking
from edgemm.quantize.prune.graph.watch import Watch, ends, output_error
from edgemm.quantize.prune.target import Target
from edgemm.quantize.reference import serialize

TARGETS = list(product(("transformer", "dcgan_g", "shuffle"), ("macs", "parameters", "size")))


@pytest.mark.parametrize(("name", "measure"), swept(TARGETS, slice(None, None, 4)))
def test_a_target_is_met_and_inputs_and_outputs_stay(name: str, measure: str) -> None:
    model = network(name)
    target = Target(measure, 0.85)  # type: ignore[arg-type]
    made = prune_graph(model, samples(model, 12), target).model
    counts: dict[str, Callable[[ir.Model], int]] = {
        "macs": total_macs,
        "parameters": total_parameters,
        "size": lambda each: len(serialize(each)),
    }
    assert counts[measure](made) <= 0.85 * counts[measure](model)
    for before, after in ((model.graph.inputs, made.graph.inputs), (model.graph.outputs, made.graph.outputs)):
        assert [(v.name, v.shape) for v in before] == [(v.name, v.shape) for v in after]


def error(model: ir.Model, small: ir.Model, data: list[dict[str, np.ndarray]]) -> float:
    one, other = Watch(model, ends(model)), Watch(small, ends(model))
    return output_error([one.run(each) for each in data], [other.run(each) for each in data])


@pytest.mark.parametrize("name", ["plain", "residual", "inverted", "transformer"])
def test_compensation_loses_less_than_half_of_what_the_norm_alone_loses(name: str) -> None:
    model, data = network(name), samples(network(name), 96)
    plain = Settings(rank="norm", compensate=False, spread="even")
    ours, norm = (
        prune_graph(model, data[:64], Target("macs", 0.7), settings=each) for each in (Settings(), plain)
    )
    assert error(model, ours.model, data[64:]) < 0.5 * error(model, norm.model, data[64:])


def test_a_layer_that_is_kept_keeps_its_channels() -> None:
    model = network("residual")
    data = samples(model, 8)
    removed = prune_graph(model, data, Target("macs", 0.7)).report.removed
    kept = removed[0].layer
    again = prune_graph(model, data, Target("macs", 0.7), keep=[kept]).report.removed
    assert again
    assert kept not in [each.layer for each in again]


def test_layers_that_a_sum_joins_lose_the_same_number() -> None:
    model = network("residual")
    names = [str(node.name) for node in model.graph if node.op_type == "Conv"]
    inside, joined = names[1::2], names[0::2]
    report = prune_graph(model, samples(model, 8), Target("macs", 0.6), keep=inside).report
    assert [each.layer for each in report.removed] == joined
    assert len({each.after for each in report.removed}) == 1


def test_heads_are_removed_whole() -> None:
    model = network("patches")
    report = prune_graph(model, samples(model, 8), Target("macs", 0.6)).report
    heads = {(each.before, each.after) for each in report.removed if each.kind == "heads"}
    assert len(heads) == 1
    assert {before for before, _ in heads} == {4}


def test_equal_calls_give_equal_graphs() -> None:
    model, data = network("u_net"), samples(network("u_net"), 8)
    one, other = (serialize(prune_graph(model, data, Target("macs", 0.7)).model) for _ in range(2))
    assert one == other


def test_the_source_is_left_as_it_is() -> None:
    model = network("grouped")
    before = serialize(model)
    prune_graph(model, samples(model, 8), Target("macs", 0.7))
    assert serialize(model) == before


def test_a_target_that_cannot_be_reached_names_the_nearest_and_that_one_is_reached() -> None:
    model, data = network("patches"), samples(network("patches"), 8)
    with pytest.raises(InputError, match="the nearest is macs=") as told:
        prune_graph(model, data, Target("macs", 0.05))
    nearest = float(str(told.value).split("macs=")[2].split(". ")[0])
    assert prune_graph(model, data, Target("macs", nearest)).report.left("macs") <= nearest


def test_a_latency_target_takes_the_largest_network_that_is_fast_enough() -> None:
    model, data = network("residual"), samples(network("residual"), 8)

    def by_work(models: Sequence[ir.Model]) -> list[float]:
        return [total_macs(each) / 1e6 for each in models]

    whole = total_macs(model) / 1e6
    report = prune_graph(model, data, Target("ms", 0.6 * whole), latency=by_work).report
    assert 0.4 < report.left("macs") <= 0.6
    with pytest.raises(LatencyMissed, match="the nearest measured here is ms="):
        prune_graph(model, data, Target("ms", 0.001 * whole), latency=by_work)
    with pytest.raises(InputError, match="is met without pruning"):
        prune_graph(model, data, Target("ms", 2 * whole), latency=by_work)


def test_a_machine_that_slows_down_does_not_change_what_is_removed() -> None:
    """Each measurement is half as slow again as the one before: whole and pruned networks alike."""
    model, data = network("residual"), samples(network("residual"), 8)
    whole = total_macs(model) / 1e6
    turn = 0

    def slower(models: Sequence[ir.Model]) -> list[float]:
        nonlocal turn
        turn += 1
        return [1.5**turn / 1.5 * total_macs(each) / 1e6 for each in models]

    def steady(models: Sequence[ir.Model]) -> list[float]:
        return [total_macs(each) / 1e6 for each in models]

    found = [
        prune_graph(model, data, Target("ms", 0.6 * whole), latency=clock).report.removed
        for clock in (steady, slower)
    ]
    assert found[0] == found[1]


def test_a_wrong_layer_name_gets_a_near_hint() -> None:
    model = network("residual")
    with pytest.raises(InputError, match="Did you mean 'node_conv2d_1'"):
        prune_graph(model, samples(model, 8), Target("macs", 0.7), keep=["node_conv2d_10"])


def test_without_samples_it_is_refused() -> None:
    with pytest.raises(InputError, match="needs calibration data"):
        prune_graph(network("mlp"), [], Target("macs", 0.7))


def test_channels_go_in_eights_where_a_layer_has_enough() -> None:
    model = network("depthwise")
    for each in prune_graph(model, samples(model, 8), Target("macs", 0.5)).report.removed:
        assert each.after % (8 if each.before >= 64 else 4 if each.before >= 32 else 2) == 0


def test_what_is_left_is_a_multiple_where_a_layer_has_an_odd_number_of_channels() -> None:
    ranking = Ranking(Group(("a",), np.arange(67), 1), tuple(range(59)), np.zeros(60))
    assert stops(ranking, 8) == [0, 3, 11, 19, 27, 35, 43, 51, 59]


def test_it_imports_no_torch() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import edgemm.quantize.prune.graph, edgemm.converters.pruning\n"
        "assert not any(each.startswith('torch.') for each in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
