"""`edgemm prune --report`: what was removed and what is left, as one page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgemm import atomic
from edgemm.cli.demo.report import Section, page, paragraph, table
from edgemm.cli.output import FIDELITY_HEADER, fidelity_rows
from edgemm.cli.prune_rows import MEASURE_HEADER, REMOVED_HEADER, measure_rows, removed_rows

if TYPE_CHECKING:
    from edgemm.converters.pruning import PrunedFile


def write_page(path: Path, done: PrunedFile) -> None:
    """One self-contained HTML file about one pruned model."""
    poor = "".join(paragraph(f"Warning: {each}") for each in done.warnings)
    notes = poor + "".join(paragraph(note, small=True) for note in done.notes)
    sections = [
        Section("What is left", table(measure_rows(done), MEASURE_HEADER)),
        Section("What was removed", table(removed_rows(done), REMOVED_HEADER)),
        Section("What was kept of the answers", table(fidelity_rows(done.fidelity), FIDELITY_HEADER) + notes),
    ]
    lead = f"Target {done.target}; {done.report.left('macs'):.2f} of the multiply-accumulates are left."
    atomic.save(path, page(f"edgemm prune: {done.output.name}", lead, sections), "--report")
