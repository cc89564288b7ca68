"""`edgemm convert --report` of a bundle: what each part and the whole kept, as one page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from edgemm import atomic
from edgemm.cli.output import decibels, size

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
        (name, part.file, made.scheme, size(part.size_bytes), ratio, decibels(made.fidelity.worst_db))
        for name, made in part.named(role)
    ]


def write_bundle_page(path: Path, done: BundleConversion, command: Sequence[str] = ()) -> None:
    """One self-contained HTML file about a bundle: the verdict on the whole first, then each part as a file has it.

    Args:
        command: the words of the command line, for the page's end; () for a call from Python.
    """
    from edgemm.cli.convert_page import listed, made_with, wide
    from edgemm.cli.demo.report import Section, page, table

    rows = [row for role, part in done.parts.items() for row in part_rows(role, part)]
    sections = [
        Section("The whole", _whole(done)),
        Section("Parts", wide(table(rows, PARTS_HEADER, "What became of each part"), "Parts")),
        Section("What to do next", listed(_next_steps(done))),
        Section("Notes", listed(done.notes)),
        *(Section(f"Part {name}", _of_part(made)) for name, made in done.conversions),
        Section("Made with", made_with(command)),
    ]
    sections = [each for each in sections if each.html]
    lead = f"The bundle {done.card.name!r}, {size(done.size_bytes)}; its source has {size(done.source_size_bytes)}."
    atomic.save(path, page(f"edgemm convert: {done.output.name}", lead, sections), "--report")


def _whole(done: BundleConversion) -> str:
    from edgemm.cli.convert_page import listed
    from edgemm.cli.demo.report import paragraph

    if done.together is None:
        return paragraph("Not measured: there were no data. --calibrate or --evaluate gives some.")
    kind, words = ("bad", "Below the gate") if done.missed else ("good", "Holds the gate")
    items = f"({done.together.items} items, source and file side by side)"
    box = f'<div class="verdict {kind}"><p><strong>{words}</strong> {items}</p>{listed(done.missed)}</div>'
    return box + listed(done.together.sentences)


def _next_steps(done: BundleConversion) -> list[str]:
    """Sentences, the most important first."""
    name = done.output.name
    told = []
    if done.together is None:
        told.append("--calibrate or --evaluate with real items says what the whole keeps.")
    if done.missed:
        told.append(
            "The gate was missed. Look below for the part that keeps least: --part ROLE=dynamic or --part ROLE=float "
            "changes it alone; --gate warn writes the bundle all the same."
        )
    if done.output.exists():
        told.append(
            f"On the device: edgemm verify {name} replays its goldens, edgemm bench {name} times whole results."
        )
    return told


def _of_part(made: Conversion) -> str:
    """What a file's page has, each under a smaller heading."""
    from edgemm.cli.convert_page import decided, listed, of_one

    told = [(each.title, each.html) for each in of_one(made)]
    told += [("Notes", listed(made.notes)), ("What was decided", decided(made))]
    return "".join(f"<h3>{escape(title)}</h3>{html}" for title, html in told if html)
