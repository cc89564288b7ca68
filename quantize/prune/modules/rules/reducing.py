"""Operators that compute over a dimension: means, softmax, pools, interpolation."""

from __future__ import annotations

from typing import Any

from edgemm.quantize.prune.modules.atoms import first, varies
from edgemm.quantize.prune.modules.values import Call, Value


def reducing(call: Call) -> Any:
    """Over channels, each of them counts, and all stay; over other dimensions the channels are carried on."""
    labels = call.labels(0)
    dims = _dims(call, labels.dim())
    if any(varies(labels, dim) for dim in dims):
        call.atoms.lock(labels)
    short = first(labels, dims)
    return call.each(lambda real: Value(real, _fitted(labels, short, dims, real)))


def _dims(call: Call, rank: int) -> list[int]:
    given = call.get("dim")
    if given is None or given == []:
        names = [each.name for each in call.target._schema.arguments]
        return (
            [rank - 1]
            if "dim" in names and call.target._schema.name.endswith(("sort", "topk"))
            else list(range(rank))
        )
    return [each % rank for each in (given if isinstance(given, tuple | list) else (given,))] if rank else []


def _fitted(labels: Any, short: Any, dims: list[int], real: Any) -> Any:
    if real.shape == labels.shape:
        return labels
    if real.dim() == labels.dim():
        return short.expand(real.shape)
    kept = [size for dim, size in enumerate(short.shape) if dim not in dims]
    return short.reshape(kept).expand(real.shape)


def spatial(call: Call) -> Any:
    """Pools and interpolation: each channel by itself."""
    name = call.target._schema.name.partition("::")[2]
    labels = call.labels(0)
    count = (
        next(int(letter) for letter in reversed(name) if letter.isdigit())
        if any(map(str.isdigit, name))
        else 2
    )
    dims = range(labels.dim() - count, labels.dim())
    if any(varies(labels, dim) for dim in dims):
        call.atoms.lock(labels)
    short = first(labels, dims)
    return call.each(lambda real: Value(real, short.expand(real.shape)))
