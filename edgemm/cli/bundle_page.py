"""`edgemm convert --report` of a bundle: what each part and the whole kept, as one page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgemm import atomic
from edgemm.cli.output import FIDELITY_HEADER, fidelity_rows, size

if TYPE_CHECKING:
    from edgemm.converters.bundles.result import BundleConversion, PartConversion
    from edgemm.converters.conversion import Conversion

PARTS_HEADER = ("part", "file", "scheme", "size", "of source", "SNR dB")


def part_rows(role: str, part: PartConversion) -> list[tuple[str, ...]]:
    """A row for each length of the part, under `PARTS_HEADER`."""
    if part.conversion is None:
        return [(role, part.file, "as it is", size(part.size_bytes), "-", "-")]
    ratio = f"{part.size_bytes / max(part.source_size_bytes, 1):.2f}"
    return [
        (name, part.file, made.scheme, size(part.size_bytes), ratio, f"{made.fidelity.worst_db:.1f}")
        for name, made in part.named(role)
    ]


def write_bundle_page(path: Path, done: BundleConversion) -> None:
    """One self-contained HTML file about a bundle."""
    from edgemm.cli.demo.report import Section, page, paragraph, table

    rows = [row for role, part in done.parts.items() for row in part_rows(role, part)]
    notes = "".join(paragraph(note, small=True) for note in done.notes)
    sections = [Section("Parts", table(rows, PARTS_HEADER) + notes), Section("The whole", _whole(done))]
    sections += [Section(f"Part {name}", _of_part(made)) for name, made in done.conversions]
    lead = f"The bundle {done.card.name!r}, {size(done.size_bytes)}; its source has {size(done.source_size_bytes)}."
    atomic.save(path, page(f"edgemm convert: {done.output.name}", lead, sections), "--report")


def _whole(done: BundleConversion) -> str:
    from edgemm.cli.demo.report import paragraph

    if done.together is None:
        return paragraph("Not measured: there were no data. --calibrate or --evaluate gives some.")
    verdict = "Below the gate: " + "; ".join(done.missed) if done.missed else "The gate holds."
    return "".join(map(paragraph, (*done.together.sentences, verdict)))


def _of_part(made: Conversion) -> str:
    from edgemm.cli.convert_page import losses
    from edgemm.cli.demo.report import preformatted, table

    lost = "" if made.diagnosis is None else losses(made.diagnosis)
    return table(fidelity_rows(made.fidelity), FIDELITY_HEADER) + lost + preformatted(made.explanation)
