"""Pictures of a conversion's report: the forms over their latency, and what each layer costs and loses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from edgemm.cli.demo.charts import BLUE, GREEN, GREY, RED

WIDTH = 360
"""Units of the pictures, which are as wide as a phone's screen; on a larger one they grow."""
MOST = 520
"""Pixels that they grow to."""
EXACT_DB = 200.0


@dataclass(frozen=True, slots=True)
class Dot:
    """One form of the network."""

    name: str
    ms: float
    decibels: float | None
    """Of the worst output; None where it was not measured; `EXACT_DB` for no difference."""
    held: bool | None
    """The gate; None where it was not measured."""
    chosen: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """One layer: its share of the cost and of the noise, 0..1."""

    name: str
    cost: float
    noise: float
    told: str
    """For those who cannot see the bars: what both are in figures."""


def _svg(height: float, parts: Sequence[str], title: str, described: str) -> str:
    """With a title and a description for those who hear it."""
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" width="{MOST}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title><desc>{escape(described)}</desc>{''.join(parts)}</svg>"
    )


def _text(x: float, y: float, text: object, anchor: str = "start", color: str = "currentColor") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}">{escape(str(text))}</text>'


def forms(dots: Sequence[Dot], title: str) -> str:
    """Decibels upwards, milliseconds to the right: best is the upper left. The chosen form has a ring, one that missed
    the gate is a cross, one that was not tried is hollow and stands on the floor."""
    height, left, right, top, floor = 240.0, 42.0, WIDTH - 14.0, 26.0, 196.0
    most = max((each.ms for each in dots), default=0.0) or 1.0
    known = [each.decibels for each in dots if each.decibels is not None and each.decibels < EXACT_DB]
    high = max(known, default=0.0)
    low = min([*known, high - 10.0])

    def place(each: Dot) -> tuple[float, float]:
        x = left + 10 + (right - left - 20) * each.ms / most
        if each.decibels is None:
            return x, floor - 8
        if each.decibels >= EXACT_DB:
            return x, top + 8
        return x, top + 34 + (floor - top - 60) * (high - each.decibels) / ((high - low) or 1.0)

    parts = [
        f'<path d="M {left} {top - 8} V {floor} H {right}" fill="none" stroke="{GREY}"/>',
        _text(left - 4, top - 12, "dB"),
        _text(right, floor + 30, "milliseconds", "end"),
        _text(left + 10, floor + 14, "0", "middle"),
        _text(right - 10, floor + 14, f"{most:.3g}", "middle"),
    ]
    if any(each.decibels is not None and each.decibels >= EXACT_DB for each in dots):
        parts.append(_text(left - 4, top + 12, "exact", "end"))
    if known:
        parts.append(_text(left - 4, top + 38, f"{high:.1f}", "end"))
        if low in known and low != high:
            parts.append(_text(left - 4, floor - 22, f"{low:.1f}", "end"))
    last, lowest = 0.0, floor + 8
    for each in sorted(dots, key=lambda one: place(one)[1]):
        x, y = place(each)
        if each.decibels is None:  # on the floor: one name above the other
            lowest = at = lowest - 12
        else:
            last = at = max(y + 4, last + 12)
        parts.append(_mark(x, y, each))
        near_end = x > WIDTH * 0.6
        parts.append(_text(x + (-12 if near_end else 12), at, each.name, "end" if near_end else "start"))
    return _svg(height, parts, title, "; ".join(_said(each) for each in dots))


def _mark(x: float, y: float, each: Dot) -> str:
    tip = f"<title>{escape(_said(each))}</title>"
    ring = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="8.5" fill="none" stroke="currentColor" stroke-width="1.5"/>'
    if each.held is False:
        path = f"M {x - 4:.1f} {y - 4:.1f} l 8 8 m 0 -8 l -8 8"
        mark = f'<path d="{path}" stroke="{RED}" stroke-width="2.5" fill="none">{tip}</path>'
    elif each.held is None:
        mark = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="none" stroke="{GREY}" stroke-width="2">{tip}</circle>'
    else:
        color = GREEN if each.chosen else BLUE
        mark = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{color}">{tip}</circle>'
    return mark + (ring if each.chosen else "")


def _said(each: Dot) -> str:
    kept = (
        "not measured"
        if each.decibels is None
        else "exact"
        if each.decibels >= EXACT_DB
        else f"{each.decibels:.1f} dB"
    )
    held = {None: "", True: ", holds the gate", False: ", misses the gate"}[each.held]
    return f"{each.name}: {each.ms:.3g} ms, {kept}{held}{', chosen' if each.chosen else ''}"


def layers(bars: Sequence[Bar], costs: str, title: str) -> str:
    """For each layer its name, and under it two bars: the cost above, the noise below.

    Args:
        costs: what the cost is, for the legend: "predicted time".
    """
    step, top = 38.0, 30.0
    longest = max([each.cost for each in bars] + [each.noise for each in bars], default=0.0) or 1.0
    scale = (WIDTH - 60) / longest
    parts = [
        f'<rect x="0" y="4" width="10" height="8" fill="{BLUE}"/>', _text(14, 12, f"share of the {costs}"),
        f'<rect x="180" y="4" width="10" height="8" fill="{RED}"/>', _text(194, 12, "share of the noise"),
    ]  # fmt: skip
    for index, each in enumerate(bars):
        y = top + step * index
        name = each.name if len(each.name) <= 52 else f"...{each.name[-49:]}"
        parts.append(f"<g><title>{escape(each.name)}: {escape(each.told)}</title>{_text(0, y + 8, name)}")
        for share, color, down in ((each.cost, BLUE, 12), (each.noise, RED, 21)):
            parts.append(
                f'<rect x="0" y="{y + down:.0f}" width="{max(share * scale, 0.5):.1f}" height="7" fill="{color}"/>'
            )
            parts.append(
                f'<text x="{share * scale + 5:.1f}" y="{y + down + 7:.0f}" font-size="9" fill="currentColor">'
                f"{share:.1%}</text>"
            )
        parts.append("</g>")
    return _svg(top + step * len(bars), parts, title, "; ".join(f"{each.name}: {each.told}" for each in bars))


def share_bars(rows: Sequence[tuple[str, float, str, bool]], title: str) -> str:
    """One bar for each row.

    Args:
        rows: name, number, the number in words, whether it is the written file's.
    """
    step, left = 24.0, 66.0
    largest = max((number for _, number, _, _ in rows), default=0.0) or 1.0
    parts = []
    for index, (name, number, words, ours) in enumerate(rows):
        y, wide = 4 + step * index, (WIDTH - left - 86) * number / largest
        color = GREEN if ours else GREY
        parts += [
            _text(left - 6, y + 13, name, "end"),
            f'<rect x="{left:.0f}" y="{y:.0f}" width="{max(wide, 0.5):.1f}" height="17" fill="{color}"/>',
            _text(left + wide + 5, y + 13, words),
        ]
    said = "; ".join(f"{name}: {words}" for name, _, words, _ in rows)
    return _svg(8 + step * len(rows), parts, title, said)
