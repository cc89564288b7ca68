"""Layers behind removed channels are fitted anew, by least squares on calibration data.

From the first layer to the last: each is fitted so that, on what it reads in the smaller network, it computes what it
computed in the whole one. So it also makes up for what earlier layers have lost.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np
import onnx_ir as ir

from edgemm.quantize.prune.graph.aims import Aim
from edgemm.quantize.prune.graph.cut import Array, Cut, cut
from edgemm.quantize.prune.graph.features import Consumer, bias_place
from edgemm.quantize.prune.graph.moments import Matrix
from edgemm.quantize.prune.graph.newton import Problem, improve
from edgemm.quantize.prune.graph.observe import Observed
from edgemm.quantize.prune.graph.pairs import Pair, PairRows, pair_of, places_between
from edgemm.quantize.prune.graph.solve import Rows, solve
from edgemm.quantize.prune.graph.trace import Trace, is_shared
from edgemm.quantize.prune.graph.watch import Watch

JUDGED = 4
"""One sample of so many chooses among them."""
Weights = dict[tuple[str, int], Array]


def compensate(
    model: ir.Model,
    found: Trace,
    gone: Collection[int],
    aims: Sequence[Aim],
    seen: Observed,
    tick: Callable[[int, int], None] | None = None,
    *,
    numbers: Sequence[int] | None = None,
    reach: int | None = None,
    pairs: bool = False,
    begin: Collection[str] = (),
) -> Weights:
    """(node, input index) -> the constant that stands there once these channels are gone.

    Args:
        numbers: of the samples that are fitted on; None for all.
        reach: only so many layers are fitted.
        pairs: each is fitted once more, together with the layer in front of it.
        begin: layers that are fitted, and all behind them, although no channel in front of them is gone.
    """
    plan, weights = Cut(found, gone), Weights()
    changed, fitted = False, 0
    consumers = {each.consumer.layer.node: each.consumer for each in aims}
    for done, each in enumerate(aims, 1):
        name = each.consumer.layer.name
        changed = changed or name in begin or plan.kept(each.consumer.layer.into) is not None
        alone = not is_shared(
            each.consumer.layer.node.inputs[1]
        )  # what is fitted to one layer would not fit another
        if changed and alone and (reach is None or fitted < reach):
            current = cut(model, found, gone, weights)
            weights |= _fitted(current, found, plan, each, seen, numbers or range(len(seen.samples)))
            pair = pair_of(each, consumers) if pairs else None
            if pair is not None:
                weights |= _fitted_together(model, found, gone, weights, pair, each, seen)
            fitted += 1
        if tick is not None:
            tick(done, len(aims))
    return weights


def _fitted(
    current: ir.Model, found: Trace, plan: Cut, aim: Aim, seen: Observed, numbers: Sequence[int]
) -> Weights:
    each = aim.consumer
    weight = _constant(each.layer.node, 1)
    axes = found.operands[each.layer.node, 1]
    into = 0 if each.layer.node.op_type in ("MatMul", "ConvTranspose") else 1
    only_out = tuple(None if index == into else axis for index, axis in enumerate(axes))
    matrix = each.matrix(plan.array(weight, only_out))
    kept = features_left(plan, each)
    prior = matrix[:, kept] if each.whole else np.eye(matrix.shape[1])[:, kept]
    place = bias_place(each.layer) if each.whole else None
    fitting, judging = _rows(current, aim, seen, numbers, plan.kept(each.layer.out) if each.whole else None)
    solution, bias = solve(fitting, judging, prior, aim.limits, centered=place is not None)
    smaller = plan.array(weight, axes).shape
    made: Weights = {}
    made[each.layer.name, 1] = each.weight(solution if each.whole else matrix @ solution, smaller)
    if place is not None:
        made[str(place[0].name), place[1]] = _bias(plan, found, each, place, bias)
    return made


def _fitted_together(
    model: ir.Model,
    found: Trace,
    gone: Collection[int],
    weights: Weights,
    pair: Pair,
    aim: Aim,
    seen: Observed,
) -> Weights:
    """The constants of a layer and of the one in front of it."""
    plan, current = Cut(found, gone), cut(model, found, gone, weights)
    front, back = pair.front, pair.back
    spots = [place for place in (bias_place(front.layer), bias_place(back.layer)) if place is not None]
    if len(spots) < 2 or any(node.op_type == "Add" for node, _ in spots):
        return {}
    inside = {str(node.name): node for node in current.graph}
    values = [_constant(inside[each.layer.name], index) for each in (front, back) for index in (1, 2)]
    layers = (front.matrix(values[0]), values[1], back.matrix(values[2]), values[3])
    start = tuple(np.asarray(each, np.float32) for each in layers)
    fitting, judging = _pair_rows(current, pair, aim, seen, plan.kept(back.layer.out))
    if not judging.front:
        return {}
    problems = [Problem(rows, pair.limits, aim.limits) for rows in (fitting, judging)]
    made = improve(problems[0], problems[1], start)  # type: ignore[arg-type]
    return {
        (front.layer.name, 1): front.weight(np.asarray(made[0], np.float64), values[0].shape),
        (front.layer.name, 2): made[1],
        (back.layer.name, 1): back.weight(np.asarray(made[2], np.float64), values[2].shape),
        (back.layer.name, 2): made[3],
    }


def _pair_rows(
    current: ir.Model, pair: Pair, aim: Aim, seen: Observed, outs: np.ndarray | None
) -> tuple[PairRows, PairRows]:
    """Rows to fit two layers, and rows of other samples to judge the fit."""
    name, source = pair.back.layer.name, str(pair.front.source.name)
    other = None if aim.other is None else str(aim.other.name)
    parts = PairRows(), PairRows()
    watch = Watch(current, [source] + ([other] if other else []))
    for index, sample in enumerate(seen.samples):
        values, places = watch.run(sample), seen.places[name][index]
        used, taps = places_between(pair, places)
        results = seen.results[name][index]
        judged = index % JUDGED == JUDGED // 2 and len(seen.samples) >= 2 * JUDGED
        parts[int(judged)].add(
            pair.front.rows(values[source], used),
            taps,
            results if outs is None else results[:, outs],
            None if other is None else pair.back.results(values[other], places),
        )
    return parts


def _bias(plan: Cut, found: Trace, each: Consumer, place: tuple[ir.Node, int], bias: Matrix) -> Array:
    """The layer's own bias is in what was fitted; that of an addition behind it comes on top."""
    if place[0] is not each.layer.node:
        axes = found.operands.get(place, (None,))
        bias = bias + np.asarray(plan.array(_constant(*place), axes), np.float64)
    return np.asarray(bias, np.float32)


