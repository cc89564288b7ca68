"""Groups of channels that are counted together: those of one layer, or of all layers that a residual sum joins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from edgemm.choices import hint
from edgemm.errors import InputError
from edgemm.quantize.prune.graph.channels import Channels, Ids
from edgemm.quantize.prune.graph.trace import Layer, Trace


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Channels of which some can be removed."""

    layers: tuple[str, ...]
    """The layers that make them, in the order of the graph."""
    columns: Ids
    """Channels to choose from; each stands for those that are removed with it."""
    width: int
    """How many channels of a layer one of them is: 1, or the size of an attention head."""
    parts: tuple[tuple[int, ...], ...] = ()
    """Columns of each layer, of each part of a split tensor and the like: of each, one stays."""

    @property
    def name(self) -> str:
        """Its first layer."""
        return self.layers[0]

    def step(self, multiple: int) -> int:
        """How many are removed at once, so that a multiple of so many channels is left."""
        return max(1, multiple // self.width)


def groups_of(found: Trace, keep: Sequence[str] = ()) -> tuple[Group, ...]:
    """All groups, in the order of the graph.

    Args:
        keep: layers whose channels all stay.

    Raises:
        InputError: there is no such layer.
    """
    check_names(found, keep)
    for layer in found.layers:
        if layer.name in keep:
            found.channels.close(layer.out)
    counted = Channels()
    counted.new(len(found.channels))
    open_ = {}
    for layer in found.layers:
        roots = _open(found, layer)
        open_[layer] = roots
        counted.join_all(roots.tolist())
    made: dict[int, list[Layer]] = {}
    for layer, roots in open_.items():
        if len(roots):
            made.setdefault(counted.root(int(roots[0])), []).append(layer)
    parts = _parts(found)
    groups = (_group(found, layers, open_, parts) for layers in made.values())
    return tuple(each for each in groups if len(each.columns) > 1)


def _open(found: Trace, layer: Layer) -> Ids:
    """The channels of a layer's output that may be removed, each once."""
    if layer.out is None:
        return np.zeros(0, np.int64)
    roots = dict.fromkeys(found.channels.roots(layer.out).tolist())
    return np.array([each for each in roots if not found.channels.is_closed(each)], np.int64)


def _parts(found: Trace) -> list[frozenset[int]]:
    """The channels along each axis of each tensor, each set once."""
    everything = (*found.axes.values(), *found.operands.values())
    arrays = {id(axis): axis for axes in everything for axis in axes if axis is not None}
    return list(dict.fromkeys(frozenset(found.channels.roots(axis).tolist()) for axis in arrays.values()))


def _group(
    found: Trace, layers: Sequence[Layer], open_: dict[Layer, Ids], parts: Sequence[frozenset[int]]
) -> Group:
    columns = dict.fromkeys(each for layer in layers for each in open_[layer].tolist())
    width = 1
    for layer in layers:
        if layer.out is not None and len(open_[layer]):
            counts = np.unique(found.channels.roots(layer.out), return_counts=True)[1]
            width = max(width, int(counts.max()))
    names = tuple(layer.name for layer in layers)
    mine = [tuple(each for each in columns if each in part) for part in parts]
    return Group(
        names, np.array(list(columns), np.int64), width, tuple(dict.fromkeys(each for each in mine if each))
    )


def check_names(found: Trace, keep: Iterable[str]) -> None:
    """Every name is that of a layer.

    Raises:
        InputError: one is not; the nearest is named.
    """
    names = [layer.name for layer in found.layers]
    for each in keep:
        if each not in names:
            some = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
            raise InputError(
                f"keep (--keep) {each!r}: there is no such layer{hint(each, names)}. Layers are: {some}"
            )
