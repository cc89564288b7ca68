"""A source's card with the names, layouts and types of a file's tensors."""

from __future__ import annotations

from dataclasses import replace

from edgemm.card import InputCard, ModelCard
from edgemm.card.fit import fit_card
from edgemm.converters.written import Port, Written

_LAYOUTS = {"NCTF": "NTFC", "NCHW": "NHWC"}
"""Source layout -> layout after channels went last."""


def described_tensors(card: ModelCard, written: Written) -> ModelCard:
    """One entry for each tensor of the file; the states too get the names that its tensors have."""
    specs = [port.spec for port in written.inputs], [port.spec for port in written.outputs]
    fitted = fit_card(card, *specs)
    return fitted.with_(
        inputs=tuple(_input(entry, port) for entry, port in zip(fitted.inputs, written.inputs, strict=True))
    )


def _input(entry: InputCard, port: Port) -> InputCard:
    layout = entry.layout
    if port.permutation is not None:
        layout = _LAYOUTS.get(layout, layout)
    return replace(entry, layout=layout)
