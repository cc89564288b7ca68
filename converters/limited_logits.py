"""The part of a detector's logits that its sigmoid shows.

A detector may end before its sigmoid, which then is computed where the file is decoded. Logits of background are often
far below what any threshold tells apart (BlazeFace gives -37000, beside faces of 3): a grid over all of them has no
steps for the scores. So they are limited in the graph, and the grid is one of what is left.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.converters.passes.rewrite import constant, shape_of
from edgemm.converters.piece import Piece
from edgemm.errors import CardError
from edgemm.tasks.detection.recipe import DetectionRecipe
from edgemm.tasks.detection.rows import Parts
from edgemm.tensors import TensorSpec

LOW, HIGH = -8.0, 16.0
"""Sigmoids of 0.0003 and 0.9999999: below the one no threshold is set, and beyond the other float32 has no steps."""
_HEADS = ("anchors", "boxes", "yolo")
"""Whose scores may be outputs of their own, found by their shapes."""


@dataclass(frozen=True, slots=True)
class Limited:
    """Logits without what lies beyond the limits."""

    name: str
    source: str
    before: Piece | None = None
    """What has become of the source's output first; None: it is the source's output itself."""

    def of(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The same of what the source gave."""
        return np.asarray(np.clip(array if self.before is None else self.before.of(array), LOW, HIGH))


def limit_logits(
    model: ir.Model, recipe: DetectionRecipe, labels: int, pieces: Sequence[Piece]
) -> tuple[tuple[Piece, ...], list[str]]:
    """Puts a Clip behind each output of logits, in place; their names stay.

    Args:
        model: canonical, its outputs in the form of the recipe.
        labels: how many the card has.
        pieces: what has become of the source's outputs so far.

    Returns:
        The pieces, with those of the limited outputs; and the names of these.
    """
    made = {each.name: each for each in pieces}
    names = _logits(recipe, labels, _specs(model))
    for name in names:
        _append_clip(model, next(value for value in model.graph.outputs if value.name == name))
        before = made.get(name)
        made[name] = Limited(name, name if before is None else before.source, before)
    return tuple(made.values()), names


def _logits(recipe: DetectionRecipe, labels: int, outputs: Sequence[TensorSpec]) -> list[str]:
    """Names of the outputs that hold logits and nothing else."""
    if recipe.activation != "sigmoid":
        return []
    if recipe.head == "distances":
        return [each for each in recipe.scores_outputs if each not in recipe.boxes_outputs]
    if recipe.head not in _HEADS:
        return []
    try:
        parts = Parts(recipe, outputs, max(labels - recipe.label_offset, 0) if labels else 0)
    except CardError:  # told where the file is decoded
        return []
    tables = [parts.scores, *([parts.objectness] if parts.objectness else [])]
    found = [
        block.spec.name
        for table in tables
        for block in table.blocks
        if block.count * block.width == math.prod(block.spec.shape)
    ]
    return list(dict.fromkeys(found))


def _specs(model: ir.Model) -> list[TensorSpec]:
    return [
        TensorSpec(str(value.name), shape_of(value), value.dtype.numpy().name)
        for value in model.graph.outputs
        if value.dtype is not None
    ]


def _append_clip(model: ir.Model, output: ir.Value) -> None:
    name, outputs = str(output.name), model.graph.outputs
    at = list(outputs).index(output)
    output.name = f"{name}_whole"
    limits = [
        constant(model.graph, f"{name}_{end}", np.array(value, np.float32))
        for end, value in (("low", LOW), ("high", HIGH))
    ]
    limited = ir.Value(name=name, shape=output.shape, type=output.type)
    model.graph.append(ir.node("Clip", [output, *limits], outputs=[limited], name=f"{name}_limited"))
    outputs[at] = limited
