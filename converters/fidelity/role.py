"""What an output means (numbers, parts, classes), which decides how it is compared."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgemm.converters.fidelity.meaning import NOTHING, Kind, Trace, shape_of
from edgemm.converters.fidelity.trace import trace

if TYPE_CHECKING:
    import onnx_ir as ir

CLASSIFIERS = ("classification", "keyword", "tagging")
"""Tasks of a card whose outputs are scores of classes, with or without a softmax."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an output that was joined with others."""

    indices: tuple[int, ...]
    """Along the output's axis of parts."""
    bounded: bool = False
    """Its values lie in 0..1: scores of a sigmoid."""


@dataclass(frozen=True, slots=True)
class Role:
    """What one output means. Axes are negative, counted from the end, so that dimensions put in front (samples)
    change nothing. The default is an output of numbers, all of one kind."""

    class_axis: int | None = None
    """The axis along which the scores of classes lie; None for numbers."""
    class_numbers: bool = False
    """The values are numbers of classes, of an ArgMax in the graph: equal, or wrong."""
    part_axis: int | None = None
    """The axis along which parts were joined."""
    parts: tuple[Part, ...] = ()
    """At least two, where there are parts."""
    channel_axis: int | None = None
    """The axis of the last layer's channels, which may be of unlike size without having been joined."""
    bounded: bool = False
    """All values lie in 0..1 by what computes them."""


NUMBERS = Role()


def roles_of(model: ir.Model, task: str | None = None, states: Collection[str] = ()) -> dict[str, Role]:
    """Output name -> what it means.

    Args:
        model: canonical, its shapes static.
        task: of the card. A classifier's outputs are classes without a softmax too, if no output has one.
        states: outputs that hold what a recurrent network remembers: numbers, whatever the task.
    """
    known = trace(model)
    traces = {str(value.name): known.get(str(value.name), NOTHING) for value in model.graph.outputs}
    shapes = {str(value.name): shape_of(value) or () for value in model.graph.outputs}
    plain = not any(each.classes is not None or each.numbered for each in traces.values())
    roles = {}
    for name, found in traces.items():
        axis = found.classes
        if axis is None and plain and task in CLASSIFIERS and name not in states:
            axis = _only_axis(shapes[name])
        roles[name] = _role(found, axis, len(shapes[name]))
    return roles


def parts_of(model: ir.Model) -> dict[str, tuple[Part, ...]]:
    """Output name -> the parts that it was joined from; empty for an output of one kind."""
    return {name: role.parts for name, role in roles_of(model).items()}


def _only_axis(shape: tuple[int, ...]) -> int | None:
    """The one axis that is longer than 1."""
    long = [axis for axis, size in enumerate(shape) if size > 1]
    return long[0] if len(long) == 1 else None


def _role(found: Trace, classes: int | None, rank: int) -> Role:
    parts = _parts(found.kinds)
    channels = None if found.features else max(found.channels, default=None)
    return Role(
        class_axis=None if classes is None else classes - rank,
        class_numbers=found.numbered,
        part_axis=found.axis - rank if found.axis is not None and parts else None,
        parts=parts,
        channel_axis=None if channels is None else channels - rank,
        bounded=found.bounded,
    )


def _parts(kinds: tuple[Kind, ...]) -> tuple[Part, ...]:
    indices: dict[Kind, list[int]] = {}
    for index, kind in enumerate(kinds):
        indices.setdefault(kind, []).append(index)
    if len(indices) < 2:
        return ()
    return tuple(Part(tuple(each), kind.bounded) for kind, each in indices.items())
