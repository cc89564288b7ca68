"""Inputs of text: how many tokens they hold, by the card; and how many ids the model has embeddings for."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx_ir as ir

from edgemm.card import ModelCard
from edgemm.card.fit import fit_card, text_shapes
from edgemm.errors import CardError

MOVES = ("Cast", "Reshape", "Identity", "Unsqueeze", "Squeeze", "Flatten", "Transpose")
"""Operators that leave ids what they are."""


def is_model_file(source: Any) -> bool:
    """A file whose inputs can be read without reading its graph."""
    path = Path(source) if isinstance(source, str | Path) else None
    return path is not None and path.suffix.lower() in (".onnx", ".tflite") and os.path.isfile(path)


def with_text_shapes(
    source: str | Path, card: ModelCard | None, shapes: Mapping[str, Sequence[int]] | None
) -> Mapping[str, Sequence[int]] | None:
    """The shapes that were given, and for inputs of text that a file leaves open those that the card says."""
    if card is None or not text_shapes(card.inputs):
        return shapes
    from edgemm.artifact import read_payload
    from edgemm.inspection import read_structure

    found = read_structure(read_payload(source))
    try:
        fitted = fit_card(card, found.inputs, found.outputs)
    except CardError:  # said again, and better, when the graph is read
        return shapes
    open_ = {spec.name for spec in found.inputs if not all(size > 0 for size in spec.shape)}
    said = {name: shape for name, shape in text_shapes(fitted.inputs).items() if name in open_}
    return {**said, **(shapes or {})}


def with_ids(card: ModelCard, models: Sequence[ir.Model]) -> ModelCard:
    """The card with the number of ids that the model has embeddings for, where its graph shows it.

    Args:
        models: forms of the source, the first that shows it counts.

    Raises:
        CardError: the card says another number.
    """
    entry = next((each for each in card.inputs if each.text is not None), None)
    if entry is None or entry.text is None:
        return card
    found = next((rows for model in models if (rows := _rows(model, entry.name)) is not None), None)
    if found is None or found == entry.text.ids:
        return card
    if entry.text.ids:
        raise CardError(
            f"input {entry.name!r}: text.ids: the card says {entry.text.ids}, the model has embeddings for {found}. "
            "Leave it out, or correct it"
        )
    filled = replace(entry, text=replace(entry.text, ids=found))
    return card.with_(inputs=tuple(filled if each is entry else each for each in card.inputs))


def _rows(model: ir.Model, name: str) -> int | None:
    """Rows of the table that the ids of an input are looked up in; None where that is not plain to see."""
    waiting = [value for value in model.graph.inputs if value.name == name]
    seen: set[ir.Value] = set()
    rows: list[int] = []
    while waiting:
        value = waiting.pop()
        if value in seen:
            continue
        seen.add(value)
        for node, at in value.uses():
            if node.op_type in MOVES and at == 0:
                waiting += node.outputs
            axis = node.attributes.get("axis")
            first = axis is None or axis.as_int() == 0
            table = node.inputs[0] if node.op_type == "Gather" and at == 1 and first else None
            size = None if table is None or table.shape is None or len(table.shape) < 2 else table.shape[0]
            if isinstance(size, int):
                rows.append(size)
    return min(rows) if rows else None
