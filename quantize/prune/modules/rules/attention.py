"""Products of two tensors that were computed: the scores of attention, and what they weigh."""

from __future__ import annotations

from typing import Any

from edgemm.quantize.prune.modules.atoms import LOCKED, NONE, first, varies
from edgemm.quantize.prune.modules.rules.elementwise import unknown
from edgemm.quantize.prune.modules.rules.weighted import weighted_sum
from edgemm.quantize.prune.modules.values import Call


def matmul(call: Call) -> Any:
    """x W with a parameter is a linear layer; otherwise both are labelled tensors."""
    a, b = call.args[0], call.args[1]
    if b.parameter and b.real.dim() == 2:
        return weighted_sum(call, a, b, None, transposed=True)
    if a.real.dim() < 2 or b.real.dim() < 2:
        return unknown(call)
    labels = product(call, call.labels(0), call.labels(1).transpose(-1, -2))
    return call.value(labels)


def attention(call: Call) -> Any:
    """softmax(Q K^T) V."""
    query, key, value = (call.labels(index) for index in range(3))
    if query.dim() > 3 and key.size(-3) != query.size(
        -3
    ):  # grouped queries: several heads share keys and values
        times = query.size(-3) // key.size(-3)
        key, value = key.repeat_interleave(times, -3), value.repeat_interleave(times, -3)
    scores = product(call, query, key)
    mask = call.get("attn_mask")
    if (
        mask is not None
        and any(size > 1 for size in mask.real.shape[:-2])
        and (call.found.labels(mask) != LOCKED).any()
    ):
        call.atoms.lock(scores)
    return call.value(product(call, scores, value.transpose(-1, -2)))


def product(call: Call, a: Any, b: Any) -> Any:
    """Labels of a b^T, whose operands have shapes (..., I, K) and (..., J, K); the result's is (..., I, J)."""
    import torch

    batch = torch.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    if any(varies(each, dim) for each in (a, b) for dim in range(each.dim() - 2)):
        return _by_head(call, a, b, batch)
    a, b = (first(each, range(each.dim() - 2)) for each in (a, b))
    if varies(a, -1) or varies(b, -1):
        _tie_summed(call, a, b)
    along_a, along_b = varies(a, -2) and not varies(a, -1), varies(b, -2) and not varies(b, -1)
    if along_a and along_b:
        call.atoms.lock(a)
        call.atoms.lock(b)
    shape = (*batch, a.size(-2), b.size(-2))
    if along_a:
        return a[..., :1].reshape(a.size(-2), 1).expand(shape)
    if along_b:
        return b[..., :1].reshape(1, b.size(-2)).expand(shape)
    return torch.full(shape, NONE, dtype=torch.float64)


def _by_head(call: Call, a: Any, b: Any, batch: Any) -> Any:
    """All that is multiplied within one head goes together."""
    import torch

    wide = [each.expand(*batch, *each.shape[-2:]).flatten(-2) for each in (a, b)]
    head = torch.maximum(*(each.amax(-1) for each in wide))
    for each in wide:
        call.atoms.tie(each, head[..., None])
    call.found.heads.append(head.reshape(-1).unique())
    return head[..., None, None].expand(*batch, a.size(-2), b.size(-2))


def _tie_summed(call: Call, a: Any, b: Any) -> None:
    for each in (a, b):
        if varies(each, -1) and varies(each, -2):
            call.atoms.lock(each)
    if not varies(a, -1) or not varies(b, -1):
        call.atoms.lock(a if varies(a, -1) else b)
    call.atoms.tie(a[..., 0, :], b[..., 0, :])


def einsum(call: Call) -> Any:
    """Of two tensors: brought to the form of a matrix product."""
    equation = str(call.args[0]).replace(" ", "")
    inputs, arrow, result = equation.partition("->")
    terms = inputs.split(",")
    operands = call.args[1]
    if not arrow or len(terms) != 2 or "." in equation or any(each.parameter for each in operands):
        return unknown(call)
    a, b = (call.found.labels(each) for each in operands)
    shared = [letter for letter in terms[0] if letter in terms[1] and letter in result]
    summed = [letter for letter in terms[0] if letter in terms[1] and letter not in result]
    rows, columns = ([each for each in term if each not in other] for term, other in (terms, terms[::-1]))
    if (
        len(set(inputs)) != len(set(result) | set(summed) | {","})
        or len(rows) > 1
        or len(columns) > 1
        or len(summed) != 1
    ):
        return unknown(call)
    labels = product(
        call, _ordered(a, terms[0], shared, rows, summed), _ordered(b, terms[1], shared, columns, summed)
    )
    order = [*shared, *(rows or ["<"]), *(columns or [">"])]
    for mark, place in (("<", len(shared)), (">", len(order) - 1)):
        if mark in order:
            labels = labels.narrow(place, 0, 1)
    kept = [place for place, letter in enumerate(order) if letter not in "<>"]
    labels = labels.permute(*kept, *(place for place in range(len(order)) if place not in kept))
    labels = labels.reshape(labels.shape[: len(kept)])
    names = [order[place] for place in kept]
    return call.value(labels.permute([names.index(letter) for letter in result]))


def _ordered(labels: Any, term: str, shared: list[str], own: list[str], summed: list[str]) -> Any:
    moved = labels.permute([term.index(letter) for letter in (*shared, *own, *summed)])
    return moved if own else moved.unsqueeze(-2)
