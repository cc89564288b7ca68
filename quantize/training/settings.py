"""How a network is trained."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from edgemm.choices import hint
from edgemm.errors import InputError
from edgemm.quantize.training.precision import Precision

OptimizerName = Literal["sgd", "adam", "adamw"]
ScheduleName = Literal["constant", "cosine", "step", "one_cycle"]


@dataclass(frozen=True, slots=True)
class Settings:
    """The numbers of a training. Raises InputError where one is out of range."""

    epochs: int = 10
    batch_size: int = 64
    """Samples in a step; of data that come as batches already, nothing."""
    steps_per_epoch: int | None = None
    """Needed where data has no end, or no length and the schedule must know the end; None: as many as there are."""
    optimizer: OptimizerName | Callable[[Any], Any] = "adam"
    """Or a callable that takes the parameters and gives a torch optimizer."""
    learning_rate: float = 1e-3
    momentum: float = 0.9
    """Of "sgd"."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Of "adam" and "adamw"."""
    weight_decay: float = 0.0
    schedule: ScheduleName | Callable[[Any, int], Any] = "constant"
    """Of the learning rate, moved on at every step. Or a callable that takes the optimizer and the number of all
    steps, and gives a torch scheduler."""
    warm_up: float = 0.0
    """Share of all steps over which the rate rises to its height; of "one_cycle", 0.3 where this is 0."""
    decay_every: int = 10
    """Epochs after which "step" multiplies the rate by `decay`."""
    decay: float = 0.1
    clip_norm: float | None = None
    """Gradients whose norm over all parameters is larger are scaled down to it."""
    patience: int | None = None
    """Epochs without a better score after which training stops; needs `validate`. None: all epochs are trained."""
    freeze_batch_norm: bool = False
    """Batch norms keep their mean and variance, as in evaluation."""
    precision: Precision = "float32"
    seed: int = 0
    threads: int = 1

    def __post_init__(self) -> None:
        for name, least in (
            ("epochs", 1),
            ("batch_size", 1),
            ("decay_every", 1),
            ("threads", 1),
            ("seed", 0),
        ):
            _whole(name, getattr(self, name), least)
        for name in ("steps_per_epoch", "patience"):
            if getattr(self, name) is not None:
                _whole(name, getattr(self, name), 1)
        _between("learning_rate", self.learning_rate, 0, math.inf, above=True)
        _between("momentum", self.momentum, 0, 1)
        _between("weight_decay", self.weight_decay, 0, math.inf)
        _between("warm_up", self.warm_up, 0, 1)
        _between("decay", self.decay, 0, 1, above=True)
        for each in self.betas:
            _between("betas", each, 0, 1)
        if self.clip_norm is not None:
            _between("clip_norm", self.clip_norm, 0, math.inf, above=True)
        _word("optimizer", self.optimizer, get_args(OptimizerName))
        _word("schedule", self.schedule, get_args(ScheduleName))
        if self.precision not in get_args(Precision):
            raise InputError(
                f"precision: expected one of {', '.join(get_args(Precision))}, found {self.precision!r}"
                f"{hint(str(self.precision), get_args(Precision))}"
            )

    def to_json(self) -> dict[str, Any]:
        """Plain values; a callable by its name."""
        return {each.name: _plain(getattr(self, each.name)) for each in fields(self)}


def _plain(value: Any) -> Any:
    if callable(value):
        return getattr(value, "__qualname__", type(value).__qualname__)
    return list(value) if isinstance(value, tuple) else value


def _whole(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{name}: expected a whole number of at least {least}, found {value!r}")


def _between(name: str, value: Any, low: float, high: float, *, above: bool = False) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not low <= value <= high or (above and value == low):
        bound = f"above {low:g}" if above else f"of at least {low:g}"
        upper = "" if math.isinf(high) else f", at most {high:g}"
        raise InputError(f"{name}: expected a number {bound}{upper}, found {value!r}")


def _word(name: str, value: Any, words: tuple[str, ...]) -> None:
    if not callable(value) and value not in words:
        raise InputError(
            f"{name}: expected one of {', '.join(words)}, or a callable, found {value!r}{hint(str(value), words)}"
        )
