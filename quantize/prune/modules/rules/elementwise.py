"""Operators that compute each element from the elements at its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgemm.quantize.prune.modules.atoms import NONE, varying
from edgemm.quantize.prune.modules.values import Call, Value, values_in

if TYPE_CHECKING:
    import torch


def elementwise(call: Call) -> Any:
    """Operands are removed together along the dimensions that they have in common."""
    operands = values_in((*call.args, *call.kwargs.values()))
    if not operands:
        return call.unlabelled(uniform=True)
    shape = (call.real if not isinstance(call.real, tuple | list) else call.real[0]).shape
    joined = operands[0]
    for other in operands[1:]:
        joined = _join(call, joined, other)
    labels = call.found.labels(joined)
    if labels.numel() == 1:
        labels = labels.reshape(())
    return call.each(lambda real: Value(real, labels.expand(shape) if real.shape == shape else _none(real),
                                        uniform=joined.uniform))  # fmt: skip


def _none(real: Any) -> torch.Tensor:
    import torch

    return torch.full(real.shape, NONE, dtype=torch.float64)


def _join(call: Call, a: Value, b: Value) -> Value:
    """Two operands as one."""
    import torch

    shape = torch.broadcast_shapes(a.real.shape, b.real.shape)
    first, second = (_aligned(call.found.labels(each), len(shape)) for each in (a, b))
    labels = _tied(call, (a, first), (b, second)).expand(shape)
    return Value(a.real.new_zeros(()).expand(shape), labels, uniform=a.uniform and b.uniform)


def _aligned(labels: torch.Tensor, rank: int) -> torch.Tensor:
    return labels.reshape((1,) * (rank - labels.dim()) + tuple(labels.shape))


def _tied(call: Call, a: tuple[Value, Any], b: tuple[Value, Any]) -> torch.Tensor:
    """Ties the labels of two operands; returns those of the result."""
    along_a, along_b = varying(a[1]), varying(b[1])
    if a[0].parameter and not b[0].parameter:
        return _tied(call, b, a)
    if b[0].parameter and not a[0].parameter:
        return _with_parameter(call, a[1], b[1], along_a)
    if along_a == along_b and along_a:
        call.atoms.tie(a[1], b[1])
        return _either(a[1], b[1])
    if along_a and along_b:
        call.atoms.lock(a[1])
        call.atoms.lock(b[1])
        return _either(a[1], b[1])
    if not along_a and not along_b:
        call.atoms.tie(a[1].amax(), b[1].amax())
        return _either(a[1], b[1])
    wide, narrow = (a, b) if along_a else (b, a)
    if not narrow[0].uniform and any(narrow[1].size(dim) > 1 for dim in along_a | along_b):
        call.atoms.lock(wide[1])
    call.atoms.lock(narrow[1])
    return wide[1] + 0 * narrow[1]


def _either(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    import torch

    a, b = torch.broadcast_tensors(a, b)
    return torch.where(a == NONE, b, a)


def _with_parameter(
    call: Call, labels: torch.Tensor, elements: torch.Tensor, along: frozenset[int]
) -> torch.Tensor:
    """A parameter that is added or multiplied: its elements go with the channels that they are used for."""
    sizes = {elements.size(dim) > 1 for dim in along}
    if sizes == {True}:
        call.atoms.tie(labels, elements)
    elif len(sizes) == 2:
        call.atoms.lock(labels)
    elif not along:
        return labels + 0 * elements
    return labels + 0 * elements


def glu(call: Call) -> Any:
    """One half of the channels opens and closes the other: a channel of each goes together."""
    labels = call.labels(0)
    dim = int(call.get("dim", -1)) % labels.dim()
    one, other = labels.chunk(2, dim)
    call.atoms.tie(one, other)
    return call.value(_either(one, other))


def fill(call: Call) -> Any:
    """Equal numbers: any of them may go."""
    return call.unlabelled(uniform=True)


def unknown(call: Call) -> Any:
    """An operator without a rule: what reaches it stays."""
    found = False
    for value in values_in((*call.args, *call.kwargs.values())):
        labels = call.found.labels(value)
        found = found or bool((labels > 0).any())
        call.atoms.lock(labels)
    if found:
        name = call.target._schema.name.partition("::")[2]
        call.found.notes.append(f"{call.layer or 'forward'}: what reaches the operator {name} is kept")
    return call.unlabelled()
