"""What `edgemm run` writes of results and of their end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from edgemm.cli.answer import answer, detected
from edgemm.cli.columns import printable
from edgemm.cli.output import emit_line
from edgemm.stream.account import in_words, record_in_words

if TYPE_CHECKING:
    from edgemm.stream.item import Item

RUN_SCHEMA = "edgemm.run/1"
"""Of a line with a result."""
SUMMARY_SCHEMA = "edgemm.summary/1"
"""Of the last line."""


class Lines:
    """Writes results as they come: JSON objects, or lines for people.

    For people, keyword results without a word have no line, and what was understood so far ends in "...".
    """

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def result(self, item: Item, stream: str = "") -> None:
        """One result, of a stream with a name where there are several."""
        if self._as_json:
            named = {"stream": stream} if stream else {}
            emit_line({"schema": RUN_SCHEMA, **named, **item.to_json()})
        elif detected(item.value):
            self._print(item, stream)

    def summary(self, summary: Mapping[str, Any]) -> None:
        """The last line: the summary of the one stream, or of an app."""
        if self._as_json:
            emit_line({"schema": SUMMARY_SCHEMA, "summary": summary})
            return
        for name, each in summary.get("streams", {"": summary}).items():
            print(
                f"summary{' of ' if name else ''}{printable(name)}: {printable(in_words(each))}", flush=True
            )
        if "awaited" in summary:
            print(f"never there: the source of {', '.join(map(printable, summary['awaited']))}", flush=True)
        if "streams" in summary and "record" in summary:
            print(f"record: {printable(record_in_words(summary['record']))}", flush=True)

    def _print(self, item: Item, stream: str) -> None:
        head = f"{printable(stream):10}  " if stream else ""
        late = "  LATE" if item.late else ""
        origin = printable(str(item.frame.origin))
        print(
            f"{head}{item.sequence:6}  {item.age_ms:8.2f} ms  {answer(item.value):26} {origin}{late}",
            flush=True,
        )
