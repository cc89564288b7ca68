"""Sizes for the inputs that a bundle's files leave open: as given, as the card says, or as they come up in the data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edgemm.choices import hint
from edgemm.converters.bundles.recorded import Seen, Shape, Sizes, record
from edgemm.errors import EdgemmError, InputError
from edgemm.inspection import inspect_artifact
from edgemm.judge.items import Item
from edgemm.media import AudioBlock, Frame
from edgemm.tasks.driver import TellsItsSizes

if TYPE_CHECKING:
    from edgemm.model.bundle import BundleModel


def known_lengths(model: BundleModel, given: Mapping[str, Sequence[int]]) -> dict[str, dict[str, Shape]]:
    """What was given, and what the driver's settings say: role -> input -> its shape.

    Raises:
        InputError: see `given_lengths`.
    """
    found = given_lengths(model, given)
    recipe = model.card.recipe
    if isinstance(model.driver, TellsItsSizes):
        for role, shapes in model.driver.sizes(
            recipe, {role: one.inputs for role, one in model.models.items()}
        ).items():
            found[role] = {**shapes, **found.get(role, {})}
    if model.card.driver != "sequence" or "encoder" not in model.models:
        return found
    encoder = found.setdefault("encoder", {})
    lengths = [shape[-1] for name, shape in encoder.items() if name in (recipe.ids, recipe.mask)]
    length = next(iter(lengths), recipe.source.length)  # tokens and mask are as long as each other
    for spec in model.models["encoder"].inputs if length > 0 else ():
        if spec.name in (recipe.ids, recipe.mask) and -1 in spec.shape and spec.name not in encoder:
            encoder[spec.name] = tuple(length if at else 1 for at in range(len(spec.shape)))
    return found


def given_lengths(model: BundleModel, given: Mapping[str, Sequence[int]]) -> dict[str, dict[str, Shape]]:
    """{"encoder.ids": (1, 48)} -> {"encoder": {"ids": (1, 48)}}.

    Raises:
        InputError: there is no such part or input, or a shape does not fit it.
    """
    found: dict[str, dict[str, Shape]] = {}
    for key, sizes in given.items():
        role, _, name = key.partition(".")
        known = {spec.name: spec for spec in model.models[role].inputs} if role in model.models else {}
        if name not in known:
            names = [f"{each}.{spec.name}" for each, one in model.models.items() for spec in one.inputs]
            raise InputError(
                f"--length {key}: expected ROLE.INPUT, one of {', '.join(names)}{hint(key, names)}"
            )
        shape = known[name].shape
        fits = len(shape) == len(sizes) and all(
            isinstance(size, int) and size > 0 and there in (-1, size)
            for size, there in zip(sizes, shape, strict=False)
        )
        if not fits:
            told = ",".join("N" if size < 0 else str(size) for size in shape)
            raise InputError(
                f"--length {key}={','.join(map(str, sizes))}: expected {told}, with a whole number for each N"
            )
        found.setdefault(role, {})[name] = tuple(sizes)
    return found


def of_cards(model: BundleModel, roles: Iterable[str]) -> dict[str, dict[str, Shape]]:
    """Role -> input that the file leaves open, and that the part's card, or a state at its start, gives a size."""
    found = {}
    for role in roles:
        opened = {
            spec.name for spec in inspect_artifact(model.bundle.read_part(role)).inputs if -1 in spec.shape
        }
        if not opened:
            continue
        with model.part(role) as part:
            shapes = {spec.name: spec.shape for spec in part.inputs if -1 not in spec.shape}
            shapes |= {name: np.shape(each) for name, each in part.states().items()}
        found[role] = {name: shape for name, shape in shapes.items() if name in opened}
    return found


def still_open(model: BundleModel, roles: Iterable[str], sizes: Sizes) -> dict[str, list[str]]:
    """Role -> inputs without a size of their own that are no states, and are open behind the first dimension."""
    found = {}
    for role in roles:
        one = model.models[role]
        states = {pair.input for pair in one.card.states}
        names = [
            spec.name
            for spec in one.inputs
            if spec.name not in states
            and spec.name not in sizes.get(role, {})
            and -1 in _behind_batch(spec.shape)
        ]
        if names:
            found[role] = names
    return found


def _behind_batch(shape: Shape) -> Shape:
    return shape[1:] if len(shape) > 1 else shape


def settled(
    model: BundleModel,
    roles: Sequence[str],
    sizes: dict[str, dict[str, Shape]],
    items: Sequence[Item],
    tick: Callable[[int, int], None],
) -> tuple[dict[str, dict[str, Shape]], list[str]]:
    """The sizes of all open inputs of these parts; found by running the bundle on the items.

    A part is given the largest that it is fed with, and so are, in their turn, those that it feeds.

    Args:
        roles: parts to be converted, in the order in which they are settled.
        sizes: known already.
        items: what the bundle is run on.

    Returns:
        Role -> input -> shape; and notes on lengths that were taken from the data.

    Raises:
        InputError: an input that no item reached, or whose size the driver decides anew for each item.
    """
    sizes, notes = {role: dict(each) for role, each in sizes.items()}, []
    for _ in range(len(roles) + 1):
        waiting = still_open(model, roles, sizes)
        if not waiting:
            break
        seen = record(model, items, roles, sizes, 1, tick)
        notes += _take(model, waiting, seen, sizes)
    return sizes, notes


def _take(
    model: BundleModel, waiting: Mapping[str, Sequence[str]], seen: Mapping[str, Seen], sizes: dict[str, Any]
) -> list[str]:
    """Takes what is the same in all items, or else the largest of the first part that varies."""
    notes = []
    for role, names in waiting.items():
        shapes = {name: seen[role].shapes.get(name, set()) for name in names}
        unseen = [name for name, each in shapes.items() if not each]
        if unseen:
            shape = next(spec.shape for spec in model.models[role].inputs if spec.name == unseen[0])
            told = ",".join("N" if size < 0 else str(size) for size in shape)
            raise InputError(
                f"part {role!r}, input {unseen[0]!r}: its size is open, and nothing reached it. Give --length "
                f"{role}.{unseen[0]}={told}, with a number for each N"
            )
        varies = any(len(each) > 1 for each in shapes.values())
        for name, each in shapes.items():
            largest = tuple(max(column) for column in zip(*each, strict=True))
            sizes.setdefault(role, {})[name] = largest
            if len(each) > 1:
                notes.append(
                    f"part {role!r}, input {name!r}: {list(largest)}, the largest in the data; --length {role}.{name}="
                    "... gives another"
                )
        if varies:
            break
    return notes


def probes(model: BundleModel) -> tuple[Item, ...]:
    """Something to run a bundle on where there are no data: its goldens; else a letter, a second of silence, or a
    grey picture."""
    if model.card.goldens:
        try:
            return (Item(model.golden_input()),)
        except EdgemmError:
            pass
    if model.modality == "text":
        return (Item("a"),)
    if model.modality == "image":
        return (Item(Frame(np.full((64, 64, 3), 128, np.uint8), 0, 0)),)
    return (Item(AudioBlock(np.zeros(16000, np.float32), 16000, 0, 0)),)
