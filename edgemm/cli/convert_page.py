"""`edgemm convert --report`: what was kept and where the rest was lost, as one page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgemm import atomic
from edgemm.cli.demo import charts
from edgemm.cli.demo.report import Section, page, paragraph, preformatted, table
from edgemm.cli.output import FIDELITY_HEADER, fidelity_rows, of_source, size

if TYPE_CHECKING:
    from edgemm.converters.conversion import Conversion
    from edgemm.converters.diagnose import Diagnosis

SHOWN = 24
"""Layers in the picture."""


def write_page(path: Path, done: Conversion) -> None:
    """One self-contained HTML file about one conversion."""
    lead = f"{done.scheme} for {done.target}, {size(done.size_bytes)}, {of_source(done)}."
    sections = [Section("What was kept", _kept(done))]
    if done.diagnosis is not None:
        sections.append(Section("Where the rest was lost", losses(done.diagnosis)))
    told = done.card.quantization
    if told.get("repairs"):
        lines = [*told["repaired_because"], *told["repairs"]]
        sections.append(Section("What was repaired, and why", "".join(map(paragraph, lines))))
    sections.append(Section("What was decided", preformatted(done.explanation)))
    atomic.save(path, page(f"edgemm convert: {done.output.name}", lead, sections), "--report")


def _kept(done: Conversion) -> str:
    notes = "".join(paragraph(note, small=True) for note in done.notes)
    return table(fidelity_rows(done.fidelity), FIDELITY_HEADER) + notes


def losses(diagnosis: Diagnosis) -> str:
    """The picture of the layers, worst first, and the scales that are shared by unlike parts."""
    shares = {each.node: (each.noise_share, each.snr_db) for each in diagnosis.layers[:SHOWN]}
    picture = charts.sensitivity(shares, "Each layer's share of the noise, alone in int8")
    shared = [
        f"{each.value}, which {each.node} writes, has one scale; {each.part} reaches 1/{each.ratio:.0f} of its range."
        for each in diagnosis.shared
    ]
    more = len(diagnosis.layers) - SHOWN
    rest = paragraph(f"... and {more} more layers", small=True) if more > 0 else ""
    return f"<div>{picture}</div>{rest}" + "".join(map(paragraph, shared))
