"""Converts each exported network to both formats and compares: `python -m benchmarks.zoo.measure DIR [NAME ...]`.

The truth is the PyTorch module's own answers on samples that calibration does not see. Each file has a process of its
own; a line of JSON each in DIR/rows.jsonl, where finished ones are not measured again, and a table in DIR/table.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import instruction_set
from benchmarks.zoo.export import SAMPLES

FORMATS = ("tflite", "onnx")
CALIBRATE = 32
FLOAT_DB = 80.0
"""Of a float file, at least; float32 sums in another order give some 100 to 140."""
REPAIR_S = 60.0
TIMEOUT_S = 900


def main() -> int:
    """Exit 1 when a network misses a limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("name", nargs="*")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.folder)))
        return 0
    kept = given.folder / "rows.jsonl"
    known = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    rows = {row["name"]: row for row in known}
    for path in sorted(given.folder.glob("*.*.onnx")):
        name = path.name.removesuffix(".onnx")
        if name in rows or (given.name and name.partition(".")[0] not in given.name):
            continue
        rows[name] = _in_child(path)
        print(json.dumps(rows[name]), flush=True)
        with kept.open("a") as file:
            file.write(json.dumps(rows[name]) + "\n")
    (given.folder / "table.md").write_text(table(list(rows.values())))
    return 0 if all(row["ok"] for row in rows.values()) else 1


def _in_child(path: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.zoo.measure", "--one", str(path)]
    name = path.name.removesuffix(".onnx")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return {"name": name, "ok": False, "error": f"took more than {TIMEOUT_S} s"}
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return {"name": name, "ok": False, "error": said[:300]}
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def measure(path: Path) -> dict[str, Any]:
    """One file: decibels of float and int8 ("auto") in both formats, and what became of it."""
    from edgemm.converters import convert
    from edgemm.errors import EdgemmError, FidelityMissed

    stored = np.load(path.with_name(path.name.split(".")[0] + ".npz"))
    inputs = {name: stored[name] for name in stored.files if name != "output"}
    samples = [{name: values[at] for name, values in inputs.items()} for at in range(len(stored["output"]))]
    (path.parent / "made").mkdir(exist_ok=True)
    row: dict[str, Any] = {"name": path.name.removesuffix(".onnx"), "ok": True}
    for suffix in FORMATS:
        for scheme in ("float", "auto"):
            key, out = f"{suffix} {scheme}", path.parent / "made" / f"{row['name']}.{scheme}.{suffix}"
            begin = time.perf_counter()
            try:
                data = samples[:CALIBRATE] if scheme == "auto" else None
                done = convert(path, output=out, scheme=scheme, calibrate=data, repair_seconds=REPAIR_S)
                row[f"{key} dB"] = found = decibels(out, samples[CALIBRATE:], stored["output"][CALIBRATE:])
                row["ok"] &= scheme == "auto" or found >= FLOAT_DB
                if scheme == "auto":
                    row[f"{key} scheme"] = done.scheme
            except FidelityMissed as error:
                row[f"{key} error"], row["ok"] = f"gate: {error}"[:200], False
            except EdgemmError as error:
                row[f"{key} error"], row["ok"] = str(error)[:200], False
            row[f"{key} s"] = round(time.perf_counter() - begin, 1)
    return row


def decibels(artifact: Path, samples: list[dict[str, Any]], truth: Any) -> float:
    """Signal to noise of a file's own answers against the module's."""
    import edgemm

    found = []
    with edgemm.load(artifact) as model:
        (answered,) = model.outputs
        for sample in samples:
            given = {
                spec.name: spec.quantize(_channels_last(sample[spec.name], spec.shape))
                for spec in model.inputs
            }
            found.append(answered.dequantize(model.run(given)[answered.name]))
    right = truth.astype(np.float64)
    noise = sum(
        np.square(_channels_first(one, each.shape).astype(np.float64) - each).sum()
        for one, each in zip(found, right, strict=True)
    )
    return round(float(10 * np.log10(np.square(right).sum() / max(float(noise), 1e-30))), 1)


def _channels_last(values: Any, shape: tuple[int, ...]) -> Any:
    """As the file takes them: .tflite has channels last."""
    return values if values.shape == shape else np.ascontiguousarray(np.moveaxis(values, 1, -1))


def _channels_first(values: Any, shape: tuple[int, ...]) -> Any:
    return values if values.shape == shape else np.moveaxis(values, -1, 1)


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown."""
    keys = [f"{suffix} {scheme}" for scheme in ("float", "auto") for suffix in FORMATS]
    lines = [
        f"One thread, {instruction_set()}. Decibels of the file against the PyTorch module, on {SAMPLES - CALIBRATE}",
        f"samples that calibration did not see; int8 by `--scheme auto` with {CALIBRATE} samples, gate and repair on.",
        "",
        f"| network and exporter | {' | '.join(keys)} | seconds |",
        f"| --- |{' --- |' * (len(keys) + 1)}",
    ]
    for row in sorted(rows, key=lambda each: each["name"]):
        cells = (
            [_cell(row, key) for key in keys]
            if "error" not in row
            else [row["error"], *[""] * (len(keys) - 1)]
        )
        seconds = sum(row.get(f"{key} s", 0.0) for key in keys)
        lines.append(f"| {row['name']} | {' | '.join(cells)} | {seconds:.0f} |")
    return "\n".join(lines) + "\n"


def _cell(row: dict[str, Any], key: str) -> str:
    if f"{key} error" in row:
        return str(row[f"{key} error"]).replace("|", "/").replace("\n", " ")[:120]
    scheme = row.get(f"{key} scheme", "")
    return f"{row[f'{key} dB']} dB {scheme}".strip()


if __name__ == "__main__":
    sys.exit(main())
