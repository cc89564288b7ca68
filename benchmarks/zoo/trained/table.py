"""The rows as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.timing import instruction_set

FORMATS = ("tflite", "onnx")
MOST_LOST = 0.01
"""Share of its measure that an int8 file may lose before it is named with its worst layer."""


def table(
    rows: Sequence[dict[str, Any]], remarks: Mapping[str, str] | None = None, absent: Sequence[str] = ()
) -> str:
    """Markdown: a line for each network and format, then every file that loses more than MOST_LOST.

    Args:
        remarks: a sentence about a row, by its name.
        absent: names of networks that have no row.
    """
    lines = [
        f"One thread, {instruction_set()}. Each file in its own runtime on real data that calibration did not see,",
        "against the source in its own. Decibels are of the worst output; `error` is the largest, as a share of that",
        "output's range. int8 by `--scheme auto`, gate and repair on; `seconds` are of the int8 conversion, `repair`",
        "those of its repair and how many steps it took. `lost` is the share of the measure that int8 loses: of",
        "distances in pixels, the distance as a share of the picture's side; of PSNR to the source's picture, the",
        "error as a share of the range.",
        "",
        "| network | format | float dB | float error | int8 dB | scheme | measure: source | float | int8 | lost "
        "| gate | kB: source | float | int8 | seconds | repair |",
        f"|{' --- |' * 16}",
    ]
    lines += [_line(row, each) for row in rows if "error" not in row for each in FORMATS]
    told = remarks or {}
    measured = [row for row in rows if "error" not in row]
    lines += [
        "",
        *(f"- {row['name']}: {row['measure']}. {told.get(row['name'], '')}".rstrip() for row in measured),
    ]
    lines += ["", *_named(rows)]
    lines += ["", f"Not measured in this run: {', '.join(absent)}."] if absent else []
    return "\n".join(lines) + "\n"


def _line(row: dict[str, Any], suffix: str) -> str:
    exact, small = row[f"{suffix} float"], row[f"{suffix} auto"]
    cells = [row["name"], suffix, *_cells(exact, "dB", "worst"), *_cells(small, "dB", "scheme")]
    cells += [row["source"], *_cells(exact, "value"), *_cells(small, "value")]
    cells += ["" if "error" in small else f"{small['lost']:.1%}"]
    cells += ["" if "error" in small else "missed" if small["missed"] else "met"]
    cells += [row["source_kB"], *_cells(exact, "kB"), *_cells(small, "kB", "seconds")]
    cells += ["" if "error" in small else f"{small['repair_seconds']} s, {small['repairs']}"]
    return f"| {' | '.join(str(each) for each in cells)} |"


def _cells(form: dict[str, Any], *keys: str) -> list[Any]:
    return ["refused"] + [""] * (len(keys) - 1) if "error" in form else [form[key] for key in keys]


def _named(rows: Sequence[dict[str, Any]]) -> list[str]:
    """What loses too much, misses its gate, or could not be made."""
    said = []
    for row in rows:
        if "error" in row:
            said.append(f"- {row['name']}: not measured: {row['error']}")
            continue
        for suffix in FORMATS:
            for scheme in ("float", "auto"):
                form = row[f"{suffix} {scheme}"]
                what = f"- {row['name']}, .{suffix}, {'int8' if scheme == 'auto' else 'float'}"
                if "error" in form:
                    said.append(f"{what}: {form['error']}")
                    continue
                if form["lost"] > MOST_LOST:
                    said.append(
                        f"{what}: loses {form['lost']:.1%}; most by {form.get('layer', 'no single layer')}"
                    )
                said += [f"{what}: gate: {each}" for each in form["missed"]]
    return said or ["No file loses more than 1 % of its measure."]
