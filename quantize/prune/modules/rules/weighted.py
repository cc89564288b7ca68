"""Operators with weights: their rows make channels, their columns use them."""

from __future__ import annotations

from typing import Any

from edgemm.quantize.prune.modules.atoms import NONE, as_channels, varies
from edgemm.quantize.prune.modules.rules.elementwise import unknown
from edgemm.quantize.prune.modules.values import Call, Trace, Value


def linear(call: Call) -> Any:
    """y = x W^T + b, W of shape (out, in)."""
    bias = call.args[2] if len(call.args) > 2 else None
    return weighted_sum(call, call.args[0], call.args[1], bias, transposed=False)


def addmm(call: Call) -> Any:
    """y = b + x W, W of shape (in, out)."""
    return weighted_sum(call, call.args[1], call.args[2], call.args[0], transposed=True)


def weighted_sum(call: Call, x: Value, weight: Value, bias: Value | None, *, transposed: bool) -> Any:
    """Ties the last dimension of x to the columns, and the rows to the result."""
    place = call.found.weight(weight, 2)
    if place is None:
        return computed_weight(call)
    dims, indices = place
    row, column = (1, 0) if transposed else (0, 1)
    columns = call.found.column(weight.parameter, dims[column])[indices[column]]
    rows = call.found.row(weight.parameter, dims[row])[indices[row]]
    tie_channels(call.found, call.found.labels(x), -1, columns)
    tie_bias(call, bias, rows)
    return call.value(rows)


def computed_weight(call: Call) -> Any:
    """The weight is computed (weight norm, hypernetworks): all that takes part stays."""
    made = unknown(call)
    call.found.notes.append(f"{call.layer or 'forward'}: kept, for its weight is computed by forward()")
    return made


def tie_bias(call: Call, bias: Any, rows: Any) -> None:
    if not isinstance(bias, Value):
        return
    place = call.found.weight(bias, 1)
    if place is None:
        call.atoms.lock(rows)
        return
    (dim,), (index,) = place
    call.atoms.tie(call.found.axis(bias.parameter, dim)[index], rows)


def tie_channels(found: Trace, labels: Any, dim: int, channels: Any) -> None:
    """The channels of a tensor go with the slices of a parameter; those of no atom keep theirs."""
    import torch

    lines = as_channels(labels, dim)
    found.atoms.tie(torch.where(lines == NONE, 0.0, lines), channels)


def convolution(call: Call) -> Any:
    """Plain, grouped, depthwise and transposed convolutions of one to three dimensions."""
    name = call.target._schema.name.partition("::")[2]
    x, weight, bias = call.args[0], call.args[1], call.args[2] if len(call.args) > 2 else None
    place = call.found.weight(weight, 2)
    if place is None:
        return computed_weight(call)
    channel = x.real.dim() - int(name[-2]) - 1
    groups = int(call.get("groups", 1))
    transposed = "transpose" in name
    dims, indices = place
    if any(len(index) != size for index, size in zip(indices, (call.found.shapes[weight.parameter][d] for d in dims),
                                                     strict=True)):  # fmt: skip
        return computed_weight(call)
    out = _depthwise if groups > 1 and weight.real.shape[0 if transposed else 1] == (
        groups if transposed else 1) else _plain  # fmt: skip
    labels = out(call, x, weight.parameter, dims, channel, groups, transposed)
    tie_bias(call, bias, labels)
    shape = [1] * call.real.dim()
    shape[channel] = -1
    return call.value(labels.reshape(shape))


def _depthwise(
    call: Call, x: Value, name: str, dims: tuple[int, ...], channel: int, groups: int, transposed: bool
) -> Any:
    """Each channel makes its own, one or several: they go together, and `groups` follows."""
    rows = call.found.axis(name, dims[0])
    lines = as_channels(call.found.labels(x), channel)
    each = call.real.shape[channel] // groups
    mine = rows.repeat_interleave(each) if transposed else rows
    first = rows if transposed else rows.reshape(groups, each)[:, 0]
    if not transposed and each > 1:
        call.atoms.tie(rows.reshape(groups, each), first[:, None])
    call.atoms.tie(_kept_if_none(lines), first)
    return mine


def _kept_if_none(lines: Any) -> Any:
    import torch

    return torch.where(lines == NONE, 0.0, lines)


def _plain(
    call: Call, x: Value, name: str, dims: tuple[int, ...], channel: int, groups: int, transposed: bool
) -> Any:
    """With groups, what stands at the same place in each group goes together, so that the groups stay equal."""
    column, row = (dims[0], dims[1]) if transposed else (dims[1], dims[0])
    columns, rows = call.found.column(name, column), call.found.row(name, row)
    if groups > 1 and transposed:
        call.atoms.tie(columns.reshape(groups, -1), columns.reshape(groups, -1)[:1])
        rows = rows.repeat(groups)
    elif groups > 1:
        call.atoms.tie(rows.reshape(groups, -1), rows.reshape(groups, -1)[:1])
        columns = columns.repeat(groups)
    tie_channels(call.found, call.found.labels(x), channel, columns)
    return rows


def embedding(call: Call) -> Any:
    """Rows of a table: its columns make channels."""
    weight = call.args[0]
    place = call.found.weight(weight, 2)
    if place is None:
        return computed_weight(call)
    dims, indices = place
    return call.value(call.found.row(weight.parameter, dims[1])[indices[1]])


__all__ = ["addmm", "convolution", "embedding", "linear", "tie_channels", "varies", "weighted_sum"]
