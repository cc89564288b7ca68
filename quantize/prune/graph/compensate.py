"""Layers behind removed channels are fitted anew, by least squares on calibration data.

From the first layer to the last: each is fitted so that, on what it reads in the smaller network, it computes what it
computed in the whole one. So it also makes up for what earlier layers have lost.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
import onnx_ir as ir

from edgemm.quantize.prune.graph.cut import Array, Cut, cut
from edgemm.quantize.prune.graph.features import Consumer, bias_place
from edgemm.quantize.prune.graph.moments import Matrix, Moments, fit
from edgemm.quantize.prune.graph.observe import Observed
from edgemm.quantize.prune.graph.trace import Trace
from edgemm.quantize.prune.graph.watch import Watch

RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 1e9)
"""How strongly the weights are drawn to what they were; the last leaves them, and corrects the bias alone."""
JUDGED = 4
"""One sample of so many chooses among them."""
Weights = dict[tuple[str, int], Array]


def compensate(
    model: ir.Model,
    found: Trace,
    gone: Collection[int],
    consumers: Sequence[Consumer],
    seen: Observed,
    tick: Callable[[int, int], None] | None = None,
) -> Weights:
    """(node, input index) -> the constant that stands there once these channels are gone."""
    plan, weights = Cut(found, gone), Weights()
    changed = False
    for done, each in enumerate(consumers, 1):
        changed = changed or plan.kept(each.layer.into) is not None
        if changed:
            weights |= _fitted(cut(model, found, gone, weights), found, plan, each, seen)
        if tick is not None:
            tick(done, len(consumers))
    return weights


def _fitted(current: ir.Model, found: Trace, plan: Cut, each: Consumer, seen: Observed) -> Weights:
    outs = plan.kept(each.layer.out)
    weight = _constant(each.layer.node, 1)
    axes = found.operands[each.layer.node, 1]
    into = 0 if each.layer.node.op_type in ("MatMul", "ConvTranspose") else 1
    only_out = tuple(None if index == into else axis for index, axis in enumerate(axes))
    matrix = each.matrix(plan.array(weight, only_out))
    kept = _features(plan, each)
    prior = matrix[:, kept] if each.whole else np.eye(matrix.shape[1])[:, kept]
    place = bias_place(each.layer) if each.whole else None
    fitting, judging = _moments(current, each, seen, prior.shape, outs if each.whole else None)
    solution, bias = _best(fitting, judging, prior, centered=place is not None)
    smaller = plan.array(weight, axes).shape
    made: Weights = {}
    made[each.layer.name, 1] = each.weight(solution if each.whole else matrix @ solution, smaller)
    if place is not None:
        made[str(place[0].name), place[1]] = _bias(plan, found, each, place, bias)
    return made


def _bias(plan: Cut, found: Trace, each: Consumer, place: tuple[ir.Node, int], bias: Matrix) -> Array:
    """The layer's own bias is in what was fitted; that of an addition behind it comes on top."""
    if place[0] is not each.layer.node:
        axes = found.operands.get(place, (None,))
        bias = bias + plan.array(_constant(*place), axes)
    return np.asarray(bias, np.float32)


def _constant(node: ir.Node, index: int) -> Array:
    value = node.inputs[index]
    if value is None or value.const_value is None:
        raise ValueError(f"input {index} of {node.name} is not constant")
    return value.const_value.numpy()


def _features(plan: Cut, each: Consumer) -> np.ndarray:  # type: ignore[type-arg]
    """Places of the features that are left."""
    weight = each.kernel
    count = weight[0] if each.layer.node.op_type in ("MatMul", "ConvTranspose") else weight[1]
    kept = plan.kept(each.layer.into)
    channels = np.arange(count) if kept is None else kept
    taps = each.taps if each.whole else 1
    return (channels[:, None] * taps + np.arange(taps)[None, :]).reshape(-1)


def _moments(
    current: ir.Model,
    each: Consumer,
    seen: Observed,
    shape: tuple[int, ...],
    outs: np.ndarray | None,  # type: ignore[type-arg]
) -> tuple[Moments, Moments]:
    """Of the smaller network's inputs with the whole network's results: to fit, and to judge the fit."""
    name, source = each.layer.name, str(each.source.name)
    parts = Moments.of(shape[1], shape[0]), Moments.of(shape[1], shape[0])
    watch = Watch(current, [source])
    for index, sample in enumerate(seen.samples):
        rows = each.rows(watch.run(sample)[source], seen.places[name][index])
        results = seen.results[name][index]
        judged = index % JUDGED == JUDGED // 2 and len(seen.samples) >= 2 * JUDGED
        parts[int(judged)].add(rows, results if outs is None else results[:, outs])
    return parts


def _best(fitting: Moments, judging: Moments, prior: Matrix, *, centered: bool) -> tuple[Matrix, Matrix]:
    """The ridge that explains other samples best, then fitted on all."""
    ridge = RIDGES[2]
    if judging.count:
        errors = {each: judging.error(*fit(fitting, prior, each, centered=centered)) for each in RIDGES}
        ridge = min(errors, key=errors.__getitem__)
    return fit(fitting.plus(judging), prior, ridge, centered=centered)


def trial_weights(
    found: Trace,
    gone: Collection[int],
    consumers: Sequence[Consumer],
    matrices: Mapping[str, Matrix],
    seen: Observed,
) -> Weights:
    """The constants of the layers right behind one group, as ranking it has left them."""
    plan, made = Cut(found, gone), Weights()
    for each in consumers:
        matrix = matrices.get(each.layer.name)
        if matrix is None:
            continue
        weight = _constant(each.layer.node, 1)
        changed = each.weight(matrix, weight.shape)
        made[each.layer.name, 1] = plan.array(changed, found.operands[each.layer.node, 1])
        place = bias_place(each.layer) if each.whole else None
        if place is not None:
            moments = seen.moments[each.layer.name]
            shift = (each.matrix(weight) - matrix) @ (moments.x / max(moments.count, 1))
            bias = np.asarray(_constant(*place) + shift, np.float32)
            made[str(place[0].name), place[1]] = plan.array(bias, found.operands.get(place, (None,)))
    return made
