"""The mixed plan: operators on integers, with int8 weights, and in float side by side, whichever is cheapest.

The assignment is that of the lowest predicted time. Where an operator computes on integers, what lies between it and
one that does not has to be changed; so the graph is divided by a minimum cut, whose prices are the times of a table
of costs. Then pieces are given back one after the other where the whole is predicted to be faster without them, which
counts what a cut cannot: how many pieces the runtime makes of the graph.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

import onnx_ir as ir

from edgemm.quantize.calibration import Calibration
from edgemm.quantize.cut import NEVER, Cut
from edgemm.quantize.fusion import hosts, stored_output
from edgemm.quantize.islands import islands
from edgemm.quantize.legality import is_real, may_be_hybrid
from edgemm.quantize.plan import Plan, Precision
from edgemm.quantize.prices import Prices
from edgemm.quantize.static_plan import plan_static
from edgemm.quantize.target import Target

PAYS = 1.05
"""Integers must be faster by this factor where they stand alone, since predictions are no better and real numbers keep
more; and a mixture than integers wherever they are possible, since a search finds the errors of predictions."""
ROOM = 0.01
"""Weights stay in float only where that saves this part of the whole time: in int8 they take a quarter of the room."""
POOLS = frozenset({"AveragePool", "MaxPool"})
TRIED = 64
"""The most pieces that are tried without integers, the least useful first."""


def cheapest_weights(model: ir.Model, plan: Plan, prices: Prices, *, unpack: bool = False) -> Plan:
    """A plan without integer activations whose convolutions quantize theirs while running where that is faster.

    Args:
        plan: float and dynamic operators.
        unpack: operators that are faster with weights in float have them so.
    """
    prices = prices.of(model)
    ways: list[dict[str, Precision]] = [dict(plan.precision)]
    packed = {str(node.name): node for node in model.graph if plan.is_packed(str(node.name))}
    hybrid = prices.hybrid and plan.target.hybrid_per_channel
    ways.append({name: Precision.HYBRID for name, node in packed.items() if hybrid and may_be_hybrid(node)})
    ways.append(dict.fromkeys(packed if unpack else (), Precision.FLOAT))
    least = ROOM * prices.total(model, plan)
    times = [prices.nodes(model, replace(plan, precision={**plan.precision, **way})) for way in ways]
    chosen = dict(plan.precision)
    for name in packed:
        best = times[0].get(name, 0.0)
        if name in ways[1] and times[1].get(name, 0.0) < best:
            chosen[name], best = Precision.HYBRID, times[1].get(name, 0.0)
        if name in ways[2] and times[2].get(name, 0.0) + least < best:
            chosen[name] = Precision.FLOAT
    kept = {key: grid for key, grid in plan.weights.items() if chosen[key[0]] is not Precision.FLOAT}
    return replace(plan, precision=chosen, weights=kept)


def plan_mixed(
    model: ir.Model,
    target: Target,
    calibration: Calibration,
    refused: frozenset[str],
    notes: list[str],
    dynamic: Plan,
    prices: Prices,
) -> Plan:
    """Plans one graph.

    Args:
        calibration: every range with zero in it, and not empty.
        refused: nodes that the caller wants in float.
        notes: what was decided before.
        dynamic: the dynamic plan of the same graph, without the refused nodes.
        prices: predicted times.
    """
    prices = prices.of(model)
    whole = plan_static(model, target, calibration, refused, notes)
    real = cheapest_weights(model, dynamic, prices, unpack=True)
    integers = _cheapest_division(model, whole, real, prices)
    integers = _without_losers(model, whole, real, integers, prices)
    if prices.pools_follow:
        integers = _without_lone_pools(model, integers)
    dearer = frozenset(str(node.name) for node in model.graph) - integers - refused
    static = plan_static(model, target, calibration, refused, notes, dearer)
    merged = _merged(model, static, real)
    if prices.total(model, whole) <= PAYS * prices.total(model, merged):
        alike = "mixed: integers wherever they are possible are predicted to be as fast as any mixture"
        return replace(whole, scheme="mixed", notes=(*whole.notes, alike))
    count = sum(each is Precision.INT8 for each in whole.precision.values()) - len(integers)
    told = f"mixed: {count} operators that could compute on integers do not, which is predicted to be faster"
    return replace(merged, notes=(*merged.notes, told) if count else merged.notes)


def _merged(model: ir.Model, static: Plan, real: Plan) -> Plan:
    """Integers as in the one plan, all else as in the other."""
    precision, weights = dict(static.precision), dict(static.weights)
    for node in model.graph:
        name = str(node.name)
        if not static.is_int8(name) and real.is_packed(name):
            precision[name] = real.precision[name]
            weights |= {key: grid for key, grid in real.weights.items() if key[0] == name}
    return replace(static, scheme="mixed", precision=precision, weights=weights)


def _cheapest_division(model: ir.Model, static: Plan, real: Plan, prices: Prices) -> frozenset[str]:
    """Names of the nodes that compute on integers."""
    inside = hosts(model)
    on_integers, in_float = prices.nodes(model, static), prices.nodes(model, real)
    cut = Cut()
    for node in model.graph:
        name = str(node.name)
        if name in inside:
            continue
        first = _ns(PAYS * on_integers.get(name, 0.0)) if static.is_int8(name) else NEVER
        cut.side(name, first, _ns(in_float.get(name, 0.0)))
    for value, maker, readers in _links(model, inside):
        to_integers, to_float = (_ns(each) for each in prices.changes(value))
        made, read = ("made", value.name), ("read", value.name)
        source = maker if maker is not None else ("input", value.name)
        if maker is None and prices.float_ends:
            cut.side(source, NEVER, 0)
        cut.apart(source, made, to_float)
        cut.apart(read, source, to_integers)
        for reader in readers:
            cut.apart(made, reader, NEVER)
            cut.apart(reader, read, NEVER)
        if value.is_graph_output() and prices.float_ends:
            cut.side(made, NEVER, 0)
    for reader, source, us in _behind_pools(model, inside, prices):
        cut.apart(reader, source, _ns(us))
    found = {str(each) for each in cut.first_side() if isinstance(each, str)}
    return frozenset(_with_fused(found, inside))


def _links(
    model: ir.Model, inside: Mapping[str, ir.Node]
) -> Iterator[tuple[ir.Value, str | None, list[str]]]:
    """Each real value that is stored, who makes it (None: the caller) and who reads it, fused nodes as their hosts."""
    for value in model.graph.inputs:
        if is_real(value):
            yield value, None, _readers(value, inside)
    for node in model.graph:
        if str(node.name) in inside:
            continue
        last = stored_output(node)
        for value in [last, *(each for each in node.outputs[1:] if each.name)]:
            if is_real(value):
                yield value, str(node.name), _readers(value, inside)


def _behind_pools(
    model: ir.Model, inside: Mapping[str, ir.Node], prices: Prices
) -> Iterator[tuple[str, str | tuple[str, str | None], float]]:
    """Who reads a pool, who makes what it reads, and what it takes more where only the former is on integers: then the
    pool is, too, wherever the plan has it."""
    for node in model.graph:
        value = node.inputs[0] if node.op_type == "MaxPool" else None
        if value is None or (us := prices.lone_pool(node)) <= 0.0:
            continue
        maker = value.producer()
        name = None if maker is None else str(inside.get(str(maker.name), maker).name)
        for reader in _readers(node.outputs[0], inside):
            yield reader, name or ("input", value.name), us


def _readers(value: ir.Value, inside: Mapping[str, ir.Node]) -> list[str]:
    names = (str(node.name) for node in value.consumers())
    return list(dict.fromkeys(str(inside[name].name) if name in inside else name for name in names))


def _with_fused(names: Collection[str], inside: Mapping[str, ir.Node]) -> set[str]:
    return {*names, *(fused for fused, host in inside.items() if str(host.name) in names)}


def _without_losers(
    model: ir.Model, static: Plan, real: Plan, integers: frozenset[str], prices: Prices
) -> frozenset[str]:
    """Gives back the pieces without which the whole is predicted to be faster, all of them last."""
    best, in_float = prices.total(model, _assigned(model, static, real, integers)), prices.nodes(model, real)
    for piece in _pieces(model, integers, prices.nodes(model, static)):
        if not piece <= integers:
            continue
        less = integers - piece
        found = prices.total(model, _assigned(model, static, real, less))
        if found <= best + (PAYS - 1.0) * sum(in_float.get(name, 0.0) for name in piece):
            integers, best = less, found
    none = prices.total(model, _assigned(model, static, real, frozenset()))
    return integers if best < none else frozenset()


def _without_lone_pools(model: ir.Model, integers: frozenset[str]) -> frozenset[str]:
    """Gives back the pools that would be the first on integers."""
    inside = hosts(model)
    for node in model.graph:
        source = node.inputs[0] if node.inputs else None
        if node.op_type not in POOLS or source is None:
            continue
        maker = source.producer()
        if maker is None or str(inside.get(str(maker.name), maker).name) not in integers:
            integers -= _with_fused([str(node.name)], inside)
    return integers


def _pieces(model: ir.Model, integers: frozenset[str], times: Mapping[str, float]) -> list[frozenset[str]]:
    """Integer operators that hang together, the cheapest sets first; then what of them has no weights, alone."""
    inside = hosts(model)
    nodes = [node for node in model.graph if str(node.name) in integers]
    sets = [frozenset(str(each.name) for each in island) for island in islands(nodes)]
    single = [
        frozenset(_with_fused([str(node.name)], inside))
        for node in nodes
        if str(node.name) not in inside and times.get(str(node.name), 0.0) > 0.0
    ]

    def time(piece: frozenset[str]) -> float:
        return sum(times.get(name, 0.0) for name in piece)

    sets = sorted((each for each in sets if len(each) > 1), key=lambda each: (time(each), min(each)))
    single.sort(key=lambda each: (-time(each), min(each)))
    return [*sets[:TRIED], *single[:TRIED]]


def _assigned(model: ir.Model, static: Plan, real: Plan, integers: frozenset[str]) -> Plan:
    """The plan in which these nodes compute on integers, for its price alone."""
    precision = {
        name: Precision.INT8 if name in integers else real.precision.get(name, Precision.FLOAT)
        for name in (str(node.name) for node in model.graph)
    }
    return replace(static, scheme="mixed", precision=precision)


def _ns(us: float) -> int:
    return max(round(us * 1000.0), 0)
