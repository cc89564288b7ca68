"""Seeds for generators: `seed:7`, `seed:0..9`, `seed:0..9?label=3`."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Literal

from edgemm.capture.files.file_source import FileSource
from edgemm.capture.uri import SourceUri
from edgemm.errors import InputError
from edgemm.lifecycle import Lifecycle
from edgemm.media import Seed

_RANGE = re.compile(r"(\d{1,18})(?:\.\.(\d{1,18}))?")


def open_seeds(named: SourceUri) -> SeedSource:
    """One seed, or all from the first to the last.

    Raises:
        InputError: something else, or an option that is not known.
    """
    named.only("label")
    found = _RANGE.fullmatch(named.path)
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
    if last < first:
        raise InputError(
            f"{named.text!r}: expected seed:NUMBER, or seed:FIRST..LAST in whole numbers, the last one no smaller "
            "than the first"
        )
    label = named.options.get("label")
    if label == "":
        raise InputError(f"{named.text!r}: label: expected the name or the number of a class, found nothing")
    return SeedSource(named.text, first, last, label)


class SeedSource(FileSource):
    """One `Seed` after the other, captured when it is read."""

    modality: Literal["seed"] = "seed"
    fps = 5.0
    """Of a film of what is made."""

    def __init__(
        self,
        uri: str,
        first: int,
        last: int,
        label: str | None = None,
        *,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Args:
        first, last: both are among them.
        label: of the class that is to be made; None: any.
        """
        self.uri = uri
        self._first, self._last, self._label, self._now_ns = first, last, label, now_ns
        self._read = 0
        self._life = Lifecycle(f"source {uri}", "open it again")

    def read(self, timeout_s: float | None = None) -> Seed | None:
        """The next one; None at the end.

        Raises:
            InputError: this process was forked after the source was opened.
        """
        self._life.check_process()
        seed = self._first + self._read
        if seed > self._last or not self._life.is_open:
            return None
        self._read += 1
        return Seed(seed, self._now_ns(), self._read - 1, self._label, f"seed:{seed}")

    def close(self) -> None:
        """May be called twice, and from any thread."""
        self._life.close(lambda: None)
