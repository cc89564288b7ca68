"""What files have in place of a source's half and double precision."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from edgemm.converters.passes.precision import OTHER

SHOWN = 4
"""Tensors in a note."""


def note_of_types(graph: ir.Graph) -> tuple[str, ...]:
    """A note, where inputs or outputs of a source are in half or double precision: files have float32 there.

    Args:
        graph: as it was read.
    """
    ins, outs = _other(graph.inputs), _other(graph.outputs)
    if not ins and not outs:
        return ()
    said = [f"{kind} {_listed(values)}" for kind, values in (("inputs", ins), ("outputs", outs)) if values]
    feed = "; convert the arrays that are fed" if ins else ""
    return (f"the file has float32 where the source has another precision: {', '.join(said)}{feed}",)


def _other(values: Sequence[ir.Value]) -> list[ir.Value]:
    return [value for value in values if value.dtype in OTHER and not value.is_initializer()]


def _listed(values: Sequence[ir.Value]) -> str:
    named = [f"{str(value.name)!r} ({value.dtype.name.lower()})" for value in values[:SHOWN] if value.dtype]
    return ", ".join(named) + (f" and {len(values) - SHOWN} others" if len(values) > SHOWN else "")
