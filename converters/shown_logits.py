"""The part of a detector's logits that its sigmoid shows.

A detector may end before its sigmoid, which then is computed where the file is decoded. Logits of background are often
far below what any threshold tells apart (BlazeFace gives -37000, beside faces of 3): a grid over all of them would have
no steps for the scores.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from edgemm.card import ModelCard
from edgemm.errors import CardError
from edgemm.quantize.backwards import SATURATES
from edgemm.quantize.grid import Range
from edgemm.tasks.detection.recipe import DetectionRecipe
from edgemm.tasks.detection.rows import Parts
from edgemm.tensors import TensorSpec

_HEADS = ("anchors", "boxes", "distances", "yolo")
"""Whose scores may be outputs of their own."""


def shown_logits(card: ModelCard, outputs: Sequence[TensorSpec]) -> Mapping[str, Range]:
    """Output name -> the logits that matter, for each output that holds nothing else.

    As where a Sigmoid stands in the graph, and no farther than `score_clip`.
    """
    recipe = card.recipe
    if not isinstance(recipe, DetectionRecipe) or recipe.activation != "sigmoid" or recipe.head not in _HEADS:
        return {}
    reach = min(recipe.score_clip or math.inf, SATURATES["Sigmoid"].high)
    if recipe.head == "distances":
        return dict.fromkeys(set(recipe.scores_outputs) - set(recipe.boxes_outputs), Range(-reach, reach))
    classes = len(card.labels) - recipe.label_offset if card.labels else 0
    try:
        parts = Parts(recipe, outputs, max(classes, 0))
    except CardError:  # told where the file is decoded
        return {}
    tables = [parts.scores, *([parts.objectness] if parts.objectness else [])]
    return {
        block.spec.name: Range(-reach, reach)
        for table in tables
        for block in table.blocks
        if block.count * block.width == math.prod(block.spec.shape)
    }
