"""How sensitive a network is to pruning, as one page: what is lost when each width is pruned alone."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from edgemm import atomic
from edgemm.cli.demo.report import Section, page, paragraph, table
from edgemm.cli.sensitivity_rows import header, lost, name_of, sensitivity_rows, summary

if TYPE_CHECKING:
    from edgemm.quantize.prune.points import Point, Sensitivity

SHADES = ("#9db8dc", "#6c93c8", "#3b6fb6", "#27518a")
"""The more is removed, the darker."""
WIDTH, LEFT, RIGHT, TOP, STEP = 940, 250, 380, 46, 15
"""Pixels: of the whole picture, beside and above the bars, and from one bar to the next."""
LONGEST = 38
"""Letters of a name that are shown."""


def write_page(path: Path, found: Sensitivity, option: str = "--report") -> None:
    """One self-contained HTML file.

    Args:
        option: what the path was given as, for messages.
    """
    sections = [
        Section("What each width costs", picture(found)),
        Section("Figures", table(sensitivity_rows(found), header(found))),
    ]
    if found.notes:
        sections.append(Section("Notes", "".join(paragraph(each, small=True) for each in found.notes)))
    atomic.save(path, page("Sensitivity to pruning", summary(found), sections), option)


def picture(found: Sensitivity) -> str:
    """An SVG: for each width a group of bars, as long as what is lost; the longest is the whole width."""
    worst = max((found.lost(each) for each in found.points), default=0.0) or 1.0
    parts, y, shade, previous = [_legend(found)], float(TOP), 0, None
    for each in found.points:
        shade = shade + 1 if each.layers == previous else 0
        y += 0 if shade else 8
        length = min(max(found.lost(each) / worst, 0.0), 1.0) * (WIDTH - LEFT - RIGHT)
        parts.append(_row(found, each, y, length, SHADES[min(shade, len(SHADES) - 1)], not shade))
        previous, y = each.layers, y + STEP
    title = "What is lost when each width is pruned alone"
    line = f'<path d="M {LEFT} {TOP} V {y + 2:.0f}" stroke="#8a8f98"/>'
    return (
        f'<svg viewBox="0 0 {WIDTH} {y + 10:.0f}" width="{WIDTH}" height="{y + 10:.0f}" role="img" '
        f'aria-label="{title}"><title>{title}</title>{"".join(parts)}{line}</svg>'
    )


def _legend(found: Sensitivity) -> str:
    """What the bars show, in which order, and what the shades mean."""
    deepest = max((_depth(found, each) for each in found.points), default=0)
    marks = "".join(
        f'<circle cx="{LEFT + 6 + 14 * shade}" cy="31" r="5" fill="{color}"/>'
        for shade, color in enumerate(SHADES[: deepest + 1])
    )
    at = LEFT + 14 * (deepest + 1) + 4
    what = "error of the outputs" if found.measure != "score" else "loss of score"
    return (
        f'<text x="{LEFT}" y="14" fill="currentColor">The longer the bar, the larger the {what}</text>{marks}'
        f'<text x="{at}" y="35" fill="currentColor">the darker, the more is removed</text>'
    )


def _depth(found: Sensitivity, point: Point) -> int:
    """Its place among the points of its width."""
    return [each for each in found.points if each.layers == point.layers].index(point)


def _row(found: Sensitivity, point: Point, y: float, length: float, color: str, named: bool) -> str:
    names = ", ".join(point.layers)
    label = (
        f'<text x="{LEFT - 8}" y="{y + 10:.0f}" text-anchor="end" fill="currentColor">{escape(_short(point))}'
    )
    label += f"<title>{escape(names)}</title></text>"
    return (
        f'{label if named else ""}<rect x="{LEFT}" y="{y:.0f}" width="{max(length, 1):.1f}" height="12" '
        f'fill="{color}"><title>{escape(names)}: {point.before} to {point.after} {point.kind}</title></rect>'
        f'<text x="{LEFT + length + 6:.1f}" y="{y + 10:.0f}" fill="currentColor">'
        f"{point.after} of {point.before}, {point.macs:.0%} of MACs: {escape(lost(found, point))}</text>"
    )


def _short(point: Point) -> str:
    """The end of the name, which is where names of layers differ."""
    name = name_of(point)
    return name if len(name) <= LONGEST else f"...{name[3 - LONGEST :]}"
