"""`prune`: a smaller copy of a torch module, in one step or several, that meets a target."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from edgemm.errors import InputError, LatencyMissed
from edgemm.quantize.prune.modules.costs import Costs, Measure
from edgemm.quantize.prune.modules.importance import IMPORTANCES, Importance, Loss, rank
from edgemm.quantize.prune.modules.plan import Left, Scope
from edgemm.quantize.prune.modules.prunable import Prunable, prunable
from edgemm.quantize.prune.modules.search import Search
from edgemm.quantize.prune.removal import PruneReport, Removal
from edgemm.quantize.prune.target import Target

Progress = Callable[[str], None]
_LATE = 1.1
"""A latency may be that much above its target when it is measured again: the noise of a machine."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """A pruned copy of a module."""

    module: Any
    """A `torch.nn.Module` of the same class, in the same mode."""
    report: PruneReport


@dataclass(frozen=True, slots=True)
class _Options:
    inputs: tuple[Any, ...]
    importance: Importance
    scope: Scope
    data: Iterable[Any] | None
    loss: Loss | None
    keep: tuple[str, ...]
    multiple_of: int
    progress: Progress


def prune(
    module: Any,
    example_inputs: tuple[Any, ...],
    *,
    target: Target | str,
    importance: Importance = "l1",
    scope: Scope = "global",
    data: Iterable[Any] | None = None,
    loss: Loss | None = None,
    steps: int = 1,
    between: Callable[[Any], Any] | None = None,
    keep: Sequence[str] = (),
    multiple_of: int = 8,
    measure: Measure | None = None,
    progress: Progress | None = None,
) -> Pruned:
    """Removes channels, recurrent units and attention heads from a copy of a torch module until it meets a target.

    What computes the same width goes together: the layers of a residual sum, a convolution with its batch norm, the
    gates of an LSTM, queries, keys and values of a head. Every kind of removal is tried on the module first: the pruned
    copy must compute what the module computes with the removed parts disconnected. Inputs and outputs of the network
    keep their sizes.

    Args:
        module: a `torch.nn.Module`; it is not changed.
        example_inputs: tensors that `forward` is called with, in the order of its arguments.
        target: what shall be left, such as "macs=0.5": see `Target`. The result is at or below it.
        importance: "l1" and "l2": norms of the weights that make and use a channel; "batch_norm": the scale of its
            batch norm; "taylor": by how much the loss on `data` would change.
        scope: "global" removes the least important of the whole network, "uniform" the same fraction everywhere.
        data: for "taylor": batches of (inputs, labels), or what `loss` takes. With several steps it is read once for
            each, so that a list or a DataLoader is right, and a generator is not.
        loss: a callable of the module and a batch that returns a scalar; by default cross entropy or squared error.
        steps: in how many equal steps the target is approached.
        between: called with the pruned module after each step, to train it in place.
        keep: names of layers that are not touched.
        multiple_of: channel and unit counts are multiples of this, where there were as many before.
        measure: for a target in milliseconds: a callable that measures a module's latency in ms, such as
            `edgemm.converters.module_latency.ModuleLatency(example_inputs)`.
        progress: called with a line of text before each part of the work.

    Raises:
        MissingDependency: torch is not installed.
        InputError: an argument does not fit, the module cannot be traced, or the target cannot be reached; the message
            then has the nearest point that can.
        LatencyMissed: no pruned copy was measured within 1.1 times the target.
    """
    goal = Target.of(target)
    for name, each in (("loss", loss), ("between", between), ("measure", measure), ("progress", progress)):
        if each is not None and not callable(each):
            raise InputError(f"{name}: expected a callable or None, found {type(each).__name__} {each!r}")
    options = _checked(example_inputs, importance, scope, data, loss, steps, keep, multiple_of, progress)
    found = prunable(module, options.inputs, options.keep, multiple_of)
    costs = Costs(module, options.inputs, goal, measure)
    _check_reach(found, costs, options)
    current = found.module
    removed: dict[tuple[str, str, int], Removal] = {}
    for step in range(1, steps + 1):
        if step > 1:
            found = prunable(current, options.inputs, options.keep, multiple_of)
        options.progress(f"pruning, step {step} of {steps}")
        search = _search(found, costs, options)
        left = _reached(search, costs, costs.limit(step, steps), goal, last=step == steps)
        _add(removed, found.removed(left))
        current = search.build(left)
        if between is not None:
            between(current)
    report = PruneReport(tuple(removed.values()), costs.before(), costs.of(current), found.notes)
    return Pruned(current if removed else copy.deepcopy(module), report)


def _checked(
    example_inputs: Any, importance: Any, scope: Any, data: Any, loss: Any, steps: Any, keep: Any, multiple_of: Any,
    progress: Progress | None,
) -> _Options:  # fmt: skip
    if importance not in IMPORTANCES:
        raise InputError(f"importance is one of {', '.join(IMPORTANCES)}, not {importance!r}")
    if scope not in ("global", "uniform"):
        raise InputError(f"scope is global or uniform, not {scope!r}")
    for name, value in (("steps", steps), ("multiple_of", multiple_of)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise InputError(f"{name} is a whole number of at least 1, not {value!r}")
    if isinstance(keep, str):
        raise InputError(f"keep is a list of layer names: write [{keep!r}]")
    if not isinstance(keep, Iterable) or not all(isinstance(each, str) for each in keep):
        raise InputError(f"keep: expected a list of layer names, found {keep!r}")
    if data is not None and not isinstance(data, Iterable):
        raise InputError(f"data: expected batches of (inputs, labels), found {type(data).__name__}")
    if steps > 1 and data is not None and iter(data) is data:
        raise InputError("data is read once for each step: give a list or a DataLoader, not a generator")
    inputs = tuple(example_inputs) if isinstance(example_inputs, tuple | list) else example_inputs
    return _Options(
        inputs, importance, scope, data, loss, tuple(keep), multiple_of, progress or (lambda _: None)
    )


def _search(found: Prunable, costs: Costs, options: _Options) -> Search:
    scores = rank(found.module, found.structure, options.importance, options.data, options.loss)
    return Search(found, scores, options.scope, options.multiple_of, costs.quick)


def _check_reach(found: Prunable, costs: Costs, options: _Options) -> None:
    """Before anything is trained: can the target be reached at all?"""
    notes = "".join(f"\n- {note}" for note in found.notes)
    if not found.families:
        raise InputError(f"nothing can be removed from {type(found.module).__name__}{notes}")
    if costs.limit(1, 1) >= costs.original:
        raise InputError(
            f"the target {costs.target} is met already: the module has {costs.shown(costs.original)}"
        )
    search = _search(found, costs, options)
    least = costs.exact(search.build(search.left(len(search.moves))))
    if least > costs.limit(1, 1):
        raise _missed(costs, least, notes)


def _missed(costs: Costs, nearest: float, notes: str = "") -> Exception:
    kind = LatencyMissed if costs.target.measure == "ms" else InputError
    return kind(
        f"the target {costs.target} cannot be reached; the nearest that can is {costs.shown(nearest)}. "
        f"Take a larger target{', or let fewer layers be kept' if notes else ''}{notes}"
    )


def _reached(search: Search, costs: Costs, limit: float, goal: Target, *, last: bool) -> Left:
    """The least that is removed for a limit; the last step's is measured again, exactly."""
    moves = search.first_within(limit)
    if moves is None:
        if last:
            raise _missed(costs, search.cost(search.left(len(search.moves))))
        return search.left(len(search.moves))
    left = search.left(moves) if goal.measure == "ms" else search.given_back(moves, limit)
    if not last or goal.measure in ("macs", "parameters"):
        return left
    nearest = costs.exact(search.build(left))
    while nearest > limit * (_LATE if goal.measure == "ms" else 1):
        moves += 1
        if moves > len(search.moves):
            raise _missed(costs, nearest)
        left = search.left(moves)
        nearest = min(nearest, costs.exact(search.build(left)))
    return left


def _add(removed: dict[tuple[str, str, int], Removal], step: tuple[Removal, ...]) -> None:
    """Each layer once, with its size before the first step and after the last."""
    seen: dict[tuple[str, str], int] = {}
    for each in step:
        number = seen.get((each.layer, each.kind), 0)
        seen[each.layer, each.kind] = number + 1
        key = (each.layer, each.kind, number)
        before = removed[key].before if key in removed else each.before
        removed[key] = Removal(each.layer, each.kind, before, each.after)
