"""Attributes in which a module keeps sizes for its own `forward`: the number of heads, a width."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from typing import Any

Size = tuple[str, str, int, int]
"""(layer, attribute, which of its numbers, new size); a single number has place -1."""
Sizes = tuple[Size, ...]
_MOST = 6
"""So many attributes are tried in all combinations."""


def resize(module: Any, sizes: Sizes) -> None:
    """Sets the attributes, in place."""
    for layer, attribute, place, size in sizes:
        part = module.get_submodule(layer)
        old = getattr(part, attribute)
        if place >= 0:
            new = list(old)
            new[place] = size
            size = type(old)(new) if type(old) in (tuple, list) else tuple(new)  # type: ignore[assignment]
        setattr(part, attribute, size)


def candidates(module: Any, layers: tuple[str, ...], changes: Mapping[int, int]) -> Iterator[Sizes]:
    """What may have to change so that `forward` fits, likeliest first: nothing; all attributes of the modules around
    the layers that hold an old size; fewer of them; then those of the whole network.

    Args:
        layers: whose widths change.
        changes: old size -> new size.
    """
    yield ()
    around = {layer.rpartition(".")[0] for layer in layers}
    near = list(_holding(module, changes, lambda path: path in around))
    far = list(_holding(module, changes, lambda path: path not in around))
    tried: set[Sizes] = {()}
    for chosen in (*_choices(near), *((*near, *some) for some in _choices(far)), *_choices(far)):
        if chosen not in tried:
            tried.add(chosen)
            yield chosen


def _choices(sizes: list[Size]) -> Iterator[Sizes]:
    if len(sizes) > _MOST:
        yield tuple(sizes)
        yield from ((each,) for each in sizes)
        return
    for count in range(len(sizes), 0, -1):
        yield from combinations(sizes, count)


def _holding(module: Any, changes: Mapping[int, int], wanted: Callable[[str], bool]) -> Iterator[Size]:
    """Attributes that hold one of the old sizes; those of torch's own layers follow their parameters."""
    import torch.nn as nn

    for path, part in module.named_modules():
        own = type(part).__module__.startswith(("torch.nn.modules", "edgemm."))
        if not wanted(path) or (own and not isinstance(part, nn.Unflatten)):
            continue
        for attribute, value in list(vars(part).items()):
            if attribute.startswith("_") or attribute == "training":
                continue
            if type(value) is int and value in changes:
                yield path, attribute, -1, changes[value]
            elif isinstance(value, tuple | list):
                for place, each in enumerate(value):
                    if type(each) is int and each in changes:
                        yield path, attribute, place, changes[each]
