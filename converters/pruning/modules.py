"""A torch module is pruned as the module that it is, and becomes a canonical graph then."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from edgemm.converters.pipeline.work import Work
from edgemm.converters.prepare import prepare
from edgemm.quantize.prune.graph import Pruned
from edgemm.quantize.prune.graph.finite import check_weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgemm.converters.written import Format
    from edgemm.quantize.prune.target import Target

BY_WEIGHTS = (
    "the module's channels, units and heads were ranked by their weights, and no layer behind them was fitted anew; an "
    ".onnx or .pt2 file is pruned with data and fitted"
)


def is_module(source: Any) -> bool:
    """A torch module, found out without torch."""
    return hasattr(source, "state_dict")


def pruned_module(work: Work, target: Target, keep: Sequence[str], runtime: Format) -> Pruned:
    """Removes channels, recurrent units and attention heads of the module that is the source.

    Raises:
        InputError: as `edgemm.quantize.prune.prune`.
        LatencyMissed: as `edgemm.quantize.prune.prune`.
    """
    from edgemm.converters.module_latency import ModuleLatency
    from edgemm.quantize.prune import prune

    check_weights(work.prepared.model)
    options = work.options
    inputs = options.example_inputs or ()
    measure = ModuleLatency(inputs, runtime) if target.measure == "ms" else None
    found = prune(
        options.source, inputs, target=target, keep=keep, measure=measure,
        progress=lambda stage: work.tell(stage),
    )  # fmt: skip
    made = prepare(found.module, inputs, card=work.prepared.card, constants=options.constants)
    return Pruned(made.model, replace(found.report, notes=(*found.report.notes, BY_WEIGHTS)))
