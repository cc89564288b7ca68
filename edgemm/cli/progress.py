"""Progress of long work on stderr: tqdm's bar on a terminal, a line per stage elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from edgemm import signals


class ProgressBar:
    """Callable as `progress(stage, done, total)`; one bar per stage."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._stage = ""
        self._bar: Any = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        """`done` of `total` steps of `stage` are behind us. Ends the command when a signal asked for it."""
        signals.check()
        if self._quiet:
            return
        if stage != self._stage:
            self._open(stage, total)
        if self._bar is not None:
            self._bar.n = done
            self._bar.refresh() if done == total else self._bar.update(0)

    def _open(self, stage: str, total: int) -> None:
        self.close()
        self._stage = stage
        if not sys.stderr.isatty():
            print(f"edgemm: {stage}", file=sys.stderr)
            return
        try:
            from tqdm import tqdm
        except ImportError:  # a device without the conversion packages
            print(f"edgemm: {stage}", file=sys.stderr)
            return
        self._bar = tqdm(total=total, desc=stage, leave=False, file=sys.stderr, mininterval=0.1)

    def close(self) -> None:
        """Takes the bar away; may be called twice."""
        if self._bar is not None:
            self._bar.close()
        self._bar, self._stage = None, ""

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
