"""How sensitive a network is to pruning, as one page: what the score falls to when each width is pruned alone."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from edgemm import atomic
from edgemm.cli.demo.report import Section, page, paragraph, table

if TYPE_CHECKING:
    from edgemm.quantize.prune.modules.sensitivity import Point, Sensitivity

SHADES = ("#9db8dc", "#6c93c8", "#3b6fb6", "#27518a")
"""The more is removed, the darker."""


def write_page(path: Path, found: Sensitivity) -> None:
    """One self-contained HTML file."""
    lead = f"The whole network scores {found.score:.4g}. Each bar is one width pruned alone, nothing trained."
    rows = [
        (", ".join(each.layers), f"{each.before} -> {each.after} {each.kind}", f"{each.macs:.2f}",
         f"{each.score:.4g}", f"{each.score - found.score:+.4g}")
        for each in found.points
    ]  # fmt: skip
    header = ("layers", "left", "MACs left", "score", "change")
    sections = [Section("What each width costs", picture(found)), Section("Figures", table(rows, header))]
    if found.notes:
        sections.append(Section("What is kept", "".join(map(paragraph, found.notes))))
    atomic.save(path, page("Sensitivity to pruning", lead, sections), "--report")


def picture(found: Sensitivity) -> str:
    """An SVG: for each width a group of bars, their lengths the loss of score."""
    left, width, step = 270, 760, 14
    worst = max((found.score - each.score for each in found.points), default=0.0) or 1.0
    parts, y, shade, previous = [], 10.0, 0, None
    for each in found.points:
        shade = shade + 1 if each.layers == previous else 0
        y += 0 if shade else 10
        length = max((found.score - each.score) / worst, 0.0) * (width - left - 150)
        parts.append(_row(each, found.score, left, y, length, SHADES[min(shade, len(SHADES) - 1)], not shade))
        previous, y = each.layers, y + step
    title = "Loss of score when each width is pruned alone"
    return (
        f'<svg viewBox="0 0 {width} {y + 10:.0f}" width="{width}" height="{y + 10:.0f}" role="img" '
        f'aria-label="{title}"><title>{title}</title>{"".join(parts)}</svg>'
    )


def _row(point: Point, whole: float, left: int, y: float, length: float, color: str, named: bool) -> str:
    name = ", ".join(point.layers)
    shown = escape(name if len(name) <= 38 else f"{name[:35]}...")
    label = f'<text x="{left - 8}" y="{y + 10:.0f}" text-anchor="end" fill="currentColor">{shown}</text>'
    return (
        f'{label if named else ""}<rect x="{left}" y="{y:.0f}" width="{max(length, 1):.1f}" height="12" fill="{color}">'
        f"<title>{escape(name)}: {point.before} to {point.after} {point.kind}</title></rect>"
        f'<text x="{left + length + 6:.1f}" y="{y + 10:.0f}" fill="currentColor">'
        f"{point.after} of {point.before}: {point.score - whole:+.3g}</text>"
    )
