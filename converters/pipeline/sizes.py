"""How large the file of a form is, before one is chosen: small ones are written to see, large ones estimated."""

from __future__ import annotations

import onnx_ir as ir

from edgemm.converters.pipeline.work import Work
from edgemm.converters.written import write_plan
from edgemm.errors import ConversionError
from edgemm.quantize.plan import Plan
from edgemm.quantize.stored_size import stored_bytes

SMALL_BYTES = 1 << 18
"""Float constants up to which what else is in a file counts: names, scales, descriptions of operators."""
FEW_NODES = 200
"""Operators up to which a file is written in a moment."""


def form_bytes(work: Work, model: ir.Model, plan: Plan) -> int:
    """Of a file without its card, where the network is small; else of its constants, which are nearly all of it.

    All forms of one network are counted in the same way.
    """
    if not is_small(work):
        return stored_bytes(model, plan)
    try:
        return len(write_plan(model, plan, work.options.format, work.options.settings).payload)
    except ConversionError:  # a form that cannot be written is told so when it is tried
        return stored_bytes(model, plan)


def is_small(work: Work) -> bool:
    """The files of its forms are written to see how large they are."""
    graph = work.prepared.model.graph
    if len(graph) > FEW_NODES:
        return False
    return (
        sum(value.const_value.nbytes for value in graph.initializers.values() if value.const_value)
        <= SMALL_BYTES
    )


def beside_bytes(work: Work) -> int:
    """What has to be added to `form_bytes` for a file: of the one that was written."""
    if is_small(work):
        return 0
    return max(len(work.written.payload) - stored_bytes(work.prepared.model, work.plan), 0)
