"""Einsum as products of matrices, elementwise products and sums.

Axes of size 1 are left out first and put back last, so that nothing has to be broadcast; an axis that an operand has
twice becomes its diagonal; an axis that nobody needs any more is summed. Operands are then multiplied one after the
other: where axes are summed over, as matrices, a constant one on the right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.rewrite import shape_of
from edgemm.errors import ConversionError

MAX_RANK = 4
"""Of a product with its batch axes apart."""
REAL = frozenset({ir.DataType.FLOAT, ir.DataType.FLOAT16, ir.DataType.BFLOAT16, ir.DataType.DOUBLE})


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """An operand, and the label of each of its axes."""

    value: ir.Value
    labels: tuple[str, ...]


def expand_einsum(node: ir.Node) -> bool:
    """Einsum of any equation and number of operands."""
    draft = Draft(node)
    values = [draft.input(index) for index in range(len(node.inputs))]
    try:
        ins, out = parse_equation(draft.text("equation", ""), [len(shape_of(value)) for value in values])
        sizes = _sizes(ins, [shape_of(value) for value in values])
    except ValueError as error:
        raise ConversionError(f"node {node.name!r} (Einsum): {error}. Export the model again") from error
    terms = [_without_ones(draft, Term(value, labels)) for value, labels in zip(values, ins, strict=True)]
    terms = [_diagonal(draft, term) for term in terms]
    wanted = tuple(label for label in out if sizes[label] != 1)
    total = terms[0]
    for index, term in enumerate(terms[1:], 1):
        later = {*wanted, *(label for each in terms[index + 1 :] for label in each.labels)}
        left = _summed(draft, total, later | set(term.labels))
        right = _summed(draft, term, later | set(left.labels))
        total = _product(draft, left, right, later)
    total = _summed(draft, total, set(wanted))
    turned = draft.transpose(total.value, [total.labels.index(label) for label in wanted])
    return draft.becomes(draft.reshape(turned, [sizes[label] for label in out]))


def parse_equation(equation: str, ranks: Sequence[int]) -> tuple[list[tuple[str, ...]], tuple[str, ...]]:
    """The labels of the axes of each operand, and of the result; those of an ellipsis are "...0" and so on, from
    the last axis to the first.

    Raises:
        ValueError: the equation does not fit the operands.
    """
    given, arrow, told = equation.replace(" ", "").partition("->")
    texts = given.split(",")
    if len(texts) != len(ranks):
        raise ValueError(f"equation {equation!r} has {len(texts)} operands, the node {len(ranks)}")
    ins = [_labels(text, rank, equation) for text, rank in zip(texts, ranks, strict=True)]
    spread = max((sum(label.startswith("...") for label in labels) for labels in ins), default=0)
    if arrow:
        out = _labels(told, len(told.replace("...", "")) + ("..." in told) * spread, equation)
    else:
        flat = [label for labels in ins for label in labels]
        once = sorted(label for label in set(flat) if flat.count(label) == 1 and not label.startswith("..."))
        out = (*(f"...{place}" for place in reversed(range(spread))), *once)
    unknown = [label for label in out if not any(label in labels for labels in ins)]
    if unknown or len(set(out)) != len(out):
        raise ValueError(f"equation {equation!r} names an axis of the result that is not there, or twice")
    return ins, out


def _labels(text: str, rank: int, equation: str) -> tuple[str, ...]:
    before, dots, after = text.partition("...")
    rest = rank - len(before) - len(after)
    if rest < 0 or (rest and not dots) or (not (before + after).isalpha() and before + after):
        raise ValueError(f"equation {equation!r}: {text!r} does not fit {rank} dimensions")
    return (*before, *(f"...{place}" for place in reversed(range(rest))), *after)


def _sizes(ins: list[tuple[str, ...]], shapes: list[tuple[int, ...]]) -> dict[str, int]:
    """How large each axis is; one of size 1 is broadcast."""
    sizes: dict[str, int] = {}
    for labels, shape in zip(ins, shapes, strict=True):
        for label, size in zip(labels, shape, strict=True):
            found = sizes.setdefault(label, size)
            if found == 1:
                sizes[label] = size
            elif size not in (1, found):
                raise ValueError(f"axis {label!r} has {found} elements in one operand and {size} in another")
    return sizes


def _without_ones(draft: Draft, term: Term) -> Term:
    kept = [axis for axis, size in enumerate(shape_of(term.value)) if size != 1]
    shape = [shape_of(term.value)[axis] for axis in kept]
    return Term(draft.reshape(term.value, shape), tuple(term.labels[axis] for axis in kept))


def _diagonal(draft: Draft, term: Term) -> Term:
    """Where a label stands twice, the elements whose numbers along both axes are equal."""
    twice = next((label for label in term.labels if term.labels.count(label) > 1), None)
    if twice is None:
        return term
    first, second = [axis for axis, label in enumerate(term.labels) if label == twice][:2]
    rest = [axis for axis in range(len(term.labels)) if axis not in (first, second)]
    size, others = shape_of(term.value)[first], [shape_of(term.value)[axis] for axis in rest]
    turned = draft.transpose(term.value, [*rest, first, second])
    flat = draft.reshape(turned, [*others, size * size])
    picked = draft.gather(flat, np.arange(size, dtype=np.int64) * (size + 1), len(rest))
    return _diagonal(draft, Term(picked, (*(term.labels[axis] for axis in rest), twice)))


def _summed(draft: Draft, term: Term, kept: set[str]) -> Term:
    """Sums over the axes that nobody needs any more."""
    axes = [axis for axis, label in enumerate(term.labels) if label not in kept]
    if not axes:
        return term
    left = tuple(label for label in term.labels if label in kept)
    return Term(draft.sum(term.value, axes), left)


def _product(draft: Draft, left: Term, right: Term, later: set[str]) -> Term:
    """The product of two operands, summed over what both have and nobody needs later."""
    if left.value.const_value is not None and right.value.const_value is None:
        left, right = right, left
    shared = [label for label in left.labels if label in right.labels]
    batch = [label for label in shared if label in later]
    inner = [label for label in shared if label not in later]
    rows = [label for label in left.labels if label not in shared]
    columns = [label for label in right.labels if label not in shared]
    sizes = dict(
        zip((*left.labels, *right.labels), (*shape_of(left.value), *shape_of(right.value)), strict=True)
    )
    whole = [sizes[label] for label in batch]
    b = whole if len(batch) + 2 <= MAX_RANK else [prod(whole)]
    m, k, n = (prod(sizes[label] for label in group) for group in (rows, inner, columns))
    if inner and left.value.dtype in REAL:
        first = _arranged(draft, left, (*batch, *rows, *inner), [*b, m, k])
        second = _arranged(draft, right, (*batch, *inner, *columns), [*b, k, n])
        made = draft.matmul(first, second)
    elif inner:
        first = _arranged(draft, left, (*batch, *rows, *inner), [prod(whole), m, 1, k])
        second = _arranged(draft, right, (*batch, *columns, *inner), [prod(whole), 1, n, k])
        made = draft.sum(draft("Mul", first, second), (3,))
    else:
        first = _arranged(draft, left, (*batch, *rows), [*b, m, 1] if columns else [*b, *[m] * bool(rows)])
        second = _arranged(
            draft, right, (*batch, *columns), [*b, 1, n] if rows else [*b, *[n] * bool(columns)]
        )
        if rows and not columns:
            second = draft.reshape(second, [*b, 1])
        if columns and not rows:
            first = draft.reshape(first, [*b, 1])
        made = draft("Mul", first, second)
    labels = (*batch, *rows, *columns)
    return Term(draft.reshape(made, [sizes[label] for label in labels]), labels)


def _arranged(draft: Draft, term: Term, order: Sequence[str], shape: Sequence[int]) -> ir.Value:
    turned = draft.transpose(term.value, [term.labels.index(label) for label in order])
    return draft.reshape(turned, shape)