def _constant(node: ir.Node, index: int) -> Array:
    value = node.inputs[index]
    if value is None or value.const_value is None:
        raise ValueError(f"input {index} of {node.name} is not constant")
    return value.const_value.numpy()


def features_left(plan: Cut, each: Consumer) -> np.ndarray:
    """Places of the features that are left."""
    weight = each.kernel
    count = weight[0] if each.layer.node.op_type in ("MatMul", "ConvTranspose") else weight[1]
    kept = plan.kept(each.layer.into)
    channels = np.arange(count) if kept is None else kept
    taps = each.taps if each.whole else 1
    return (channels[:, None] * taps + np.arange(taps)[None, :]).reshape(-1)


def _rows(
    current: ir.Model,
    aim: Aim,
    seen: Observed,
    numbers: Sequence[int],
    outs: np.ndarray | None,
) -> tuple[Rows, Rows]:
    """The smaller network's inputs with the whole network's results: to fit, and to judge the fit."""
    each = aim.consumer
    name, source = each.layer.name, str(each.source.name)
    other = None if aim.other is None else str(aim.other.name)
    parts = Rows(), Rows()
    watch = Watch(current, [source] + ([other] if other else []))
    for place, index in enumerate(numbers):
        values, places = watch.run(seen.samples[index]), seen.places[name][index]
        rows, results = each.rows(values[source], places), seen.results[name][index]
        judged = place % JUDGED == JUDGED // 2 and len(numbers) >= 2 * JUDGED
        parts[int(judged)].add(
            rows,
            results if outs is None else results[:, outs],
            None if other is None else each.results(values[other], places),
        )
    return parts
