"""What is known about the axes of a value, and how reshapes and transposes change that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from edgemm.converters.fidelity.axes import Shape

if TYPE_CHECKING:
    import onnx_ir as ir


class Kind(NamedTuple):
    """What an index along the axis of parts belongs to."""

    name: str
    """Of the value that was joined: equal names are one part."""
    bounded: bool
    """Its values lie in 0..1 by what computes them."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What is known of one value. Axes count from 0, the batch included."""

    classes: int | None = None
    """The axis along which a softmax was taken, and its order is still that of the scores."""
    channels: frozenset[int] = frozenset()
    """Axes that hold the channels of the last layer, or a part of them."""
    axis: int | None = None
    """The axis along which parts were joined."""
    kinds: tuple[Kind, ...] = ()
    """One for each index along `axis`."""
    bounded: bool = False
    """All values lie in 0..1."""
    numbered: bool = False
    """The values are numbers of classes: of an ArgMax."""
    features: bool = False
    """They come out of an activation or a sum: channels of unlike size are busy and idle ones, no more."""


NOTHING = Trace()


def shape_of(value: ir.Value | None) -> Shape | None:
    """The static shape; None where it is not known."""
    if value is None or value.shape is None or not value.shape.is_static():
        return None
    return tuple(int(size) for size in value.shape.numpy())


def unbounded(before: Trace) -> Trace:
    """After an operator that may leave 0..1, and the order of scores."""
    kinds = tuple(each._replace(bounded=False) for each in before.kinds)
    return replace(before, classes=None, kinds=kinds, bounded=False, numbered=False)


def moved(before: Trace, where: Callable[[int], int | None], channels: frozenset[int]) -> Trace:
    """After a rearrangement that takes an axis to where `where` says; None: it is taken apart."""
    axis = None if before.axis is None else where(before.axis)
    classes = None if before.classes is None else where(before.classes)
    bounded = before.bounded or bool(before.kinds and all(each.bounded for each in before.kinds))
    kinds = before.kinds if axis is not None else ()
    return Trace(classes, channels, axis, kinds, bounded, before.numbered, before.features)


def chosen(before: Trace, axis: int, indices: Sequence[int] | None, size: int) -> Trace:
    """Some indices along one axis are kept; None: which is not known."""
    if indices is not None and list(indices) == list(range(size)):
        return before
    classes = None if before.classes == axis else before.classes
    if before.axis != axis:
        return replace(before, classes=classes)
    if indices is None:
        return replace(before, classes=classes, axis=None, kinds=())
    return replace(before, classes=classes, kinds=tuple(before.kinds[index] for index in indices))
