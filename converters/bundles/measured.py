"""A bundle by the metric of its task, on data that say what is right."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from edgemm.converters.options import MAX_SAMPLES
from edgemm.errors import InputError
from edgemm.judge import METRICS, Metric, metric
from edgemm.judge.items import load_items

if TYPE_CHECKING:
    from edgemm.model.bundle import BundleModel


def measured(model: BundleModel, data: Any, tick: Callable[[int, int], None]) -> Metric:
    """The metric of all items.

    Args:
        data: see `load_items`.
        tick: called with (done, total).

    Raises:
        InputError: the task has no metric, or the data do not say what is right, or are not what the bundle takes.
    """
    if model.card.task not in METRICS:
        raise InputError(
            f"--evaluate: expected a bundle of a task that has a metric ({', '.join(METRICS)}), found "
            f"{model.card.task!r}"
        )
    items = load_items(data, model.modality, MAX_SAMPLES, "--evaluate")
    unknown = [each.name for each in items if each.truth is None]
    if unknown:
        raise InputError(
            f"{unknown[0]}: expected what is right for it too, such as a target or a text; found none"
        )
    judge = metric(model.card.task)
    for number, item in enumerate(items):
        tick(number, len(items))
        try:
            judge.add(model(item.read()), item.right())
        except InputError as error:
            raise InputError(f"{item.name}: {error}") from error
    return judge
