"""Pictures of the report as inline SVG: no plotting package, no script, readable offline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

import numpy as np
import numpy.typing as npt

BLUE, GREEN, RED, GREY = "#3b6fb6", "#3a9a5b", "#c2453c", "#8a8f98"
LINES = ((BLUE, ""), ("#d98218", "6 3"), (GREEN, "2 3"), (RED, "8 3 2 3"), ("#7b5bb5", "1 3"), (GREY, "10 4"))
"""Colour and dashes of one model after the other: those who see no colours have the dashes."""
STAGE_COLORS = {"wait": "#b8bcc4", "preprocess": "#e0a83a", "infer": BLUE, "decode": GREEN}


def _svg(width: int, height: int, parts: Sequence[str], title: str) -> str:
    body = "".join(parts)
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="{escape(title)}"><title>{escape(title)}</title>{body}</svg>'
    )


def _text(x: float, y: float, text: object, *, anchor: str = "start", color: str = "currentColor") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}">{escape(str(text))}</text>'


def _bar(x: float, y: float, width: float, height: float, color: str, tip: str = "") -> str:
    inner = f"<title>{escape(tip)}</title>" if tip else ""
    return (
        f'<rect x="{x:.2f}" y="{y:.2f}" width="{max(width, 0):.2f}" height="{max(height, 0):.2f}" '
        f'fill="{color}">{inner}</rect>'
    )


def confusion(matrix: npt.NDArray[np.int64], labels: Sequence[str], title: str) -> str:
    """Rows: the truth; columns: the answer. Right answers blue, wrong ones red, by share of the row."""
    cell, left, top = 26, 84, 34
    count = len(labels)
    parts = [_text(left + cell * count / 2, 14, title, anchor="middle")]
    for row in range(count):
        total = max(int(matrix[row].sum()), 1)
        parts.append(_text(left - 6, top + cell * (row + 0.68), labels[row], anchor="end"))
        parts.append(_text(left + cell * (row + 0.5), top - 4, labels[row][:3], anchor="middle"))
        for column in range(count):
            number = int(matrix[row, column])
            share = number / total
            color = BLUE if row == column else RED
            tip = f"{labels[row]} taken for {labels[column]}: {number}"
            x, y = left + cell * column, top + cell * row
            box = _bar(x, y, cell - 1, cell - 1, color, tip)
            opacity = 0.06 if number == 0 else max(0.18, share)
            parts.append(f'<g opacity="{opacity:.2f}">{box}</g>')
            if number:
                strong = "#fff" if share > 0.5 else "currentColor"
                parts.append(_text(x + cell / 2, y + cell * 0.68, number, anchor="middle", color=strong))
    return _svg(left + cell * count + 8, top + cell * count + 8, parts, title)


def histogram(values_ms: Sequence[float], budget_ms: float, title: str) -> str:
    """How many results had which age, and where the budget ends."""
    width, height, left, bottom = 520, 190, 40, 30
    values = np.asarray(values_ms, np.float64)
    reach = max(float(values.max()) if values.size else 0.0, budget_ms) * 1.1
    counts, edges = np.histogram(values, bins=52, range=(0.0, reach))
    top = max(int(counts.max()), 1) if counts.size else 1
    scale_x, scale_y = (width - left - 10) / reach, (height - bottom - 30) / top
    parts = [_text(left, 14, title)]
    for count, begin, end in zip(counts, edges[:-1], edges[1:], strict=True):
        color = RED if begin >= budget_ms else BLUE
        tip = f"{begin:.2f} to {end:.2f} ms: {count}"
        parts.append(
            _bar(
                left + begin * scale_x,
                height - bottom - count * scale_y,
                (end - begin) * scale_x - 1,
                count * scale_y,
                color,
                tip,
            )
        )
    line = left + budget_ms * scale_x
    parts += [
        f'<line x1="{line:.1f}" x2="{line:.1f}" y1="22" y2="{height - bottom}" stroke="{RED}" stroke-dasharray="4 3"/>',
        _text(line - 4, 32, f"budget {budget_ms:g} ms", anchor="end", color=RED),
        _bar(left, height - bottom, width - left - 10, 1, GREY),
        _text(left, height - 12, "0"),
        _text(width - 10, height - 12, f"{reach:.1f} ms from capture", anchor="end"),
        _text(left - 6, 34, top, anchor="end"),
    ]
    return _svg(width, height, parts, title)


def stages(rows: Mapping[str, Mapping[str, float]], title: str) -> str:
    """Where the milliseconds went: one bar per stream, one colour per stage."""
    left, width, step = 150, 640, 30
    height = 50 + step * len(rows)
    longest = max((sum(times.values()) for times in rows.values()), default=1.0) or 1.0
    scale = (width - left - 90) / longest
    parts = [_text(0, 14, title)]
    for index, (name, times) in enumerate(rows.items()):
        y, x = 26.0 + index * step, float(left)
        parts.append(_text(left - 8, y + 14, name, anchor="end"))
        for stage, ms in times.items():
            parts.append(_bar(x, y, ms * scale, 19, STAGE_COLORS.get(stage, GREY), f"{stage}: {ms:.3f} ms"))
            x += ms * scale
        parts.append(_text(x + 6, y + 14, f"{sum(times.values()):.2f} ms"))
    x = float(left)
    for stage, color in STAGE_COLORS.items():
        parts += [_bar(x, height - 14, 10, 10, color), _text(x + 14, height - 5, stage)]
        x += 90
    return _svg(width, height, parts, title)


def sizes(rows: Mapping[str, int], title: str) -> str:
    """File sizes beside each other."""
    left, width, step = 190, 560, 22
    largest = max(rows.values(), default=1)
    parts = [_text(0, 14, title)]
    for index, (name, number) in enumerate(rows.items()):
        y = 24.0 + index * step
        length = (width - left - 80) * number / largest
        parts += [
            _text(left - 8, y + 12, name, anchor="end"),
            _bar(left, y, length, 15, GREY if "float" in name else GREEN, f"{number} bytes"),
            _text(left + length + 6, y + 12, f"{number / 1000:.1f} kB"),
        ]
    return _svg(width, 30 + step * len(rows), parts, title)


def timeline(
    envelope: npt.NDArray[np.float32],
    seconds: float,
    spoken: Sequence[tuple[float, float, str]],
    heard: Sequence[tuple[float, str]],
    title: str,
) -> str:
    """Sound over time: its loudness, the words that were said, and the words that were found.

    Args:
        envelope: float32[n], loudness 0..1 over the whole length.
        seconds: the whole length.
        spoken: (start, end, word) in seconds.
        heard: (time, word) in seconds; red where it is not the word being said.
    """
    parts = [_text(0, 14, title), *_sound(envelope, seconds, spoken)]
    scale = _WIDE / max(seconds, 1e-9)
    for at, word in heard:
        right = any(start - 0.1 <= at <= end + 1.1 and word == said for start, end, said in spoken)
        color = GREEN if right else RED
        parts.append(
            f'<line x1="{at * scale:.1f}" x2="{at * scale:.1f}" y1="22" y2="108" stroke="{color}" stroke-width="2"/>'
        )
        parts.append(_text(at * scale, 122, word, anchor="middle", color=color))
    return _svg(_WIDE, 130, parts, title)


def transcript(
    envelope: npt.NDArray[np.float32],
    seconds: float,
    spoken: Sequence[tuple[float, float, str]],
    told: Sequence[tuple[float, str, bool]],
    title: str,
) -> str:
    """Sound over time, and below it each text at the moment when it was told.

    Args:
        envelope, seconds, spoken: as of `timeline`.
        told: (time in seconds, text, whether it is final), in order.
    """
    parts = [_text(0, 14, title), *_sound(envelope, seconds, spoken)]
    scale = _WIDE / max(seconds, 1e-9)
    y = 108
    for at, text, final in told:
        y += 16
        color, x = GREEN if final else GREY, at * scale
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="22" y2="{y}" stroke="{color}" stroke-opacity="0.5"/>'
        )
        near_end = x > _WIDE * 0.7
        said = f"{text or '(nothing)'} ({at:.1f} s)"
        parts.append(
            _text(x + (-4 if near_end else 4), y, said, anchor="end" if near_end else "start", color=color)
        )
    return _svg(_WIDE, y + 8, parts, title)


_WIDE = 900


def _sound(
    envelope: npt.NDArray[np.float32], seconds: float, spoken: Sequence[tuple[float, float, str]]
) -> Iterator[str]:
    """Loudness, with the words that were said behind it and below."""
    scale, step = _WIDE / max(seconds, 1e-9), _WIDE / max(len(envelope), 1)
    for start, end, word in spoken:
        yield f'<g opacity="0.12">{_bar(start * scale, 22, (end - start) * scale, 66, GREY)}</g>'
        yield _text((start + end) / 2 * scale, 102, word, anchor="middle", color=GREY)
    for index, level in enumerate(envelope):
        tall = float(level) * 60
        yield _bar(index * step, 55 - tall / 2, step, tall, BLUE)


def over_latency(points: Mapping[str, tuple[float, float]], what: str) -> str:
    """Each step as a dot: milliseconds to the right, the figure upwards; a line through them in their order.

    Args:
        points: name -> milliseconds, and the figure.
        what: the figure's name.
    """
    width, height, left, below = 560, 260, 60, 36
    times, figures = [each[0] for each in points.values()], [each[1] for each in points.values()]
    most, low, high = max(times, default=1.0) or 1.0, min(figures, default=0.0), max(figures, default=1.0)
    span = (high - low) or abs(high) or 1.0
    at = {
        name: (left + (width - left - 110) * ms / most, 20 + (height - below - 40) * (high - figure) / span)
        for name, (ms, figure) in points.items()
    }
    parts = [
        f'<path d="M {left} 10 V {height - below} H {width}" fill="none" stroke="{GREY}"/>',
        _text(width, height - 8, "ms", anchor="end"), _text(left - 6, 24, f"{high:.4g}", anchor="end"),
        _text(left - 6, height - below - 16, f"{low:.4g}", anchor="end"), _text(left, height - 8, "0"),
        _text(left + (width - left - 110), height - 8, f"{most:.3g}", anchor="middle"),
    ]  # fmt: skip
    line = " L ".join(f"{x:.1f} {y:.1f}" for x, y in at.values())
    parts.append(f'<path d="M {line}" fill="none" stroke="{GREY}" stroke-dasharray="4 3"/>')
    for name, (x, y) in at.items():
        ms, figure = points[name]
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{BLUE}"><title>{escape(name)}: {figure:.4g}, {ms:.4g} ms'
            "</title></circle>"
        )
        parts.append(_text(x + 9, y + 4, name))
    return _svg(width, height, parts, f"{what} over latency")


def curves(lines: Mapping[str, Sequence[float | None]], title: str) -> str:
    """A figure over strengths 0, 1, 2 ...: one line for each name, in the colours of `legend`.

    Args:
        lines: name -> its figures; None where one is not known.
    """
    width, height, left, below = 280, 190, 46, 24
    known = [value for line in lines.values() for value in line if value is not None]
    low, high = min([0.0, *known]), max([1.0, *known])
    high = max(known, default=1.0) if max(known, default=0.0) > 1 else 1.0
    steps = max((len(line) for line in lines.values()), default=2) - 1

    def place(at: int, value: float) -> tuple[float, float]:
        across = left + (width - left - 12) * at / max(steps, 1)
        return across, 24 + (height - below - 24) * (high - value) / ((high - low) or 1.0)

    parts = [
        _text(left, 14, title),
        f'<path d="M {left} 24 V {height - below} H {width - 8}" fill="none" stroke="{GREY}"/>',
        _text(left - 5, 30, f"{high:.3g}", anchor="end"), _text(left - 5, height - below, f"{low:.3g}", anchor="end"),
        *(_text(place(at, low)[0], height - 8, at, anchor="middle") for at in range(steps + 1)),
    ]  # fmt: skip
    for number, (name, line) in enumerate(lines.items()):
        color, dashes = LINES[number % len(LINES)]
        at_each = [(*place(at, value), value) for at, value in enumerate(line) if value is not None]
        path = " L ".join(f"{x:.1f} {y:.1f}" for x, y, _ in at_each)
        if path:
            parts.append(
                f'<path d="M {path}" fill="none" stroke="{color}" stroke-width="2" stroke-dasharray="{dashes}"/>'
            )
        parts += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}">'
            f"<title>{escape(name)}: {value:.4g}</title></circle>"
            for x, y, value in at_each
        ]
    return _svg(width, height, parts, title)


def legend(names: Sequence[str]) -> str:
    """Which line is whose, in `curves`."""
    parts = []
    for number, name in enumerate(names):
        color, dashes = LINES[number % len(LINES)]
        y = 12 + 20 * number
        parts.append(
            f'<path d="M 0 {y} H 34" stroke="{color}" stroke-width="2" stroke-dasharray="{dashes}" fill="none"/>'
        )
        parts.append(_text(42, y + 4, name))
    return _svg(300, 6 + 20 * len(names), parts, "lines")


def intervals(figures: Mapping[str, tuple[float, Sequence[float] | None]], title: str) -> str:
    """Each figure as a dot, with the interval around it.

    Args:
        figures: name -> the figure, and the two ends of its interval.
    """
    left, width, step = 170, 560, 24
    ends = [each for value, interval in figures.values() for each in (value, *(interval or ()))]
    low, high = min(ends), max(ends)
    span = (high - low) or abs(high) or 1.0

    def place(value: float) -> float:
        return left + 10 + (width - left - 90) * (value - low) / span

    parts = [_text(0, 14, title)]
    for index, (name, (value, interval)) in enumerate(figures.items()):
        y = 34 + index * step
        parts.append(_text(left - 8, y + 4, name if len(name) <= 26 else f"...{name[-23:]}", anchor="end"))
        if interval is not None:
            first, last = map(place, interval)
            parts.append(f'<path d="M {first:.1f} {y} H {last:.1f}" stroke="{BLUE}" stroke-width="3"/>')
        parts.append(f'<circle cx="{place(value):.1f}" cy="{y}" r="5" fill="{BLUE}"/>')
        parts.append(_text(width - 70, y + 4, f"{value:.4g}"))
    return _svg(width, 44 + step * len(figures), parts, title)
