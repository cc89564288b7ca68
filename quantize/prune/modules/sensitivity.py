"""How sensitive a network is to pruning: each width alone, before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from edgemm.errors import InputError
from edgemm.quantize.prune.modules.counting import count_macs
from edgemm.quantize.prune.modules.importance import Importance, Loss, rank
from edgemm.quantize.prune.modules.plan import allowed, gone
from edgemm.quantize.prune.modules.prunable import prunable
from edgemm.quantize.prune.points import FRACTIONS, Point, Sensitivity, check_fractions, nearest_counts
from edgemm.quantize.readings import reading

Score = Callable[[Any], float]
"""Of a module: its accuracy, or another number that is better when it is larger."""


def sensitivity(
    module: Any,
    example_inputs: tuple[Any, ...],
    score: Score,
    *,
    fractions: Sequence[float] = FRACTIONS,
    importance: Importance = "l1",
    data: Iterable[Any] | None = None,
    loss: Loss | None = None,
    keep: Sequence[str] = (),
    multiple_of: int = 8,
    progress: Callable[[str], None] | None = None,
) -> Sensitivity:
    """Prunes each width of a network alone, by some fractions, and scores what is left without training.

    `edgemm.cli.sensitivity_page.write_page` makes a page of it.

    Args:
        score: called with a pruned copy of the module; larger is better.
        fractions: of a width's channels that are removed, each in (0, 1). The nearest count that is allowed is taken.
        importance, data, loss, keep, multiple_of: as in `prune`.
        progress: called with a line of text before each width.

    Raises:
        InputError: an argument does not fit, or the module cannot be traced.
    """
    check_fractions(fractions)
    if not callable(score):
        raise InputError(f"score: expected a function of a module, found {type(score).__name__}")

    def scored(network: Any) -> float:
        return reading(score(network), "score: expected a finite number")

    inputs = tuple(example_inputs) if isinstance(example_inputs, tuple | list) else example_inputs
    found = prunable(module, inputs, keep, multiple_of)
    scores = rank(module, found.structure, importance, data, loss)
    whole = count_macs(module, inputs)
    points = []
    for index, family in enumerate(found.families):
        if any(number not in scores for numbers in family.sets for number in numbers):
            continue
        if progress is not None:
            progress(f"{family.name}: {index + 1} of {len(found.families)}")
        for count in nearest_counts(family.count, allowed(family, multiple_of)[1:], fractions):
            left = tuple(count if place == index else each.count for place, each in enumerate(found.families))
            pruned = found.build(gone(found.families, scores, left), left)
            share = count_macs(pruned, inputs) / whole
            points.append(Point(family.layers, family.kind, family.count, count, scored(pruned), share))
    return Sensitivity(scored(module), tuple(points), found.notes)
