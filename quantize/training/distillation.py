"""`distil`: a small network learns to answer as a large one does; nobody need know the right answers."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from edgemm.choices import hint
from edgemm.errors import InputError
from edgemm.quantize.training.course import Validate
from edgemm.quantize.training.identity import digest, said_of
from edgemm.quantize.training.losses import Loss, LossName, find_loss
from edgemm.quantize.training.outputs import outputs_of
from edgemm.quantize.training.precision import answered
from edgemm.quantize.training.report import TrainingReport
from edgemm.quantize.training.samples import Batch, Data
from edgemm.quantize.training.settings import Settings
from edgemm.quantize.training.supervised import DEFAULTS, fit

Likeness = Literal["kl", "mse"]


@dataclass(frozen=True, slots=True)
class Distillation:
    """How like the teacher the student shall be.

    With labels, the loss is `weight` x likeness + (1 - weight) x `labels`.
    """

    likeness: Likeness = "kl"
    """kl: the divergence of the classes' probabilities, from scores [n, classes, ...]. mse: the mean squared
    difference, for outputs of any kind."""
    temperature: float = 2.0
    """Of "kl": scores are divided by it, so that the small probabilities count too."""
    weight: float = 1.0
    labels: LossName | Loss = "cross_entropy"

    def __post_init__(self) -> None:
        if self.likeness not in get_args(Likeness):
            raise InputError(
                f"likeness: expected kl or mse, found {self.likeness!r}{hint(str(self.likeness), get_args(Likeness))}"
            )
        if not self.temperature > 0:
            raise InputError(f"temperature: expected a number above 0, found {self.temperature!r}")
        if not 0 < self.weight <= 1:
            raise InputError(f"weight: expected a number above 0, at most 1, found {self.weight!r}")


WHOLLY = Distillation()


def distil(
    student: Any,
    teacher: Any,
    data: Data,
    *,
    how: Distillation = WHOLLY,
    settings: Settings = DEFAULTS,
    validate: Validate | None = None,
    checkpoint: str | Path | None = None,
    save_every: int | None = None,
    progress: bool = True,
) -> TrainingReport:
    """Trains `student`, in place, to give what `teacher` gives; the other arguments are those of `train`.

    A student learns at most what the teacher knows. Where there are right answers, and the teacher was trained for
    fewer epochs than the student will be, `train` on the answers alone may end higher.

    Args:
        student, teacher: modules with the same inputs and outputs of the same shapes, one or several. The teacher is
            used in evaluation mode and not changed.
        data: targets are needed only where `how.weight` is below 1.

    Raises:
        InputError: the outputs do not fit each other; else as `train`.
    """
    if student is teacher:
        raise InputError("student and teacher are one module: give a copy as the teacher")
    master = copy.deepcopy(teacher).eval().requires_grad_(False)
    of_labels = find_loss(how.labels)

    def objective(batch: Batch) -> Any:
        import torch

        with torch.no_grad():
            wanted = outputs_of(answered(master, batch.inputs, settings.precision))
        given = answered(student, batch.inputs, settings.precision)
        found = outputs_of(given)
        _check_outputs(found, wanted)
        alike = sum(likeness(mine, his, how) for mine, his in zip(found, wanted, strict=True)) / len(found)
        if how.weight == 1:
            return alike
        return how.weight * alike + (1 - how.weight) * of_labels(given, batch.targets)

    return fit(
        student,
        data,
        objective,
        {
            "loss": f"distil {how.likeness}",
            "temperature": str(how.temperature),
            "weight": str(how.weight),
            "labels": said_of(how.labels),
            "teacher": digest(master),
        },
        settings,
        validate,
        checkpoint,
        save_every,
        progress,
    )


def likeness(found: Any, wanted: Any, how: Distillation) -> Any:
    """How far the student's output is from the teacher's; the gradient is of one size at any temperature."""
    import torch

    if how.likeness == "mse":
        return torch.nn.functional.mse_loss(found, wanted)
    if found.ndim < 2 or found.shape[1] < 2:
        raise InputError(f"kl needs scores [n, classes, ...], found the shape {list(found.shape)}: use mse")
    mine = torch.nn.functional.log_softmax(found / how.temperature, dim=1)
    his = torch.nn.functional.log_softmax(wanted / how.temperature, dim=1)
    apart = torch.nn.functional.kl_div(mine, his, reduction="none", log_target=True)
    return apart.sum(1).mean() * how.temperature**2


def _check_outputs(found: list[Any], wanted: list[Any]) -> None:
    shapes = [[list(each.shape) for each in some] for some in (found, wanted)]
    if not found or shapes[0] != shapes[1]:
        raise InputError(f"the student gives outputs of shapes {shapes[0]}, and the teacher {shapes[1]}")
