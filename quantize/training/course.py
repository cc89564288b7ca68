"""The course of a training: epochs, steps, validation, checkpoints, and the best weights at the end."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgemm import atomic
from edgemm.errors import InputError, TrainingError
from edgemm.quantize.readings import as_number
from edgemm.quantize.training import checkpoint as disk
from edgemm.quantize.training.bar import Bar
from edgemm.quantize.training.callables import check_callable
from edgemm.quantize.training.contents import copied_buffers, everything, put_back, put_back_buffers
from edgemm.quantize.training.identity import fingerprint
from edgemm.quantize.training.modes import freeze, modes, threads
from edgemm.quantize.training.optimizers import make_schedule
from edgemm.quantize.training.report import TrainingReport
from edgemm.quantize.training.samples import Batch, Data, batches_of, check_data, steps_in
from edgemm.quantize.training.settings import Settings
from edgemm.quantize.training.state import State
from edgemm.quantize.training.step_errors import explained

SAVE_SECONDS = 60.0
"""Time between two checkpoints inside an epoch, where nobody says."""
Validate = Callable[[Any], float]
"""The network, in evaluation mode -> a score; higher is better."""


@dataclass(slots=True)
class Learner:
    """What is trained, and how one step is made."""

    modules: dict[str, Any]
    """Name -> module, all whose state belongs to the training; the first is validated."""
    optimizers: dict[str, Any]
    step: Callable[[Batch], dict[str, float]]
    """Changes the weights by one batch. Name of each loss -> its value. It raises TrainingError before it changes
    anything where a loss is not finite."""
    objective: Mapping[str, str]
    """Of the fingerprint: what is being learned, by name."""


@dataclass(slots=True, eq=False)
class Course:
    """One training, from its first step or its checkpoint to its end."""

    learner: Learner
    data: Data
    settings: Settings
    validate: Validate | None
    checkpoint: Path | None
    save_every: int | None
    bar: Bar
    _state: State = field(default_factory=State)
    _schedules: dict[str, Any] = field(default_factory=dict)
    _fingerprint: dict[str, str] = field(default_factory=dict)
    _saved: float = 0.0

    def run(self) -> TrainingReport:
        """Trains to the end. The modules have the best weights then, and the mode that they had before.

        Raises:
            InputError: data, settings or checkpoint do not fit.
            TrainingError: a loss is not finite.
        """
        import torch

        self._check()
        began = time.monotonic()
        trained = list(self.learner.modules.values())
        with (
            torch.enable_grad(),
            torch.random.fork_rng(devices=[]),
            threads(self.settings.threads),
            modes(trained),
            self.bar,
        ):
            resumed = self._open()
            if self.checkpoint is not None and not self._state.done:
                atomic.check(self.checkpoint, "the checkpoint")
            while not self._state.done:
                self._epoch()
        state = self._state
        return TrainingReport(
            {name: tuple(curve) for name, curve in state.losses.items()}, tuple(state.scores),
            state.best_epoch, state.steps, time.monotonic() - began, state.stopped_early, resumed,
        )  # fmt: skip

    def _check(self) -> None:
        if self.settings.patience is not None and self.validate is None:
            raise InputError("patience needs validate: without a score nobody knows which epoch is better")
        if self.save_every is not None and self.save_every < 1:
            raise InputError(
                f"save_every: expected a number of steps of at least 1, found {self.save_every!r}"
            )
        check_data(self.data)
        if self.validate is not None:
            check_callable(self.validate, "validate", "the network and gives a score")

    def _open(self) -> bool:
        """Schedules, and the checkpoint's state where there is one."""
        in_epoch = steps_in(self.data, self.settings.batch_size, self.settings.steps_per_epoch)
        total = None if in_epoch is None else in_epoch * self.settings.epochs
        made = {
            name: make_schedule(each, self.settings, total, in_epoch)
            for name, each in self.learner.optimizers.items()
        }
        self._schedules = {name: each for name, each in made.items() if each is not None}
        self._fingerprint = fingerprint(
            self.learner.modules, self.data, self.settings, self.learner.objective
        )
        self._saved = time.monotonic()
        found = None if self.checkpoint is None else disk.read(self.checkpoint, self._fingerprint)
        if found is not None:
            self._load(found)
        return found is not None

    def _epoch(self) -> None:
        """The rest of the present epoch."""
        state, settings = self._state, self.settings
        for module in self.learner.modules.values():
            module.train()
            if settings.freeze_batch_norm:
                freeze(module)
        seed = self._seed
        steps = steps_in(self.data, settings.batch_size, settings.steps_per_epoch)
        self.bar.epoch(state.epoch, settings.epochs, steps)
        if steps is None or state.step < steps:
            for batch in batches_of(self.data, state.epoch, settings.batch_size, seed, state.step):
                self._one(batch)
                if steps is not None and state.step >= steps:
                    break
        if state.step == 0:
            raise InputError(f"the data gave no batch in epoch {state.epoch + 1}")
        if steps is not None and state.step < steps:
            raise InputError(
                f"the data gave {state.step} batches in epoch {state.epoch + 1}, and {steps} are expected"
            )
        self._end_of_epoch()

    def _one(self, batch: Batch) -> None:
        state = self._state
        found = self._stepped(batch)
        for name, value in found.items():
            state.sums[name] = state.sums.get(name, 0.0) + value
        for schedule in self._schedules.values():
            schedule.step()
        state.step += 1
        state.steps += 1
        self.bar.step({name: total / state.step for name, total in state.sums.items()})
        if self._is_due():
            self._save()

    def _stepped(self, batch: Batch) -> dict[str, float]:
        modules = self.learner.modules.values()
        before = [(module, copied_buffers(module)) for module in modules]
        try:
            return self.learner.step(batch)
        except Exception as error:
            for module, buffers in before:
                put_back_buffers(module, buffers)
            meant = explained(error, self._state, batch)
            if meant is error:
                raise
            raise meant from error

    def _is_due(self) -> bool:
        if self.checkpoint is None:
            return False
        if self.save_every is not None:
            return self._state.steps % self.save_every == 0
        return time.monotonic() - self._saved >= SAVE_SECONDS

    def _end_of_epoch(self) -> None:
        state = self._state
        for name, total in state.sums.items():
            state.losses.setdefault(name, []).append(total / state.step)
        state.epoch, state.step, state.sums = state.epoch + 1, 0, {}
        self._judge()
        state.stopped_early = self.settings.patience is not None and state.waited >= self.settings.patience
        state.done = state.stopped_early or state.epoch >= self.settings.epochs
        if state.done and state.best is not None:
            for name, module in self.learner.modules.items():
                put_back(module, state.best[name])
            state.best = None
        if self.checkpoint is not None:
            self._save()

    def _judge(self) -> None:
        """Validates, and keeps the weights that are the best so far."""
        import torch

        state = self._state
        if self.validate is None:
            state.best_epoch = state.epoch
            return
        first = next(iter(self.learner.modules.values()))
        first.eval()
        with torch.no_grad():
            given = self.validate(first)
        score = as_number(given)
        if score is None:
            raise TrainingError(
                f"validate gave {type(given).__name__} {given!r} after epoch {state.epoch}: expected a number, higher "
                "is better"
            )
        if math.isnan(score):
            raise TrainingError(f"validate gave NaN after epoch {state.epoch}")
        state.scores.append(score)
        self.bar.score(score)
        if score > state.best_score or state.best is None:
            state.best_score, state.best_epoch, state.waited = score, state.epoch, 0
            state.best = {
                name: copy.deepcopy(everything(each)) for name, each in self.learner.modules.items()
            }
        else:
            state.waited += 1

    def _seed(self, epoch: int, step: int) -> int:
        entropy = np.random.SeedSequence((self.settings.seed, epoch, step))
        return int(entropy.generate_state(1, np.uint64)[0] >> np.uint64(1))

    def _save(self) -> None:
        state = self._state
        assert self.checkpoint is not None
        disk.save(
            self.checkpoint,
            {
                "fingerprint": self._fingerprint,
                "state": {name: getattr(state, name) for name in State.__dataclass_fields__},
                "modules": {name: everything(each) for name, each in self.learner.modules.items()},
                "optimizers": {name: each.state_dict() for name, each in self.learner.optimizers.items()},
                "schedules": {name: each.state_dict() for name, each in self._schedules.items()},
            },
        )
        self._saved = time.monotonic()

    def _load(self, found: dict[str, Any]) -> None:
        for name, module in self.learner.modules.items():
            put_back(module, found["modules"][name])
        for kind, owners in (("optimizers", self.learner.optimizers), ("schedules", self._schedules)):
            for name, owner in owners.items():
                owner.load_state_dict(found[kind][name])
        self._state = State(**found["state"])
