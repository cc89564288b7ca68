"""A source's card with the names, layouts and types of a file's tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from edgemm.card import InputCard, ModelCard
from edgemm.card.fit import fit_card
from edgemm.converters.written import Port, Written

_LAYOUTS = {"NCTF": "NTFC", "NCHW": "NHWC"}
"""Source layout -> layout after channels went last."""
_RANKS = {"NCHW": 4, "NHWC": 4, "rows": 3, "columns": 3}
"""A recipe's layout -> axes of the outputs that it is about."""
_TURNED: dict[tuple[str, tuple[int, ...] | None], str] = {
    ("NCHW", (0, 2, 3, 1)): "NHWC",
    ("rows", (0, 2, 1)): "columns",
    ("columns", (0, 2, 1)): "rows",
}
"""A recipe's layout and how the file turns the axes -> the layout in the file."""


def described_tensors(card: ModelCard, written: Written) -> ModelCard:
    """One entry for each tensor of the file; the states too get the names that its tensors have."""
    specs = [port.spec for port in written.inputs], [port.spec for port in written.outputs]
    fitted = fit_card(card, *specs)
    return fitted.with_(
        inputs=tuple(_input(entry, port) for entry, port in zip(fitted.inputs, written.inputs, strict=True)),
        recipe=_recipe(fitted.recipe, written.outputs),
    )


def _recipe(recipe: Any, outputs: Sequence[Port]) -> Any:
    """With the names of the file's outputs, and their order of axes where it says one."""
    if recipe is None:
        return None
    names = {port.name: port.spec.name for port in outputs}
    changed: dict[str, Any] = {}
    for field in fields(recipe):
        value = getattr(recipe, field.name)
        if field.name.endswith("output") and isinstance(value, str):
            changed[field.name] = names.get(value, value)
        elif field.name.endswith("outputs") and isinstance(value, tuple):
            changed[field.name] = tuple(names.get(each, each) for each in value)
        elif field.name == "layout":
            changed[field.name] = _turned(value, outputs)
    return replace(recipe, **changed)


def _turned(layout: str, outputs: Sequence[Port]) -> str:
    """The order of axes in the file, where all outputs that have such axes were turned alike."""
    turned = {port.permutation for port in outputs if len(port.spec.shape) == _RANKS.get(layout)}
    return _TURNED.get((layout, turned.pop()), layout) if len(turned) == 1 else layout


def _input(entry: InputCard, port: Port) -> InputCard:
    layout = entry.layout
    if port.permutation is not None:
        layout = _LAYOUTS.get(layout, layout)
    return replace(entry, layout=layout)
