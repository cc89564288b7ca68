"""`edgemm shrink --report`: accuracy over latency after each step, as one page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgemm import atomic
from edgemm.cli.demo.charts import over_latency
from edgemm.cli.demo.report import Section, page, paragraph, table
from edgemm.cli.shrink_rows import HEADER, step_rows

if TYPE_CHECKING:
    from edgemm.converters.shrinking import ShrunkFile


def write_page(path: Path, done: ShrunkFile) -> None:
    """One self-contained HTML file about one model."""
    figures, what = _figures(done)
    sections = [
        Section(f"{what} over latency", over_latency(figures, what) + table(step_rows(done), HEADER)),
    ]
    if done.removed is not None:
        rows = [(each.layer, f"{each.before} -> {each.after} {each.kind}") for each in done.removed.removed]
        sections.append(Section("What was removed", table(rows, ("layer", "left"))))
    sections.append(Section("Notes", "".join(paragraph(note, small=True) for note in done.notes)))
    first, last = done.steps[0], done.steps[-1]
    smaller, faster = (
        last.size_bytes / max(first.size_bytes, 1),
        last.latency_ms / max(first.latency_ms, 1e-9),
    )
    lead = f"{smaller:.2f} of the size and {faster:.2f} of the time of the source."
    atomic.save(path, page(f"edgemm shrink: {done.output.name}", lead, sections), "--report")


def _figures(done: ShrunkFile) -> tuple[dict[str, tuple[float, float]], str]:
    """Step -> milliseconds and the figure that is known of it: accuracy, agreement with the source, or dB."""
    last = done.steps[-1].fidelity
    kept = None if last is None else last.outputs[0]
    if kept is not None and kept.accuracy is not None:
        found = {each.name: each.accuracy for each in done.steps if each.accuracy is not None}
        what = "Accuracy"
    elif kept is not None and kept.top1_agreement is not None:
        found = {"source": 1.0} | {
            each.name: float(each.fidelity.outputs[0].top1_agreement or 0.0)
            for each in done.steps
            if each.fidelity is not None
        }
        what = "Same class as the source"
    else:
        found = {each.name: each.fidelity.worst_db for each in done.steps if each.fidelity is not None}
        what = "SNR in dB"
    times = {each.name: each.latency_ms for each in done.steps}
    return {name: (times[name], value) for name, value in found.items()}, what
