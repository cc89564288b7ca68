"""A module with the families that can be removed from it, each tried on the module itself."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from edgemm.errors import InputError
from edgemm.quantize.prune.modules.atoms import Axis
from edgemm.quantize.prune.modules.checks import check_module, check_outputs
from edgemm.quantize.prune.modules.counting import evaluating
from edgemm.quantize.prune.modules.families import Family, Structure, find_families, fold, layer_of
from edgemm.quantize.prune.modules.plan import Left, allowed
from edgemm.quantize.prune.modules.sizes import Sizes, candidates, resize
from edgemm.quantize.prune.modules.surgery import kept, remove
from edgemm.quantize.prune.modules.trace import trace
from edgemm.quantize.prune.modules.trial import Trials, computes_as
from edgemm.quantize.prune.modules.values import Trace
from edgemm.quantize.prune.removal import Removal


@dataclass(frozen=True, slots=True)
class SizeRule:
    """An attribute that follows a family's width."""

    layer: str
    attribute: str
    place: int
    family: int
    axis: Axis | None
    """It is the length of this axis; None: it is the family's count."""


@dataclass(frozen=True, slots=True)
class Prunable:
    """A module, what can go, and what follows then."""

    module: Any
    structure: Structure
    rules: tuple[SizeRule, ...]
    notes: tuple[str, ...]
    classes: Mapping[str, type] = field(default_factory=dict)
    """Layer -> the class that it had: of attention whose own `forward` does not run with fewer heads."""

    @property
    def families(self) -> tuple[Family, ...]:
        return self.structure.families

    def build(self, gone: frozenset[int], left: Left) -> Any:
        """A copy of the module without these numbers."""
        made = copy.deepcopy(self.module)
        remove(made, self.structure, gone)
        resize(made, self.sizes(gone, left))
        if self.classes:
            _give_back(made, self.classes)
        return made

    def sizes(self, gone: frozenset[int], left: Left) -> Sizes:
        """The attributes that change."""
        keep = kept(self.structure, gone)
        return tuple(
            (rule.layer, rule.attribute, rule.place,
             left[rule.family] if rule.axis is None else len(keep[rule.axis]))
            for rule in self.rules
            if left[rule.family] < self.families[rule.family].count
        )  # fmt: skip

    def removed(self, left: Left) -> tuple[Removal, ...]:
        """What that is, layer by layer; layers that keep everything are left out."""
        return tuple(
            Removal(layer, family.kind, *self._widths(family, layer, count))
            for family, count in zip(self.families, left, strict=True)
            if count < family.count
            for layer in family.layers
        )

    def _widths(self, family: Family, layer: str, count: int) -> tuple[int, int]:
        """Channels of the layer before and after; units and heads are counted as such."""
        if family.kind != "channels":
            return family.count, count
        own = {number for numbers in family.sets for number in numbers}
        rows = next(
            self.structure.axes[axis]
            for axis in self.structure.born
            if layer_of(axis) == layer and own.intersection(map(int, self.structure.axes[axis]))
        )
        mine = int(np.isin(rows, list(own)).sum())
        return len(rows), len(rows) - mine + mine * count // family.count


def prunable(module: Any, example_inputs: tuple[Any, ...], keep: Sequence[str], multiple_of: int) -> Prunable:
    """Finds what can be removed from a module. The module is not changed.

    Raises:
        InputError: the inputs do not fit, the module cannot be traced, or a name in `keep` is not there.
    """
    check_module(module, example_inputs)
    own = copy.deepcopy(module)
    check_outputs(own, example_inputs)
    walked, structure = _walked(own, example_inputs)
    found, notes = _checked(own, structure, example_inputs, keep, multiple_of)
    classes = dict[str, type]()
    if found.failed:
        own, classes = _with_free_heads(own, structure, found.failed, example_inputs)
    if classes:
        walked, structure = _walked(own, example_inputs)
        found, notes = _checked(own, structure, example_inputs, keep, multiple_of)
    if found.failed and fold(walked, structure, found.failed):
        structure = find_families(walked)
        found, notes = _checked(own, structure, example_inputs, keep, multiple_of)
    base = own if classes else module
    return Prunable(base, found.structure, found.rules, (*structure.notes, *notes, *found.notes), classes)


def _walked(module: Any, inputs: tuple[Any, ...]) -> tuple[Trace, Structure]:
    with evaluating(module):
        found = trace(module, inputs)
    return found, find_families(found)


def _with_free_heads(
    module: Any, structure: Structure, failed: frozenset[int], inputs: tuple[Any, ...]
) -> tuple[Any, dict[str, type]]:
    """The module with attention whose heads can go, where that computes the same; and the classes that it had."""
    from edgemm.quantize.prune.modules.fused_heads import with_fused_heads

    layers = [
        layer
        for family in structure.families
        if family.kind == "heads" and any(failed.intersection(each) for each in family.sets)
        for layer in family.layers
    ]
    made, classes = with_fused_heads(module, layers)
    return (made, classes) if classes and computes_as(module, made, inputs) else (module, {})


def _give_back(module: Any, classes: Mapping[str, type]) -> None:
    from edgemm.quantize.prune.modules.fused_heads import give_back

    give_back(module, classes)


def _checked(
    module: Any, structure: Structure, inputs: tuple[Any, ...], keep: Sequence[str], multiple_of: int
) -> tuple[_Tried, list[str]]:
    families, notes = _without_kept(module, structure, keep)
    return _tried(module, replace(structure, families=families), inputs, multiple_of), notes


