"""The rows as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.timing import instruction_set
from benchmarks.zoo.trained.forms import best

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
    lines += [each for row in measured for each in _besides(row)]
    lines += ["", *_named(rows)]
    lines += _choices(measured)
    lines += ["", f"Not measured in this run: {', '.join(absent)}."] if absent else []
    return "\n".join(lines) + "\n"


CHOICES = (
    "What `--scheme auto` weighed, for the target cpu. `points` are hundredths of the measure that a file loses to the",
    "source in its own runtime. Of each form: time of one inference over that of our float (processor time, the plain",
    "runtime, all forms in turns), in brackets as it was predicted, which leaves out what calling the runtime takes;",
    "then its points, and what the gate said of it where it was tried. Forms that were not taken are not repaired. The",
    "gate is judged on data that are neither calibrated with nor measured on.",
)


COLUMNS = (
    "network", "format", "taken", "gate", "measure: source", "taken", "points", "float", "static", "dynamic", "mixed",
    "predicted best is measured best",
)  # fmt: skip


def _choices(rows: Sequence[dict[str, Any]]) -> list[str]:
    """What was weighed: a line for each network and format."""
    weighed = [(row, each) for row in rows for each in FORMATS if row[f"{each} auto"].get("forms")]
    if not weighed:
        return []
    sides = [each for row, suffix in weighed if (each := best(row[f"{suffix} auto"]["forms"])) is not None]
    right, dear = (
        sum(first == fastest for first, fastest, _ in sides),
        max((ratio for *_, ratio in sides), default=1.0),
    )
    return [
        "",
        *CHOICES,
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|{' --- |' * len(COLUMNS)}",
        *(_choice(row, suffix, row[f"{suffix} auto"]) for row, suffix in weighed),
        "",
        f"Predicted best is measured best: {right} of {len(sides)}; the dearest miss takes {dear:.2f} times the best.",
    ]


def _choice(row: dict[str, Any], suffix: str, small: dict[str, Any]) -> str:
    forms = small["forms"]
    sides = best(forms)
    cells = [row["name"], suffix, small["scheme"], "missed" if small["missed"] else "held"]
    cells += [row["source"], small["value"], f"{small['points']:.1f}"]
    cells += [_weighed(forms, form) for form in ("float", "static", "dynamic", "mixed")]
    if sides is None:
        cells.append("not measured")
    else:
        first, fastest, ratio = sides
        cells.append("yes" if first == fastest else f"{first}, not {fastest}: {ratio:.2f} times")
    return f"| {' | '.join(str(each) for each in cells)} |"


def _weighed(forms: dict[str, Any], form: str) -> str:
    """Time over float's, predicted, points lost, and whether the gate was held."""
    told, base = forms.get(form, {}), forms.get("float", {})
    if "us" not in told:
        return "refused" if "error" in told else ""
    if form == "float":
        return f"{told['us']:.0f} us ({told['predicted_us']:.0f})"
    times, predicted = told["us"] / base["us"], told["predicted_us"] / base["predicted_us"]
    held = {True: ", held", False: ", missed", None: ""}[told["held"]]
    return f"{times:.2f} ({predicted:.2f}), {told['points']:.1f}{held}"


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


def _besides(row: dict[str, Any]) -> list[str]:
    """Other measures of a row: each int8 file's."""
    found: dict[str, list[str]] = {}
    for suffix in FORMATS:
        for what, value in row[f"{suffix} auto"].get("besides", {}).items():
            found.setdefault(what, []).append(f"{value} .{suffix}")
    return [f"- {row['name']}: {what}: {', '.join(each)}." for what, each in found.items()]


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
