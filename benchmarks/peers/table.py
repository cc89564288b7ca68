"""The forms that are compared, the limits, and the table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

from edgemm.quantize.choice import Estimate, in_order


@dataclass(frozen=True, slots=True)
class Form:
    """How one of our files is made."""

    scheme: Literal["auto", "static", "dynamic", "mixed", "float"]
    target: str = "cpu"


FORMS: dict[str, Form] = {
    "float.tflite": Form("float"),
    "static.tflite": Form("static"),
    "dynamic.tflite": Form("dynamic"),
    "mixed.tflite": Form("mixed"),
    "auto.tflite": Form("auto"),
    "float.onnx": Form("float"),
    "static.onnx": Form("static"),
    "dynamic.onnx": Form("dynamic"),
    "mixed.onnx": Form("mixed"),
    "auto.onnx": Form("auto"),
    "auto_here.onnx": Form("auto", "here"),
}
"""Ours, by the end of their names."""
SOURCE = "onnx"
"""PyTorch's own export."""
LITERT, EDGE_STATIC, EDGE_DYNAMIC = "litert.tflite", "aeq_static.tflite", "aeq_dynamic.tflite"
ORT_STATIC, ORT_DYNAMIC = ("ort_u8s8.onnx", "ort_s8s8.onnx"), "ort_dynamic.onnx"
ORT = (*ORT_STATIC, ORT_DYNAMIC)
PEERS = (LITERT, EDGE_STATIC, EDGE_DYNAMIC, *ORT_STATIC, ORT_DYNAMIC)
NETWORKS = 14
RIGHT_AT_LEAST = 12
"""Of the networks, for which the predicted best form is the measured best; others cost at most MISS more."""
ALIKE = 1.03
"""Two runs of one file differ by as much."""
MISS = 1.10

Row = dict[str, Any]
Ratio = Callable[[Row], float | None]


def ms(row: Row, *forms: str) -> float | None:
    """Of the fastest of these files; None where none of them runs."""
    files = row.get("files", {})
    known = [files[form]["ms"] for form in forms if form in files]
    return min(known) if known else None


def over(form: str, *others: str) -> Ratio:
    """Time of a file over that of the fastest of others."""

    def ratio(row: Row) -> float | None:
        ours, theirs = ms(row, form), ms(row, *others)
        return None if ours is None or theirs is None else ours / theirs

    return ratio


def spent(step: Iterable[str], key: str, *forms: str) -> Ratio:
    """Processor time (sum) or peak memory (largest) of converting over that of the peers' steps."""

    def ratio(row: Row) -> float | None:
        together = sum if key == "cpu_s" else max
        theirs = [row["peers"].get(each, {}).get(key) for each in step]
        ours = [row["made"].get(form, {}).get(key) for form in forms]
        if None in theirs or None in ours or not together(theirs):
            return None
        return float(together(ours) / together(theirs))

    return ratio


EDGE = (EDGE_STATIC, EDGE_DYNAMIC)
STEPS = ("litert", "edge_quantizer")
LIMITS: tuple[tuple[str, Ratio, float | None, float | None], ...] = (
    ("float .tflite over litert-torch's", over("float.tflite", LITERT), 1.0, 1.1),
    ("float .onnx over the exporter's", over("float.onnx", SOURCE), None, 1.1),
    ("auto .tflite over our float", over("auto.tflite", "float.tflite"), 0.6, 1.0),
    ("auto .tflite over ai-edge-quantizer's better", over("auto.tflite", *EDGE), 1.0, 1.1),
    ("auto .onnx for this machine over our float", over("auto_here.onnx", "float.onnx"), 0.6, 1.0),
    ("auto .onnx over our float", over("auto.onnx", "float.onnx"), 0.6, 1.0),
    ("auto .onnx for this machine over onnxruntime's better", over("auto_here.onnx", *ORT), 1.0, None),
    ("auto .onnx over onnxruntime's better", over("auto.onnx", *ORT), 1.0, None),
    ("processor time of converting, static .tflite", spent(STEPS, "cpu_s", "static.tflite"), 0.25, None),
    ("processor time of converting, auto .tflite", spent(STEPS, "cpu_s", "auto.tflite"), 0.6, None),
    ("peak memory of converting, auto .tflite", spent(STEPS, "peak_mb", "auto.tflite"), 0.5, None),
)  # fmt: skip
"""What, its ratio for a network, and the most that the median and the worst may be."""
MUCH_FASTER, IN_AT_LEAST = 0.8, 3
"""auto .tflite takes at most so much of ai-edge-quantizer's better, for so many networks."""


def checked(rows: list[Row]) -> Iterator[tuple[str, bool]]:
    """Each limit in a line, and whether it is held."""
    for what, ratio, middle, worst in LIMITS:
        found = {row["name"]: each for row in rows if (each := ratio(row)) is not None}
        if not found:
            yield f"{what}: nothing was measured", False
            continue
        name = max(found, key=lambda each: found[each])
        parts = [("median", median(found.values()), middle), (f"worst ({name})", found[name], worst)]
        said = ", ".join(
            f"{which} {value:.2f}" + (f" (at most {limit:g})" if limit is not None else "")
            for which, value, limit in parts
        )
        held = all(limit is None or value <= limit for _, value, limit in parts)
        yield f"{what}, {len(found)} networks: {said}", held
    much = [row["name"] for row in rows if (over("auto.tflite", *EDGE)(row) or 9.0) <= MUCH_FASTER]
    said = f"auto .tflite at most {MUCH_FASTER} of ai-edge-quantizer's better: {len(much)} networks"
    yield f"{said} (at least {IN_AT_LEAST}): {', '.join(much) or 'none'}", len(much) >= IN_AT_LEAST
    yield predicted(rows, "tflite")
    yield predicted(rows, "onnx")
    yield f"{len(rows)} networks of {NETWORKS} were measured", len(rows) == NETWORKS


