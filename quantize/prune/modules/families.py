"""The widths of a network: sets of channels, units or heads, of which some may be removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.quantize.prune.modules.atoms import LOCKED, Axis
from edgemm.quantize.prune.modules.values import Trace
from edgemm.quantize.prune.removal import Kind

Roots = npt.NDArray[np.int64]
"""For each index of an axis, the number of what it is removed with."""


@dataclass(frozen=True, slots=True)
class Family:
    """What shares one width: the convolutions of a residual sum, the gates of an LSTM, the heads of one attention."""

    layers: tuple[str, ...]
    """Those that make it, in the order of the network."""
    kind: Kind
    sets: tuple[tuple[int, ...], ...]
    """Numbers of what can go, as `Structure.axes` has them. All sets keep equally many (the layers of an LSTM)."""

    least: int = 1
    """So many must be left in each set."""

    @property
    def count(self) -> int:
        """How many channels, units or heads there are, in each set."""
        return len(self.sets[0])

    @property
    def name(self) -> str:
        """Its layers, for a reader."""
        return ", ".join(self.layers)


@dataclass(frozen=True, slots=True)
class Structure:
    """A module's families, and which slices of which parameters belong to what."""

    families: tuple[Family, ...]
    axes: dict[Axis, Roots]
    contracted: frozenset[Axis]
    """Axes that channels are summed over: a channel has no influence where its slices of these are zero."""
    born: dict[Axis, str]
    """Axes that make channels, and the kind."""
    norms: frozenset[str]
    """Scales of batch norm."""
    counted: tuple[tuple[str, str, Roots], ...]
    """(layer, attribute, numbers): attributes that are a count of channels, where no parameter is."""
    notes: tuple[str, ...]


def find_families(trace: Trace) -> Structure:
    """Families of everything that is not tied to an input or output, in the order of the network."""
    roots = _roots(trace)
    axes = {
        axis: roots[start : start + trace.atoms.lengths[axis]] for axis, start in trace.atoms.axes.items()
    }
    used = {int(each) for axis in trace.contracted for each in axes[axis]}
    heads = {int(each) for labels in trace.heads for each in _looked_up(roots, labels)}
    together = [[_looked_up(roots, labels) for labels in sets] for sets in trace.together]
    notes = list(dict.fromkeys(trace.notes))
    families = []
    for sets in _alike(trace, axes, together, notes):
        members = {number for each in sets for number in each}
        if LOCKED in members or not members & used or len(sets[0]) < 2:
            continue
        makers = [axis for axis in trace.born if members.intersection(map(int, axes[axis]))]
        kind: Any = "heads" if members <= heads else trace.born[makers[0]]
        layers = tuple(dict.fromkeys(layer_of(axis) for axis in makers))
        families.append(Family(layers, kind, sets, _least(trace, roots, members)))
    counted = tuple((layer, name, _looked_up(roots, labels)) for layer, name, labels in trace.counted)
    return Structure(
        tuple(families), axes, frozenset(trace.contracted), dict(trace.born), frozenset(trace.norms), counted,
        tuple(notes),
    )  # fmt: skip


def _least(trace: Trace, roots: Roots, members: set[int]) -> int:
    return max(
        [1, *(count for labels, count in trace.least if members & set(map(int, _looked_up(roots, labels))))]
    )


def layer_of(axis: Axis) -> str:
    """The layer that a parameter belongs to; of the network's own parameters, the parameter itself."""
    return axis[0].rpartition(".")[0] or axis[0]


def _looked_up(roots: Roots, labels: Any) -> Roots:
    places = labels.numpy().astype(np.int64)
    return np.where(places < 0, LOCKED, roots[np.maximum(places, 0)])


def _roots(trace: Trace) -> Roots:
    """What goes together, once the parameters that are used element by element have found their axis."""
    import torch

    roots = trace.atoms.roots()
    sizes = np.bincount(roots, minlength=len(roots))
    for name, start in trace.atoms.elements.items():
        shape = trace.shapes[name]
        own = roots[start : start + int(np.prod(shape))].reshape(shape)
        if not ((sizes[own] > 1) & (own != LOCKED)).any():
            continue
        labels = torch.from_numpy(own.astype(np.float64))
        along = [dim for dim in range(own.ndim) if (own != own.take([0], axis=dim)).any()]
        if len(along) == 1:
            line = labels[tuple(slice(None) if dim == along[0] else 0 for dim in range(own.ndim))]
            trace.atoms.tie(trace.axis(name, along[0]), line)
        else:
            trace.atoms.lock(labels)
    return trace.atoms.roots()


def _alike(
    trace: Trace, axes: dict[Axis, Roots], together: list[list[Roots]], notes: list[str]
) -> list[tuple[tuple[int, ...], ...]]:
    """What is made by the same axes has one width, and is a family; what must keep equally many joins to one."""
    makers: dict[int, set[Any]] = {}
    for axis in trace.born:
        for root in axes[axis]:
            makers.setdefault(int(root), set()).add(axis)
    for index, sets in enumerate(together):
        for place, labels in enumerate(sets):
            for root in labels:
                makers.setdefault(int(root), set()).add((index, place))
    classes: dict[frozenset[Any], list[int]] = {}
    for root, made in makers.items():
        classes.setdefault(frozenset(made), []).append(root)
    joined = [[tuple(sorted(numbers))] for numbers in classes.values()]
    for sets in together:
        wanted = {frozenset(map(int, labels)) for labels in sets}
        own = [
            part
            for part in joined
            if any(wanted_set.intersection(each) for each in part for wanted_set in wanted)
        ]
        joined = [part for part in joined if not any(part is other for other in own)]
        found = [each for part in own for each in part]
        if not wanted <= set(map(frozenset, found)) or len({len(each) for each in found}) > 1:
            notes.append("channels that are split into parts, one of which is also used whole, are kept")
            found = [(LOCKED, *each) for each in found[:1]]
        joined.append(found)
    order = {root: place for place, root in enumerate(makers)}
    return [
        tuple(part) for part in sorted(joined, key=lambda part: min(order.get(each, 0) for each in part[0]))
    ]


def fold(trace: Trace, structure: Structure, failed: frozenset[int]) -> bool:
    """Ties channels that are viewed as a matrix by their place in its rows (as a channel shuffle needs it), where
    removing them one by one failed. Whether there were any."""
    roots = trace.atoms.roots()
    found = False
    for labels in trace.folds:
        if failed.intersection(int(each) for each in _looked_up(roots, labels).reshape(-1)):
            trace.atoms.tie(labels, labels[:1])
            found = True
    return found
