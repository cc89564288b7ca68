"""What a training came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """The curves of a training, and which epoch's weights the network has now."""

    losses: dict[str, tuple[float, ...]]
    """Name -> its mean in each epoch. "loss" of `train`; "generator" and "discriminator" of `train_gan`."""
    scores: tuple[float, ...]
    """What `validate` gave after each epoch; empty without it."""
    best_epoch: int
    """From 1: the epoch whose weights were kept, which is the last one without `validate`."""
    steps: int
    seconds: float
    """Of this run alone, where a training was resumed."""
    stopped_early: bool = False
    resumed: bool = False

    @property
    def epochs(self) -> int:
        """Trained in all."""
        return len(next(iter(self.losses.values())))

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return {
            "losses": {name: list(curve) for name, curve in self.losses.items()},
            "scores": list(self.scores),
            "best_epoch": self.best_epoch,
            "steps": self.steps,
            "seconds": round(self.seconds, 3),
            "stopped_early": self.stopped_early,
            "resumed": self.resumed,
        }