def predicted(rows: list[Row], format_: str) -> tuple[str, bool]:
    """Is the form that `auto` puts first, by costs and sizes alone, the one that is fastest here, each form's file in
    the same turns?"""
    asked, right, missed = 0, 0, []
    for row in rows:
        told = row["made"].get(f"auto.{format_}", {}).get("candidates", [])
        known = [Estimate(each["form"], each["predicted_us"], each["size_bytes"], format_) for each in told]
        forms = [each for each in known if ms(row, f"{each.form}.{format_}")]
        if len(forms) < 2:
            continue
        asked += 1
        chosen = in_order(forms)[0].form
        over_best = over(f"{chosen}.{format_}", *(f"{each.form}.{format_}" for each in forms))(row) or 0.0
        right += over_best <= ALIKE
        if over_best > ALIKE:
            missed.append((over_best, f"{row['name']} {chosen} {over_best:.2f}"))
    needed = RIGHT_AT_LEAST * asked / NETWORKS
    said = f"predicted best is measured best, .{format_}: {right} of {asked} (at least {RIGHT_AT_LEAST} of {NETWORKS})"
    said += f"; others cost at most {MISS:g}: {', '.join(name for _, name in missed)}" if missed else ""
    return said, bool(asked) and right >= needed and all(each <= MISS for each, _ in missed)


COLUMNS: tuple[tuple[str, Ratio], ...] = (
    ("float .tflite / litert-torch", over("float.tflite", LITERT)),
    ("static / float", over("static.tflite", "float.tflite")),
    ("dynamic / float", over("dynamic.tflite", "float.tflite")),
    ("mixed / float", over("mixed.tflite", "float.tflite")),
    ("auto / float", over("auto.tflite", "float.tflite")),
    ("ai-edge-quantizer static / our float", over(EDGE_STATIC, "float.tflite")),
    ("dynamic / our float", over(EDGE_DYNAMIC, "float.tflite")),
    ("auto / their better", over("auto.tflite", *EDGE)),
)
ONNX_COLUMNS: tuple[tuple[str, Ratio], ...] = (
    ("float .onnx / exporter", over("float.onnx", SOURCE)),
    ("static / float", over("static.onnx", "float.onnx")),
    ("dynamic / float", over("dynamic.onnx", "float.onnx")),
    ("mixed / float", over("mixed.onnx", "float.onnx")),
    ("auto (cpu) / float", over("auto.onnx", "float.onnx")),
    ("auto (here) / float", over("auto_here.onnx", "float.onnx")),
    ("onnxruntime static / our float", over(ORT_STATIC[0], "float.onnx")),
    ("dynamic / our float", over(ORT_DYNAMIC, "float.onnx")),
    ("auto (here) / their better", over("auto_here.onnx", *ORT)),
)
FIDELITY = ("float.tflite", LITERT, "auto.tflite", EDGE_STATIC, EDGE_DYNAMIC, "auto.onnx", "auto_here.onnx",
            ORT_STATIC[0], ORT_DYNAMIC)  # fmt: skip


def table(rows: list[Row]) -> str:
    """Markdown."""
    rows = sorted(rows, key=lambda row: str(row["name"]))
    sets = sorted({row.get("instructions", "not measured") for row in rows})
    lines = [
        f"One thread, {', '.join(sets)}; medians of processor time, all files of a network in turns. `auto` is what",
        "`--scheme auto` chose, with 32 seeded samples; decibels against the PyTorch module on 8 others.",
        "",
        *(f"- {'held' if held else '**missed**'}: {line}" for line, held in checked(rows)),
    ]
    for columns in (COLUMNS, ONNX_COLUMNS):
        lines += ["", *_head("network", [what for what, _ in columns])]
        lines += [_line(row["name"], [_number(ratio(row)) for _, ratio in columns]) for row in rows]
    lines += ["", *_head("decibels", list(FIDELITY))]
    lines += [_line(row["name"], [_decibels(row, form) for form in FIDELITY]) for row in rows]
    lines += ["", *_head("made in seconds of processor time / MB", [*FORMS, *STEPS])]
    lines += [
        _line(row["name"], [_cost(row["made"].get(form, {})) for form in FORMS]
              + [_cost(row["peers"].get(step, {})) for step in STEPS])
        for row in rows
    ]  # fmt: skip
    lines += ["", *_refused(rows)]
    return "\n".join(lines) + "\n"


def _head(first: str, columns: list[str]) -> list[str]:
    return [_line(first, columns), f"| --- |{' --- |' * len(columns)}"]


def _line(first: str, cells: list[str]) -> str:
    return f"| {first} | {' | '.join(cells)} |"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _decibels(row: Row, form: str) -> str:
    found = row.get("files", {}).get(form)
    chosen = row["made"].get(form, {}).get("scheme", "") if form.startswith("auto") else ""
    return "" if found is None else f"{found['db']} {chosen}".strip()


def _cost(told: dict[str, Any]) -> str:
    return f"{told['cpu_s']:.1f} / {told['peak_mb']}" if "cpu_s" in told else ""


def _refused(rows: list[Row]) -> Iterator[str]:
    """What was not made, or does not run."""
    for row in rows:
        said = {form: made["error"] for form, made in row["made"].items() if "error" in made}
        said |= {step: made["error"] for step, made in row["peers"].items() if "error" in made}
        said |= row.get("refused", {})
        if "error" in row:
            said["timing"] = row["error"]
        for what, why in said.items():
            yield f"- {row['name']}, {what}: {' '.join(str(why).split())[:160]}"
