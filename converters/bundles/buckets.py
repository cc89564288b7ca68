"""Several lengths for what files leave open: each becomes a signature of the part's .tflite file, which share their
weights, and the driver runs the shortest that does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from edgemm.errors import InputError

MOST = 8
"""Lengths of one bundle."""
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Bucket:
    """One length of the bundle."""

    name: str = ""
    """Of the signatures; "" where there is one length."""
    lengths: Mapping[str, Shape] = field(default_factory=dict)
    """"ROLE.INPUT" -> its whole shape, as given."""

    def holds(self, shapes: Mapping[str, Shape]) -> bool:
        """Whether what has these shapes fits in.

        Args:
            shapes: "ROLE.INPUT" -> the largest that it was fed with.
        """
        return all(
            len(shape) == len(self.lengths[key])
            and all(a <= b for a, b in zip(shape, self.lengths[key], strict=True))
            for key, shape in shapes.items()
            if key in self.lengths
        )


def find_buckets(given: Mapping[str, Any]) -> tuple[Bucket, ...]:
    """The lengths that were asked for, the shortest first; one that may be empty where none was given several times.

    Args:
        given: "ROLE.INPUT" -> a shape, or a sequence of shapes.

    Raises:
        InputError: no shapes; unlike numbers of them; two that are alike, or of which neither holds the other.
    """
    listed = {key: _shapes(key, each) for key, each in given.items()}
    several = {key: each for key, each in listed.items() if len(each) > 1}
    if not several:
        return (Bucket("", {key: shape for key, (shape,) in listed.items()}),)
    (first, shapes), *others = several.items()
    for key, each in others:
        if len(each) != len(shapes):
            raise InputError(
                f"--length {key}: expected {len(shapes)} shapes as {first} has, one for each length, found {len(each)}"
            )
    if len(shapes) > MOST:
        raise InputError(f"--length {first}: expected at most {MOST} lengths, found {len(shapes)}")
    made = [
        Bucket(_name(shapes, at), {key: each[at if len(each) > 1 else 0] for key, each in listed.items()})
        for at in sorted(range(len(shapes)), key=lambda at: shapes[at])
    ]
    for shorter, longer in pairwise(made):
        _require_order(several, shorter, longer)
    return tuple(made)


def _require_order(keys: Mapping[str, Any], shorter: Bucket, longer: Bucket) -> None:
    if dict(shorter.lengths) == dict(longer.lengths) or not longer.holds(shorter.lengths):
        key = next(
            (each for each in keys if not longer.holds({each: shorter.lengths[each]})), next(iter(keys))
        )
        raise InputError(
            f"--length {key}: expected lengths of which each holds the one before, found "
            f"{list(shorter.lengths[key])} and {list(longer.lengths[key])}"
        )


def _shapes(key: str, given: Any) -> list[Shape]:
    if _is_list(given) and given and all(isinstance(each, int) for each in given):
        return [tuple(given)]
    if _is_list(given) and given and all(_is_list(each) and each for each in given):
        return [tuple(each) for each in given]
    raise InputError(
        f"lengths (--length) {key}: expected a shape such as (1, 48), or several; found {given!r:.80}"
    )


def _is_list(given: Any) -> bool:
    return isinstance(given, Sequence) and not isinstance(given, str | bytes)


def _name(shapes: Sequence[Shape], at: int) -> str:
    """By the sizes that are not the same in all of them."""
    differ = [
        str(size)
        for place, size in enumerate(shapes[at])
        if len({shape[place : place + 1] for shape in shapes}) > 1
    ]
    return "length_" + "x".join(differ or map(str, shapes[at]))
