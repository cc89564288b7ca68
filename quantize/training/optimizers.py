"""Optimizers and schedules: torch's own, by the settings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from edgemm.errors import InputError
from edgemm.quantize.training.settings import Settings

RISE = 0.3
"""Share of "one_cycle" that rises, where no warm-up is given: torch's own."""


def make_optimizer(parameters: Iterable[Any], settings: Settings) -> Any:
    """Of the parameters that may change.

    Raises:
        InputError: none of them may.
    """
    import torch

    free = [each for each in parameters if each.requires_grad]
    if not free:
        raise InputError(
            "the network has no parameters that may change: set requires_grad on those that shall be trained"
        )
    if callable(settings.optimizer):
        return settings.optimizer(free)
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimizer == "sgd":
        return torch.optim.SGD(free, rate, momentum=settings.momentum, weight_decay=decay)
    kind = torch.optim.Adam if settings.optimizer == "adam" else torch.optim.AdamW
    return kind(free, rate, betas=settings.betas, weight_decay=decay)


def make_schedule(optimizer: Any, settings: Settings, steps: int | None, in_epoch: int | None) -> Any:
    """The learning rate's course, moved on after every step; None where it stays as it is.

    Args:
        steps: of the whole training; None where nobody knows.
        in_epoch: steps of an epoch; None likewise.

    Raises:
        InputError: the schedule must know the number of steps, and nobody does.
    """
    import torch

    if settings.schedule == "constant" and not settings.warm_up:
        return None
    if steps is None or in_epoch is None:
        raise InputError(
            f"the schedule {settings.schedule!r} must know how many steps there are: give steps_per_epoch, since the "
            "data do not say it"
        )
    if callable(settings.schedule):
        return settings.schedule(optimizer, steps)
    turning = torch.optim.lr_scheduler
    if settings.schedule == "one_cycle":
        return turning.OneCycleLR(
            optimizer, settings.learning_rate, total_steps=steps, pct_start=settings.warm_up or RISE
        )
    rising = round(steps * settings.warm_up)
    left = max(steps - rising, 1)
    after = {
        "constant": lambda: turning.LambdaLR(optimizer, lambda _: 1.0),
        "cosine": lambda: turning.CosineAnnealingLR(optimizer, left),
        "step": lambda: turning.StepLR(optimizer, settings.decay_every * in_epoch, settings.decay),
    }[settings.schedule]()
    if not rising:
        return after
    first = turning.LinearLR(optimizer, 1 / (rising + 1), total_iters=rising)
    return turning.SequentialLR(optimizer, [first, after], [rising])
