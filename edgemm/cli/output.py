"""What the commands print: one JSON object, or lines and tables for people."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO

from edgemm.cli.columns import columns
from edgemm.strict_json import line

if TYPE_CHECKING:
    from edgemm.converters.conversion import Conversion
    from edgemm.converters.fidelity import Fidelity, OutputFidelity

_held: list[dict[str, Any]] | None = None
"""The object of the command under way, until it is known how the command ended; None outside of commands."""


@contextmanager
def one_object() -> Iterator[list[dict[str, Any]]]:
    """Inside, `emit_json` keeps its object back: an error may come after it, and stdout takes one object in all."""
    global _held
    before, _held = _held, []
    try:
        yield _held
    finally:
        _held = before


def emit_json(schema: str, content: Mapping[str, Any]) -> None:
    """One object on stdout, its `schema` first; inside a command it is printed at the command's end."""
    made = {"schema": schema, **content}
    if _held is None:
        print_json(made)
    else:
        _held[:] = [made]


def print_json(content: Mapping[str, Any]) -> None:
    """An object over several lines, in characters that stdout has."""
    text = json.dumps(json.loads(line(content)), indent=1, ensure_ascii=False)
    print(text if _has(sys.stdout, text) else json.dumps(json.loads(text), indent=1))


def emit_line(content: Mapping[str, Any]) -> None:
    """One JSON object on one line, written at once, so that a pipe sees each as it happens."""
    text = line(content)
    print(text if _has(sys.stdout, text) else json.dumps(json.loads(text)), flush=True)


def _has(stream: TextIO | None, text: str) -> bool:
    """The stream's encoding has every character of the text."""
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeError:
        return False
    return True


@contextmanager
def lenient_streams() -> Iterator[None]:
    r"""Inside, a character that the terminal's encoding lacks is written as `\xe9`, never an error."""
    _open_what_is_closed()
    before = []
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            before.append((stream, stream.errors))
            stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        for stream, errors in before:
            with suppress(ValueError, OSError):  # closed, or its reader is gone
                stream.reconfigure(errors=errors)


def _open_what_is_closed() -> None:
    """Where the shell closed a stream (`2>&-`), it leads nowhere: else a model file would become stream 2."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  for the whole process


def table(rows: Sequence[Sequence[object]], header: Sequence[str]) -> str:
    """Columns in line, within the terminal's width: see `edgemm.cli.columns`."""
    return columns(rows, header)


FIDELITY_HEADER = ("output", "SNR dB", "max error", "same class", "accuracy (float)")


def fidelity_rows(fidelity: Fidelity) -> list[tuple[str, ...]]:
    """What a conversion kept, a row for each output and for each of its unlike parts, under `FIDELITY_HEADER`."""
    rows: list[tuple[str, ...]] = []
    for each in fidelity.outputs:
        no_size = each.not_measured or (each.class_numbers and each.max_abs_error)
        rows.append(
            (
                each.name,
                "-" if no_size else decibels(each.snr_db),
                "-" if no_size else f"{each.max_abs_error:.3g}",
                _same_class(each),
                "-" if each.accuracy is None else f"{each.accuracy:.1%} ({each.accuracy_float:.1%})",
            )
        )
        rows += [(f"  {part}", decibels(part.snr_db), "-", "-", "-") for part in each.parts if part.indices]
    return rows


def _same_class(each: OutputFidelity) -> str:
    """ "98.4%"; "98.4% (61.0% of 41)" where less holds for the 41 samples that are not of the most common class."""
    if each.top1_agreement is None:
        return "-"
    of_all = f"{each.top1_agreement:.1%}"
    if each.agreement == each.top1_agreement:
        return of_all
    return f"{of_all} ({each.besides_agreement:.1%} of {each.besides_rows})"


def decibels(snr_db: float) -> str:
    """ "41.8"; "exact" for no difference, which counts as 200 dB."""
    return "exact" if snr_db >= 200.0 else f"{snr_db:.1f}"


def size(number: int) -> str:
    """Bytes for people: "812 B", "4.2 kB", "13.0 MB"."""
    if number < 1000:
        return f"{number} B"
    return f"{number / 1000:.1f} kB" if number < 1_000_000 else f"{number / 1_000_000:.1f} MB"


def of_source(done: Conversion) -> str:
    """ "0.26 of the source", "7.0 times the source": the file's size."""
    ratio = done.size_bytes / done.source_size_bytes
    return f"{ratio:.2f} of the source" if ratio < 1.005 else f"{ratio:.1f} times the source"
