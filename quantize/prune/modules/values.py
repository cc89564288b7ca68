"""What is known of a module while it is walked over: its tensors, and the calls of operators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgemm.quantize.prune.modules.atoms import NONE, Atoms, Axis

if TYPE_CHECKING:
    import torch


@dataclass(slots=True)
class Value:
    """A tensor of the network while it is walked over."""

    real: torch.Tensor
    labels: torch.Tensor
    """Of the tensor's shape, float64: see `Atoms`."""
    parameter: str = ""
    """The parameter or buffer that its elements were moved from; "" where it was computed."""
    ids: torch.Tensor | None = None
    """Of each element, its place in that parameter."""
    uniform: bool = False
    """All elements are equal (zeros, ones): any of them may go."""


@dataclass(slots=True)
class Trace:
    """What is known of a module when it was walked over."""

    atoms: Atoms
    shapes: dict[str, tuple[int, ...]]
    """Of all parameters and buffers, by name; tensors that several layers share stand under their first name."""
    born: dict[Axis, str] = field(default_factory=dict)
    """Axes that make channels: the rows of weights. The value is the kind of what they make."""
    contracted: set[Axis] = field(default_factory=set)
    """Axes that channels are summed over: the columns of weights."""
    norms: set[str] = field(default_factory=set)
    """Scales of batch norm."""
    together: list[list[torch.Tensor]] = field(default_factory=list)
    """Lists of label vectors that must keep equally many: the layers and directions of one recurrent layer."""
    counted: list[tuple[str, str, torch.Tensor]] = field(default_factory=list)
    """(layer, attribute, labels): attributes that say how many channels there are, where no parameter does."""
    heads: list[torch.Tensor] = field(default_factory=list)
    """Labels of what attention multiplied by head."""
    folds: list[torch.Tensor] = field(default_factory=list)
    """Labels of channels that were viewed as a matrix, which must stay one: see `fold`."""
    least: list[tuple[torch.Tensor, int]] = field(default_factory=list)
    """(labels, count): so many must be left."""
    notes: list[str] = field(default_factory=list)

    def column(self, name: str, dim: int) -> torch.Tensor:
        """Labels of an axis that is summed over."""
        self.contracted.add((name, dim))
        return self.axis(name, dim)

    def row(self, name: str, dim: int, kind: str = "channels") -> torch.Tensor:
        """Labels of an axis that makes channels."""
        self.born.setdefault((name, dim), kind)
        return self.axis(name, dim)

    def axis(self, name: str, dim: int) -> torch.Tensor:
        return self.atoms.axis(name, dim, self.shapes[name][dim])

    def labels(self, value: Value) -> torch.Tensor:
        """Of a tensor; of a parameter those of its single elements."""
        if not value.parameter or value.ids is None:
            return value.labels
        count = int(np.prod(self.shapes[value.parameter]))
        return self.atoms.element(value.parameter, value.ids, count)

    def weight(self, value: Value, wanted: int) -> tuple[tuple[int, ...], list[npt.NDArray[np.int64]]] | None:
        """Which dimensions of a parameter the dimensions of a weight are, and the indices along each.

        A weight may be a part of a parameter, or transposed. None where it is computed.

        Args:
            wanted: how many of the weight's first dimensions are asked for.
        """
        if not value.parameter or value.ids is None:
            return None
        places = _places(value.ids, self.shapes[value.parameter])
        dims, indices = [], []
        for dim in range(wanted):
            where = (0,) * dim + (slice(None),) + (0,) * (value.ids.dim() - dim - 1)
            fits = [
                each for each in range(len(places)) if _depends_on(places[each], dim) and each not in dims
            ]
            if value.ids.shape[dim] == 1 and not fits:
                fits = [each for each in range(len(places)) if each not in dims and not np.ptp(places[each])]
            if not fits:
                return None
            dims.append(fits[0])
            indices.append(places[fits[0]][where])
        return tuple(dims), indices


def _places(ids: torch.Tensor, shape: tuple[int, ...]) -> list[npt.NDArray[np.int64]]:
    """The index along each dimension of a parameter. (NumPy's `unravel_index` is wrong, in 2.4.6, for arrays of more
    than 8,192 elements with a dimension of size 1.)"""
    left = ids.numpy().astype(np.int64)
    found = []
    for size in reversed(shape):
        left, place = np.divmod(left, size)
        found.append(place)
    return found[::-1]


def _depends_on(places: npt.NDArray[np.int64], dim: int) -> bool:
    """Whether places change along one dimension alone."""
    line = places.take([0], axis=dim)
    if not (places != line).any():
        return False
    start = places[tuple(slice(None) if each == dim else slice(0, 1) for each in range(places.ndim))]
    return bool((places == start).all())


@dataclass(slots=True)
class Call:
    """One operator with its operands, for the rules."""

    found: Trace
    target: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    real: Any
    """What it computed."""
    layer: str
    """The layer that called it."""

    @property
    def atoms(self) -> Atoms:
        return self.found.atoms

    def labels(self, index: int) -> torch.Tensor:
        """Of an operand."""
        return self.found.labels(self.args[index])

    def get(self, name: str, default: Any = None) -> Any:
        """An operand by its name in the operator's schema."""
        if name in self.kwargs:
            return self.kwargs[name]
        for place, each in enumerate(self.target._schema.arguments):
            if each.name == name:
                return self.args[place] if place < len(self.args) else default
        return default

    def value(self, labels: torch.Tensor) -> Value:
        """The result, of a single tensor."""
        return Value(self.real, labels.expand(self.real.shape))

    def unlabelled(self, *, uniform: bool = False) -> Any:
        """The result, which belongs to no atom."""
        import torch

        return self.each(
            lambda real: Value(real, torch.full(real.shape, NONE, dtype=torch.float64), uniform=uniform)
        )

    def each(self, make: Callable[[Any], Value]) -> Any:
        """Values for a result of one or several tensors."""
        if isinstance(self.real, tuple | list):
            return tuple(make(each) for each in self.real)
        return make(self.real)


def values_in(tree: Any) -> list[Value]:
    """All tensors in arguments that may be nested."""
    if isinstance(tree, Value):
        return [tree]
    if isinstance(tree, dict):
        return [value for each in tree.values() for value in values_in(each)]
    return [value for each in tree for value in values_in(each)] if isinstance(tree, tuple | list) else []


def reals_in(tree: Any) -> Any:
    """Arguments with the tensors themselves in them."""
    if isinstance(tree, Value):
        return tree.real
    if isinstance(tree, dict):
        return {name: reals_in(each) for name, each in tree.items()}
    return type(tree)(map(reals_in, tree)) if type(tree) in (tuple, list) else tree


def leaves(tree: Any) -> list[Any]:
    """All that nested inputs or outputs are made of, in order."""
    from torch.utils._pytree import tree_leaves

    return list(tree_leaves(tree))
