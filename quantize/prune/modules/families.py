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
    for axes_of, members in _connected(trace, axes, together):
        if LOCKED in members or not members & used or len(members) < 2:
            continue
        sets = _sets(members, together)
        kind: Any = "heads" if members <= heads else trace.born[axes_of[0]]
        layers = tuple(dict.fromkeys(axis[0].rpartition(".")[0] for axis in axes_of))
        if sets is None:
            notes.append(f"{', '.join(layers)}: kept, for parts of different sizes depend on each other")
        elif len(sets[0]) > 1:
            families.append(Family(layers, kind, sets, _least(trace, roots, members)))
    counted = tuple((layer, name, _looked_up(roots, labels)) for layer, name, labels in trace.counted)
    return Structure(
        tuple(families), axes, frozenset(trace.contracted), dict(trace.born), frozenset(trace.norms), counted,
        tuple(notes),
    )  # fmt: skip


def _least(trace: Trace, roots: Roots, members: set[int]) -> int:
    return max([1, *(count for labels, count in trace.least if members & set(map(int, _looked_up(roots, labels))))])


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


def _connected(
    trace: Trace, axes: dict[Axis, Roots], together: list[list[Roots]]
) -> list[tuple[list[Axis], set[int]]]:
    """Axes that make the same channels, and all that those are; what must keep equally many counts as one."""
    found: list[tuple[list[Axis], set[int]]] = []
    parts = [([axis], {int(each) for each in axes[axis]}) for axis in trace.born]
    parts += [([], {int(each) for labels in sets for each in labels}) for sets in together]
    for own, members in parts:
        touching = [each for each in found if each[1] & members - {LOCKED}]
        found = [each for each in found if not any(each is other for other in touching)]
        merged = [axis for each in touching for axis in each[0]] + own
        found.append((merged, members.union(*(each[1] for each in touching))))
    order = {axis: place for place, axis in enumerate(trace.born)}
    result = [(sorted(own, key=order.__getitem__), members) for own, members in found if own]
    return sorted(result, key=lambda each: order[each[0][0]])


def _sets(members: set[int], together: list[list[Roots]]) -> tuple[tuple[int, ...], ...] | None:
    """The sets that keep equally many: one, or those of recurrent layers. None where they overlap in part."""
    found: dict[frozenset[int], tuple[int, ...]] = {}
    for sets in together:
        for labels in sets:
            if members.issuperset(map(int, labels)):
                own = tuple(dict.fromkeys(map(int, labels)))
                found.setdefault(frozenset(own), own)
    if not found:
        return (tuple(sorted(members)),)
    sizes = {len(each) for each in found}
    if len(sizes) > 1 or sum(map(len, found)) != len(members) or frozenset().union(*found) != members:
        return None
    return tuple(found.values())
