"""The card of a part of a model."""

from __future__ import annotations

import onnx_ir as ir

from edgemm.card import ModelCard
from edgemm.converters.importers.cut import Cut


def card_of_part(given: ModelCard | None, cut: Cut, model: ir.Model, *, named: bool) -> ModelCard | None:
    """What a card says of the part: tensors that are still there; where outputs were named, no task.

    Args:
        given: of the whole model.
        model: the part.
        named: the caller gave the card, and wrote it for the part: it stays as it is.
    """
    if given is None or named:
        return given
    there = {str(value.name) for value in (*model.graph.inputs, *model.graph.outputs)}
    kept = given.with_(
        inputs=tuple(each for each in given.inputs if each.name in there),
        outputs=tuple(each for each in given.outputs if each.name in there),
        states=tuple(each for each in given.states if {each.input, each.output} <= there),
    )
    return kept.with_(task="tensors", labels=(), recipe=None) if cut.outputs else kept
