"""Files of results that grew large or old: `results.jsonl` becomes `results.000001.jsonl`, and the oldest go.

Numbers only grow, since a board without a battery does not know the time.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from edgemm.errors import InputError
from edgemm.strict_json import parse

_DIGITS = 6
_FIRST_LINE = 1 << 20
_SHARES = 4
"""Files that the space is divided among, where only the space is given."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """When a file ends and the next begins, and how much is kept."""

    rotate_bytes: int | None = None
    """A file is not larger; None: a quarter of `max_bytes` where that is given, else no limit."""
    rotate_s: float | None = None
    """Seconds after its first line a file ends; None: never."""
    keep_files: int | None = None
    """So many ended files are kept, the oldest removed; None: all."""
    max_bytes: int | None = None
    """Of all files of the record together; the oldest are removed. None: no limit."""

    def __post_init__(self) -> None:
        if self.max_bytes is not None and self.rotate_bytes is None:
            object.__setattr__(self, "rotate_bytes", max(1, self.max_bytes // _SHARES))
        if self.max_bytes is not None and (self.rotate_bytes or 0) > self.max_bytes:
            raise InputError(
                f"record: one file may have {self.rotate_bytes} bytes and all together {self.max_bytes}. Expected "
                "room for at least one"
            )
        if self.keep_files is not None and not self.renames:
            raise InputError("record: files are counted where they end: expected a size or an age as well")

    @property
    def renames(self) -> bool:
        """True when files end at all."""
        return self.rotate_bytes is not None or self.rotate_s is not None

    def is_due(self, size: int, more: int, age_s: float) -> bool:
        """True when a file of that size and age ends before `more` bytes are added."""
        if not size:
            return False
        too_large = self.rotate_bytes is not None and size + more > self.rotate_bytes
        return too_large or (self.rotate_s is not None and age_s >= self.rotate_s)

    def fits(self, more: int) -> bool:
        """True when a line of so many bytes may be written at all."""
        return self.max_bytes is None or more <= self.max_bytes


def ended_files(path: Path) -> list[Path]:
    """The files that ended, oldest first."""
    name = re.compile(re.escape(path.stem) + rf"\.([0-9]{{{_DIGITS},}})" + re.escape(path.suffix))
    with os.scandir(path.parent) as entries:
        found = [(name.fullmatch(entry.name), entry.name) for entry in entries]
    numbers = sorted((int(match[1]), name) for match, name in found if match)
    return [path.parent / name for _, name in numbers]


def end_file(path: Path) -> Path:
    """Gives the file its number: one more than the last. No file is overwritten.

    Raises:
        OSError: it cannot be renamed.
    """
    ended = ended_files(path)
    number = int(ended[-1].name[len(path.stem) + 1 : len(ended[-1].name) - len(path.suffix)]) if ended else 0
    target = path.with_name(f"{path.stem}.{number + 1:0{_DIGITS}}{path.suffix}")
    os.rename(path, target)
    return target


def remove_oldest(path: Path, rotation: Rotation, room: int) -> int:
    """Removes ended files until few enough are left, and `room` more bytes fit; returns how many were removed."""
    if rotation.keep_files is None and rotation.max_bytes is None:
        return 0
    ended = ended_files(path)
    sizes = [_size(each) for each in ended]
    removed = 0
    while ended and (
        (rotation.keep_files is not None and len(ended) > rotation.keep_files)
        or (rotation.max_bytes is not None and sum(sizes) + room > rotation.max_bytes)
    ):
        os.unlink(ended.pop(0))
        sizes.pop(0)
        removed += 1
    return removed


def age_s(first_line: bytes, boot: str, now_ns: int, now_utc_s: float) -> float:
    """Seconds since the first line of a file: by the monotonic clock where it is of this boot, else by the wall's."""
    from datetime import datetime

    try:
        content = parse(first_line, _FIRST_LINE)
        if content.get("boot") == boot and isinstance(content["captured_ns"], int):
            return max(0.0, (now_ns - content["captured_ns"]) / 1e9)
        written = datetime.fromisoformat(content["captured_utc"].replace("Z", "+00:00"))
        return max(0.0, now_utc_s - written.timestamp())
    except (ValueError, KeyError, TypeError, AttributeError):  # a line of another time, or cut short
        return 0.0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
