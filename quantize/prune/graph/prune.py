"""`prune_graph`: the whole way, from a canonical graph and calibration data to a smaller graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from edgemm.errors import InputError
from edgemm.quantize.prune.graph.aims import aims
from edgemm.quantize.prune.graph.choose import chosen
from edgemm.quantize.prune.graph.compensate import Weights, compensate
from edgemm.quantize.prune.graph.cost import Costs, total_macs, total_parameters
from edgemm.quantize.prune.graph.cut import cut
from edgemm.quantize.prune.graph.features import consumer
from edgemm.quantize.prune.graph.finite import check_weights
from edgemm.quantize.prune.graph.groups import groups_of
from edgemm.quantize.prune.graph.observe import Observed, observe
from edgemm.quantize.prune.graph.operators import OPERATORS
from edgemm.quantize.prune.graph.trace import Trace, trace
from edgemm.quantize.prune.graph.weigh import ranked, weighed
from edgemm.quantize.prune.graph.work import Latency, Settings, Work
from edgemm.quantize.prune.removal import PruneReport, Removal
from edgemm.quantize.prune.target import Target
from edgemm.quantize.reference import Sample


@dataclass(frozen=True, slots=True, eq=False)
class Pruned:
    """A smaller graph, and what was removed."""

    model: ir.Model
    report: PruneReport


def prune_graph(
    model: ir.Model,
    samples: Sequence[Sample],
    target: Target,
    *,
    keep: Sequence[str] = (),
    settings: Settings | None = None,
    latency: Latency | None = None,
    tell: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> Pruned:
    """Removes channels and attention heads of a canonical float graph until the target is met.

    The graph given is left as it is. Inputs and outputs keep their sizes.

    Args:
        samples: calibration data: input name -> array.
        keep: layers (names of nodes) that keep all channels.
        latency: measures graphs; needed for a target in milliseconds.
        tell: called with (stage, done, total) as the work goes on.

    Raises:
        InputError: no samples, no such layer, nothing that can be removed, or a target that cannot be reached; the
            message names the nearest that can.
    """
    work = begun(model, samples, target, keep, settings or Settings(), latency, tell)
    seen = seen_by(work, samples)
    rankings = weighed(work, seen, ranked(work, seen))
    state = chosen(work, rankings)
    gone = state.gone(rankings)
    weights = Weights()
    if work.settings.compensate:
        weights = compensate(
            model, work.found, gone, work.aims, seen, lambda done, total: tell("compensating", done, total),
            pairs=work.settings.pairs,
        )  # fmt: skip
    made = cut(model, work.found, gone, weights)
    return Pruned(made, _report(work, gone, made))


def begun(
    model: ir.Model,
    samples: Sequence[Sample],
    target: Target,
    keep: Sequence[str],
    settings: Settings,
    latency: Latency | None,
    tell: Callable[[str, int, int], None],
) -> Work:
    """The groups of a graph's channels, before anything is run.

    Raises:
        InputError: no samples, no such layer, nothing that can be removed, or a weight is NaN or infinite.
    """
    if not len(samples):
        raise InputError("pruning needs calibration data, found none. Give at least 64 samples")
    check_weights(model)
    found = trace(model, OPERATORS)
    groups = groups_of(found, keep)
    if not groups:
        raise InputError("nothing can be removed: " + _why(found, keep))
    consumers = [consumer(each) for each in found.layers]
    return Work(
        model, found, groups, Costs(model, found), consumers, aims(consumers), settings, target,
        latency, tell,
    )  # fmt: skip


def seen_by(work: Work, samples: Sequence[Sample]) -> Observed:
    """The whole network, run once on every sample."""
    return observe(
        work.model, work.aims, samples, work.settings.seed,
        lambda done, total: work.tell("observing", done, total),
    )  # fmt: skip


def _why(found: Trace, keep: Sequence[str]) -> str:
    if not found.layers:
        return "the graph has no convolution and no fully connected layer"
    if keep:
        return "every layer that could lose channels is kept by name (--keep)"
    stops = ", ".join(f"{node} ({kind})" for node, kind in list(found.stopped.items())[:5])
    return "every channel reaches an output or an operator that needs all of them" + (
        f": {stops}" if stops else ""
    )


def _report(work: Work, gone: Sequence[int], made: ir.Model) -> PruneReport:
    removed = []
    lost = np.array(sorted(gone), np.int64)
    for group in work.groups:
        for layer in work.found.layers:
            if layer.name not in group.layers or layer.out is None:
                continue
            roots = work.found.channels.roots(layer.out)
            heads = group.width > 1 and layer.node.op_type in ("MatMul", "Gemm")
            if heads:
                roots = np.unique(roots)
            after = len(roots) - int(np.isin(roots, lost).sum())
            if after < len(roots):
                removed.append(Removal(layer.name, "heads" if heads else "channels", len(roots), after))
    names = {name for group in work.groups for name in group.layers}
    fixed = [each.name for each in work.found.layers if each.name not in names]
    notes = [f"not pruned, all of its channels are needed: {', '.join(fixed)}"] if fixed else []
    notes += [
        f"channels were not followed through {node} ({kind})" for node, kind in work.found.stopped.items()
    ]
    notes += _separated(work, made)
    before, after_ = (
        {"macs": float(total_macs(each)), "parameters": float(total_parameters(each))}
        for each in (work.model, made)
    )
    order = {layer.name: number for number, layer in enumerate(work.found.layers)}
    removed.sort(key=lambda each: order[each.layer])
    return PruneReport(tuple(removed), before, after_, tuple(notes))


def _separated(work: Work, made: ir.Model) -> list[str]:
    """What to say of vectors that several layers shared, and that are several now."""
    twins = zip(work.model.graph, made.graph, strict=True)
    users: dict[str, set[str]] = {}
    for node, twin in twins:
        for value, other in zip(node.inputs, twin.inputs, strict=False):
            if (
                value is not None
                and other is not None
                and value.const_value is not None
                and len(value.uses()) > 1
            ):
                users.setdefault(str(value.name), set()).add(str(other.name))
    names = [repr(name) for name, others in users.items() if len(others) > 1]
    if not names:
        return []
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return [
        f"shared by several layers before, and now one for each, fitted to it: {', '.join(names[:5])}{more}"
    ]
