"""`train`: a network learns the right answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edgemm.errors import TrainingError
from edgemm.quantize.loss_value import check_loss
from edgemm.quantize.training.bar import Bar
from edgemm.quantize.training.checkpoint import path_of
from edgemm.quantize.training.course import Course, Learner, Validate
from edgemm.quantize.training.identity import said_of
from edgemm.quantize.training.losses import Loss, LossName, check_all, find_loss
from edgemm.quantize.training.optimizers import make_optimizer
from edgemm.quantize.training.precision import answered
from edgemm.quantize.training.report import TrainingReport
from edgemm.quantize.training.samples import Batch, Data, Samples
from edgemm.quantize.training.settings import Settings

DEFAULTS = Settings()


def train(
    module: Any,
    data: Data,
    *,
    loss: LossName | Loss = "cross_entropy",
    settings: Settings = DEFAULTS,
    validate: Validate | None = None,
    checkpoint: str | Path | None = None,
    save_every: int | None = None,
    progress: bool = True,
) -> TrainingReport:
    """Trains a torch module, in place.

    The same weights, data and settings give the same weights again, bit for bit, on the same machine. torch's own
    generator is seeded for each step and is afterwards what it was; random changes of the data draw from it.

    Args:
        module: called with the inputs of a batch. Parameters without `requires_grad` stay as they are.
        data: `Samples`; a DataLoader; or a callable: number of the epoch, from 0 -> its batches, each (inputs,
            targets).
        loss: what is made small: a name (see `edgemm.quantize.training.losses`), or a callable of what the module
            gives and the targets. By its name, it is of the one output of the module, which may be in a dict.
        settings: epochs, optimizer, schedule and so on.
        validate: called after each epoch with the module in evaluation mode, without gradients; gives a score,
            higher is better. The weights of the best epoch are those that the module has in the end.
        checkpoint: a file where the training's state is kept, after each epoch and between. Where it is there
            already, the training goes on from it and ends with the weights that it would have had.
        save_every: steps between two checkpoints; None: a minute. An epoch's end is always one.
        progress: a bar, where standard error is a terminal.

    Raises:
        InputError: data, settings or checkpoint do not fit; nothing was trained.
        TrainingError: a loss or gradient is not finite; the module has the weights of the step before.
        MissingDependency: torch is not installed.
    """
    find = find_loss(loss)

    unseen = True

    def objective(batch: Batch) -> Any:
        nonlocal unseen
        found = answered(module, batch.inputs, settings.precision)
        if unseen and isinstance(data, Samples) and data.augment is None and isinstance(loss, str):
            check_all(loss, found, data.targets)
        unseen = False
        return find(found, batch.targets)

    named = {"loss": said_of(loss)}
    return fit(module, data, objective, named, settings, validate, checkpoint, save_every, progress)


def fit(
    module: Any,
    data: Data,
    objective: Callable[[Batch], Any],
    named: Mapping[str, str],
    settings: Settings,
    validate: Validate | None,
    checkpoint: str | Path | None,
    save_every: int | None,
    progress: bool,
) -> TrainingReport:
    """Makes an objective small; see `train`.

    Args:
        objective: a batch -> a tensor of one number, made with the module.
        named: what stands in the checkpoint's fingerprint for it, by name.
    """
    optimizer = make_optimizer(module.parameters(), settings)

    def step(batch: Batch) -> dict[str, float]:
        return {"loss": descend(objective(batch), optimizer, settings.clip_norm, "loss")}

    learner = Learner({"module": module}, {"module": optimizer}, step, named)
    path = path_of(checkpoint)
    bar = Bar(type(module).__name__, shown=progress)
    return Course(learner, data, settings, validate, path, save_every, bar).run()


def descend(loss: Any, optimizer: Any, clip_norm: float | None, name: str) -> float:
    """One step of an optimizer down a loss, which it returns.

    Raises:
        InputError: the loss is no tensor of one number.
        TrainingError: the loss or a gradient is not finite; no weight was changed.
    """
    import torch

    check_loss(loss)
    value = float(loss.detach())
    if not math.isfinite(value):
        raise TrainingError(f"the {name} is {value}")
    optimizer.zero_grad()
    loss.backward()
    parameters = [each for group in optimizer.param_groups for each in group["params"]]
    norm = torch.nn.utils.clip_grad_norm_(parameters, math.inf if clip_norm is None else clip_norm)
    if not math.isfinite(float(norm)):
        raise TrainingError(f"the gradient of the {name} is not finite")
    optimizer.step()
    return value
