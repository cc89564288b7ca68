"""What the commands print: one JSON object, or lines and tables for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgemm.errors import EdgemmError
from edgemm.strict_json import line

if TYPE_CHECKING:
    from edgemm.converters.fidelity import Fidelity


def emit_json(schema: str, content: Mapping[str, Any]) -> None:
    """One object on stdout, its `schema` first."""
    print(json.dumps({"schema": schema, **content}, indent=1, ensure_ascii=False, allow_nan=False))


def emit_line(content: Mapping[str, Any]) -> None:
    """One JSON object on one line, written at once, so that a pipe sees each as it happens."""
    text = line(content)
    try:
        print(text, flush=True)
    except UnicodeEncodeError:  # a terminal that has fewer characters
        print(json.dumps(json.loads(text)), flush=True)


def emit_error(error: EdgemmError, *, as_json: bool, in_lines: bool = False) -> int:
    """The error as one line on stderr (and as an object on stdout with --json, on one line where the command
    writes lines); its exit code."""
    if as_json:
        content = {"error": type(error).__name__, "message": str(error), "exit_code": error.exit_code}
        if in_lines:
            emit_line({"schema": "edgemm.error/1", **content})
        else:
            emit_json("edgemm.error/1", content)
    print(f"edgemm: {error}", file=sys.stderr)
    return error.exit_code


def table(rows: Sequence[Sequence[object]], header: Sequence[str]) -> str:
    """Columns in line: numbers to the right, the rest to the left."""
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    numeric = [
        bool(rows) and all(isinstance(row[column], int | float) for row in rows)
        for column in range(len(header))
    ]
    lines = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in cells
    ]
    return "\n".join(lines)


FIDELITY_HEADER = ("output", "SNR dB", "max error", "same class", "accuracy (float)")


def fidelity_rows(fidelity: Fidelity) -> list[tuple[str, ...]]:
    """What a conversion kept, a row for each output and for each of its unlike parts, under `FIDELITY_HEADER`."""
    rows: list[tuple[str, ...]] = []
    for each in fidelity.outputs:
        rows.append(
            (
                each.name,
                f"{each.snr_db:.1f}",
                f"{each.max_abs_error:.3g}",
                "-" if each.agreement is None else f"{each.agreement:.1%}",
                "-" if each.accuracy is None else f"{each.accuracy:.1%} ({each.accuracy_float:.1%})",
            )
        )
        rows += [(f"  {part}", f"{part.snr_db:.1f}", "-", "-", "-") for part in each.parts if part.indices]
    return rows


def size(number: int) -> str:
    """Bytes for people: "812 B", "4.2 kB", "13.0 MB"."""
    if number < 1000:
        return f"{number} B"
    return f"{number / 1000:.1f} kB" if number < 1_000_000 else f"{number / 1_000_000:.1f} MB"
