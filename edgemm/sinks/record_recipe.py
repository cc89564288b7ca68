"""What an app file says of its record: where, which results, and how much is kept.

"record": "results.jsonl"
"record": {"path": "results.jsonl", "when": {"changed": true}, "rotate_mb": 10, "max_mb": 100}
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edgemm.sinks.rotation import Rotation
from edgemm.sinks.when import When

if TYPE_CHECKING:
    from edgemm.sinks.record import Record

_MB = 1_000_000
_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class RecordRecipe:
    """A file that results are appended to, one JSON object a line."""

    path: str
    """The file to append to; relative paths are meant from the app file's folder."""
    when: When = field(default_factory=When)
    """Which results are written, of every stream that has no `when` of its own."""
    rotate_mb: float | None = None
    """A file ends before it is larger than so many megabytes (1,000,000 bytes), and the next begins; None: a quarter
    of `max_mb` where that is given, else never."""
    rotate_hours: float | None = None
    """A file ends so many hours after its first line; None: never."""
    keep_files: int | None = None
    """So many ended files are kept, the oldest removed; None: all."""
    max_mb: float | None = None
    """Megabytes of all files of the record together; the oldest are removed. None: no limit."""

    def rotation(self) -> Rotation:
        """The same in bytes and seconds.

        Raises:
            InputError: the values contradict each other.
        """
        return Rotation(
            None if self.rotate_mb is None else max(1, int(self.rotate_mb * _MB)),
            None if self.rotate_hours is None else self.rotate_hours * _HOUR_S,
            self.keep_files,
            None if self.max_mb is None else max(1, int(self.max_mb * _MB)),
        )

    def open(self, app: str) -> Record:
        """Opens the file.

        Raises:
            InputError: it cannot be opened, or is something else than results.
        """
        from edgemm.sinks.record import Record

        return Record(self.path, app=app, when=self.when, rotation=self.rotation())
