"""The progress of a training: tqdm's bar on a terminal, nothing elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from edgemm import signals


class Bar:
    """One bar for each epoch, with the losses and the last score behind it."""

    def __init__(self, name: str, *, shown: bool) -> None:
        self._name = name
        self._shown = shown and sys.stderr.isatty()
        self._bar: Any = None
        self._score: float | None = None

    def epoch(self, number: int, count: int, steps: int | None) -> None:
        """Begins the bar of epoch `number`, counted from 0."""
        self.close()
        if self._shown:
            from tqdm import tqdm

            self._bar = tqdm(
                total=steps,
                desc=f"{self._name} {number + 1}/{count}",
                unit="step",
                leave=False,
                mininterval=0.2,
            )

    def step(self, losses: Mapping[str, float]) -> None:
        """One step is done. Ends the command when a signal asked for it."""
        signals.check()
        if self._bar is None:
            return
        shown = {name: f"{value:.4g}" for name, value in losses.items()}
        if self._score is not None:
            shown["score"] = f"{self._score:.4g}"
        self._bar.set_postfix(shown, refresh=False)
        self._bar.update()

    def score(self, score: float) -> None:
        """The last epoch was validated."""
        self._score = score

    def close(self) -> None:
        """Takes the bar away; may be called twice."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
