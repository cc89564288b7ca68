"""Which output holds what, and along which axis: from the recipe's names, or from shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgemm.errors import CardError
from edgemm.tasks.detection.blocks import Block, Table, joined
from edgemm.tensors import TensorSpec

_ADVICE = (
    "Name the outputs in the card's section (boxes_outputs, scores_outputs), choose another head, or set "
    '"task": "tensors" in the card'
)


def listed(specs: Sequence[TensorSpec]) -> str:
    """The outputs of a file, for messages."""
    return ", ".join(f"{spec.name!r} {list(spec.shape)}" for spec in specs)


def named(specs: Sequence[TensorSpec], names: Sequence[str], key: str) -> list[TensorSpec]:
    """The outputs that the recipe names.

    Raises:
        CardError: the file has no such output.
    """
    by_name = {spec.name: spec for spec in specs}
    for name in names:
        if name not in by_name:
            raise CardError(f"{key}: no output {name!r} in the file, which has {', '.join(by_name)}")
    return [by_name[name] for name in names]


def numbers(spec: TensorSpec, what: str) -> TensorSpec:
    """The same output, which must hold real numbers.

    Raises:
        CardError: it holds integers without a scale.
    """
    if not (spec.quantized or spec.dtype.startswith("float")):
        raise CardError(
            f"output {spec.name!r}: {what} are numbers, float or quantized integers with their scale, found "
            f"{spec.dtype} without one: convert with --io float"
        )
    return spec


def axes(shape: Sequence[int]) -> tuple[int, int] | None:
    """The two axes of an output that holds one matrix, axes of 1 left out from the left; None where it holds none."""
    left = [int(size) for size in shape]
    while len(left) > 2 and 1 in left:
        left.remove(1)
    if len(left) == 1:
        left = [1, *left]
    return (left[0], left[1]) if len(left) == 2 and min(left) > 0 else None


def matrix(spec: TensorSpec, width: int, layout: str) -> Block | None:
    """The output as a matrix with `width` numbers for each candidate, or None where its shape does not fit.

    Args:
        spec: of the output.
        width: numbers of each candidate.
        layout: of the recipe: "rows", "columns", or "" for the one that fits.

    Raises:
        CardError: both ways fit, and the recipe does not say which.
    """
    pair = axes(spec.shape)
    if pair is None:  # [1, H, W, A * width] as a convolution leaves it: cell by cell
        rank4 = len(spec.shape) == 4 and min(spec.shape) > 0
        if rank4 and layout != "columns" and spec.shape[3] % width == 0:
            return Block(spec, (1, math.prod(spec.shape) // width, width), False, 0, width)
        return None
    rows = pair[1] == width and layout != "columns"
    columns = pair[0] == width and layout != "rows"
    if rows and columns:
        if pair == (1, 1):
            columns = False
        else:
            raise CardError(
                f'layout: output {spec.name!r} {list(spec.shape)} may hold rows or columns. Say "rows" or "columns"'
            )
    if not rows and not columns:
        return None
    return Block(spec, (1, *pair), columns, 0, width)


def table(specs: Sequence[TensorSpec], width: int, layout: str, what: str) -> Table:
    """Outputs with `width` numbers for each candidate, one below the other.

    Raises:
        CardError: one has another shape.
    """
    found = []
    for spec in specs:
        block = matrix(numbers(spec, what), width, layout)
        if block is None:
            raise CardError(
                f"output {spec.name!r}: expected {width} {what} for each candidate, shape [1, N, {width}] or "
                f"[1, {width}, N], found {list(spec.shape)}. {_ADVICE}"
            )
        found.append(Table((block,)))
    return joined(found)


def widths(spec: TensorSpec, layout: str) -> tuple[int, ...]:
    """How many numbers each candidate may have in this output, the likelier first: there are more candidates."""
    pair = axes(spec.shape)
    if pair is None:
        return (spec.shape[3],) if len(spec.shape) == 4 and min(spec.shape) > 0 else ()
    if layout:
        return (pair[1],) if layout == "rows" else (pair[0],)
    return tuple(sorted(pair))


def pick(
    specs: Sequence[TensorSpec], names: Sequence[str], width: int, layout: str, key: str
) -> list[TensorSpec]:
    """The outputs that the recipe names; else the only one whose shape fits.

    Raises:
        CardError: none fits, or several do.
    """
    if names:
        return named(specs, names, key)
    fitting = [spec for spec in specs if width in widths(spec, layout)]
    if len(fitting) != 1:
        raise CardError(
            f"{key}: expected one output with {width} numbers for each candidate, [1, N, {width}] or "
            f"[1, {width}, N], found {len(fitting)} among {listed(specs)}. {_ADVICE}"
        )
    return fitting


def scores(specs: Sequence[TensorSpec], names: Sequence[str], classes: int, count: int, layout: str) -> Table:
    """The scores of `count` candidates.

    Args:
        specs: outputs that hold nothing else.
        names: of the recipe.
        classes: numbers of each candidate; 0 where that is not known.
        count: candidates, as the boxes have them.
        layout: of the recipe.

    Raises:
        CardError: none fits, or several do.
    """
    chosen = named(specs, names, "scores_outputs") if names else _only_scores(specs, classes, count)
    if not classes:
        classes = _classes(chosen, count)
    found = table(chosen, classes, layout, "scores")
    same_count(found, count, "scores")
    return found


def _only_scores(specs: Sequence[TensorSpec], classes: int, count: int) -> list[TensorSpec]:
    fitting = [
        spec
        for spec in specs
        if count
        and math.prod(spec.shape) % count == 0
        and (not classes or math.prod(spec.shape) == classes * count)
    ]
    if len(fitting) != 1:
        wanted = f"{classes} scores" if classes else "scores"
        raise CardError(
            f"scores_outputs: expected one output with {wanted} for each of {count} candidates, found "
            f"{len(fitting)} among {listed(specs) or 'none'}. {_ADVICE}"
        )
    return fitting


def _classes(specs: Sequence[TensorSpec], count: int) -> int:
    """Scores of each candidate, from how many numbers there are."""
    total = sum(math.prod(spec.shape) for spec in specs)
    if count < 1 or total < count or total % count:
        raise CardError(
            f"scores_outputs: expected scores for each of {count} candidates, found {listed(specs)}. {_ADVICE}"
        )
    return total // count


def same_count(found: Table, count: int, what: str) -> None:
    """As many candidates as there are boxes.

    Raises:
        CardError: more, or fewer.
    """
    if found.count != count:
        names = ", ".join(repr(block.spec.name) for block in found.blocks)
        raise CardError(
            f"{what}: expected {count} candidates, as many as boxes, found {found.count} in {names}. {_ADVICE}"
        )