def _without_kept(
    module: Any, structure: Structure, keep: Sequence[str]
) -> tuple[tuple[Family, ...], list[str]]:
    names = [name for name, _ in module.named_modules() if name]
    for name in keep:
        if name not in names:
            near = difflib.get_close_matches(name, names, 3)
            hint = (
                f"did you mean {' or '.join(map(repr, near))}?"
                if near
                else f"its layers are {', '.join(names[:12])}"
            )
            raise InputError(f"keep: the module has no layer {name!r}; {hint}")
    held = {
        int(root)
        for axis, roots in structure.axes.items()
        if any(axis[0].startswith(f"{name}.") for name in keep)
        for root in roots
    }
    left = tuple(each for each in structure.families if not held.intersection(*(numbers for numbers in each.sets))
                 and not any(held.intersection(numbers) for numbers in each.sets))  # fmt: skip
    return left, [f"{each.name}: kept as asked" for each in structure.families if each not in left]


@dataclass(frozen=True, slots=True)
class _Tried:
    structure: Structure
    rules: tuple[SizeRule, ...]
    notes: tuple[str, ...]
    failed: frozenset[int] = frozenset()
    """The numbers of families that are kept, for their removal is not exact."""


def _tried(module: Any, structure: Structure, inputs: tuple[Any, ...], multiple_of: int) -> _Tried:
    """The families whose removal is exact, first all at once, and one by one where that fails."""
    trials = Trials(module, structure, inputs)
    families = structure.families
    chosen = {index: _some(family, multiple_of) for index, family in enumerate(families)}
    usable = [index for index in chosen if chosen[index][0] < families[index].count]
    everything = frozenset().union(*(chosen[index][1] for index in usable)) if usable else frozenset()
    if trials.fits(everything):
        return _Tried(replace(structure, families=tuple(families[index] for index in usable)), (), ())
    found: list[int] = []
    rules: list[SizeRule] = []
    gone: frozenset[int] = frozenset()
    notes, failed = [], frozenset[int]()
    for index in usable:
        left, own = chosen[index]
        own_rules = _rules(module, structure, trials, index, left, own, (gone, rules, chosen))
        if own_rules is None:
            notes.append(_why_kept(module, families[index], trials, own, left))
            failed = failed.union(*families[index].sets)
            continue
        gone |= own
        rules += own_rules
        found.append(index)
    places = {index: place for place, index in enumerate(found)}
    moved = tuple(replace(rule, family=places[rule.family]) for rule in rules)
    return _Tried(
        replace(structure, families=tuple(families[index] for index in found)), moved, tuple(notes), failed
    )


def _why_kept(module: Any, family: Family, trials: Trials, own: frozenset[int], left: int) -> str:
    """What in forward() keeps a family's size: the line that fails once the attributes follow."""
    sizes = [each for each in candidates(module, family.layers, {family.count: left}) if each]
    where = trials.failure(own, sizes[0]) if sizes else ""
    where = where or trials.failure(own)
    if family.kind == "heads":
        advice = (
            "heads that are left keep their size, so that it may not be computed from the whole width (width // "
            "heads): keep the size of a head and heads x size in attributes, and reshape the result to (batch, time, "
            "heads x size)"
        )
    else:
        advice = (
            "a size that is written into forward() can stand in an attribute, or be taken from the tensor"
        )
    line = f". With fewer, this line does not run: {where}" if where else ""
    return f"{family.name}: kept, for forward() works with its present size only: {advice}{line}"


def _some(family: Family, multiple_of: int) -> tuple[int, frozenset[int]]:
    """A count in the middle of those allowed, and a random choice of what goes then."""
    counts = allowed(family, multiple_of)
    left = counts[min((len(counts) + 1) // 2, len(counts) - 1)]
    generator = np.random.default_rng(family.sets[0][0])
    gone = [
        int(each) for numbers in family.sets for each in generator.permutation(numbers)[: family.count - left]
    ]
    return left, frozenset(gone)


def _rules(
    module: Any,
    structure: Structure,
    trials: Trials,
    index: int,
    left: int,
    own: frozenset[int],
    before: tuple[frozenset[int], list[SizeRule], dict[int, tuple[int, frozenset[int]]]],
) -> list[SizeRule] | None:
    """Which attributes must follow, so that the removal is exact together with those found before; None: no way."""
    family = structure.families[index]
    gone, rules, chosen = before
    changes: dict[int, tuple[int, Axis | None]] = {}
    for axis, indices in kept(structure, own).items():
        changes.setdefault(len(structure.axes[axis]), (len(indices), axis))
    changes[family.count] = (left, None)
    both = own | gone
    keep = kept(structure, both)
    base = tuple(
        (each.layer, each.attribute, each.place,
         chosen[each.family][0] if each.axis is None else len(keep[each.axis]))
        for each in rules
    )  # fmt: skip
    news = {old: new if axis is None else len(keep[axis]) for old, (new, axis) in changes.items()}
    for sizes in candidates(module, family.layers, news):
        if trials.fits(both, (*base, *sizes)):
            return [
                SizeRule(layer, attribute, place, index, changes[_old(module, layer, attribute, place)][1])
                for layer, attribute, place, _ in sizes
            ]
    return None


def _old(module: Any, layer: str, attribute: str, place: int) -> int:
    value = getattr(module.get_submodule(layer), attribute)
    return int(value if place < 0 else value[place])
