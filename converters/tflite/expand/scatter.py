"""Gathering and scattering elements by index, in GATHER, GATHER_ND and SCATTER_ND.

With constant numbers everything is one choice from the data and the updates, laid end to end; with computed
ones the updates are added to zeros, and a mask tells where.
"""

from __future__ import annotations

from math import prod

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.rewrite import array_of, shape_of

REDUCTIONS = {"add": "Add", "mul": "Mul", "max": "Max", "min": "Min"}
INT = ir.DataType.INT64
Places = npt.NDArray[np.int64]


def expand_gather_elements(node: ir.Node) -> bool:
    """GatherElements -> Gather of single elements, or GatherND."""
    draft = Draft(node)
    data, indices = draft.input(), draft.input(1)
    shape, picked = shape_of(data), shape_of(indices)
    axis = draft.integer("axis", 0) % len(shape)
    numbers = array_of(indices)
    if numbers is not None:
        flat = _flat_elements(shape, numbers.astype(np.int64), axis)
        return draft.becomes(draft.gather(draft.reshape(data, (-1,)), flat))
    return draft.becomes(_gather_nd(draft, data, _element_places(draft, indices, shape, picked, axis)))


def expand_gather_nd(node: ir.Node) -> bool:
    """GatherND with batch dimensions, or with constant numbers."""
    draft = Draft(node)
    data, indices = draft.input(), draft.input(1)
    batch = draft.integer("batch_dims", 0)
    shape = shape_of(data)
    numbers = array_of(indices)
    if numbers is not None:
        whole = _with_batch(numbers.astype(np.int64), batch)
        depth = whole.shape[-1]
        flat = _flat(whole, shape[:depth])
        return draft.becomes(draft.gather(draft.reshape(data, (prod(shape[:depth]), *shape[depth:])), flat))
    if batch == 0:
        return False
    grids = np.indices(shape_of(indices)[:-1])[:batch]
    parts = [draft.constant(grid[..., None].astype(np.int64)) for grid in grids]
    places = draft.concat([*parts, draft.cast(indices, INT)], len(shape_of(indices)) - 1)
    return draft.becomes(_gather_nd(draft, data, places))


def expand_scatter_elements(node: ir.Node) -> bool:
    """ScatterElements, by single elements."""
    draft = Draft(node)
    data, indices, updates = draft.input(), draft.input(1), draft.input(2)
    shape = shape_of(data)
    axis = draft.integer("axis", 0) % len(shape)
    numbers = array_of(indices)
    if numbers is not None:
        flat = _flat_elements(shape, numbers.astype(np.int64), axis)
        return draft.becomes(_put(draft, data, flat, updates))
    places = _element_places(draft, indices, shape, shape_of(indices), axis)
    return draft.becomes(_put_computed(draft, data, places, updates))


def expand_scatter_nd(node: ir.Node) -> bool:
    """ScatterND, by slices."""
    draft = Draft(node)
    data, indices, updates = draft.input(), draft.input(1), draft.input(2)
    base, numbers = array_of(data), array_of(indices)
    if draft.text("reduction", "none") == "add" and base is not None and not base.any() and numbers is None:
        return False
    if numbers is not None:
        flat = _flat(numbers.astype(np.int64), shape_of(data)[: numbers.shape[-1]])
        return draft.becomes(_put(draft, data, flat, updates))
    return draft.becomes(_put_computed(draft, data, indices, updates))


def _flat(places: Places, sizes: tuple[int, ...]) -> Places:
    """Numbers of slices, from tuples of numbers that may count from the end."""
    wrapped = np.where(places < 0, places + np.array(sizes), places)
    flat: Places = np.ravel_multi_index(tuple(np.moveaxis(wrapped, -1, 0)), sizes).astype(np.int64)
    return flat


def _flat_elements(shape: tuple[int, ...], numbers: Places, axis: int) -> Places:
    """Flat numbers of the elements that numbers along one axis name."""
    places: list[Places] = list(np.indices(numbers.shape))
    places[axis] = numbers
    return _flat(np.stack(places, -1), shape)


def _with_batch(numbers: Places, batch: int) -> Places:
    if not batch:
        return numbers
    grids = np.indices(numbers.shape[:-1])[:batch]
    return np.concatenate([np.moveaxis(grids, 0, -1), numbers], -1)


def _element_places(
    draft: Draft, indices: ir.Value, shape: tuple[int, ...], picked: tuple[int, ...], axis: int
) -> ir.Value:
    """int64[*picked, rank]: the whole place of each element."""
    grids = np.indices(picked)
    parts = [
        draft.reshape(draft.cast(indices, INT), (*picked, 1))
        if each == axis
        else draft.constant(grids[each][..., None])
        for each in range(len(shape))
    ]
    return draft.concat(parts, len(picked))


def _gather_nd(draft: Draft, data: ir.Value, places: ir.Value) -> ir.Value:
    depth = shape_of(places)[-1]
    shape = (*shape_of(places)[:-1], *shape_of(data)[depth:])
    return draft.op("GatherND", [data, places], shape, data.dtype)


def _put(draft: Draft, data: ir.Value, flat: Places, updates: ir.Value) -> ir.Value:
    """The data with the updates at flat numbers of slices; those that meet again go in rounds."""
    shape, count = shape_of(data), flat.size
    rest = shape_of(updates)[flat.ndim :]
    slots = prod(shape) // prod(rest)
    rows, news = draft.reshape(data, (slots, *rest)), draft.reshape(updates, (count, *rest))
    flat = flat.reshape(-1)
    reduction = draft.text("reduction", "none")
    for chosen in _rounds(flat, last_wins=reduction == "none"):
        source = news if len(chosen) == count else draft.gather(news, chosen)
        if reduction != "none":
            source = draft(REDUCTIONS[reduction], draft.gather(rows, flat[chosen]), source)
        order = np.arange(slots)
        order[flat[chosen]] = slots + np.arange(len(chosen))
        rows = draft.gather(draft.concat([rows, source], 0), order)
    return draft.reshape(rows, shape)


def _rounds(flat: Places, *, last_wins: bool) -> list[Places]:
    """Numbers of updates, in rounds in which no slice is met twice."""
    if last_wins:
        return [np.array(sorted({int(place): index for index, place in enumerate(flat)}.values()))]
    rounds: list[list[int]] = []
    met: dict[int, int] = {}
    for index, place in enumerate(flat.tolist()):
        turn = met.get(place, 0)
        met[place] = turn + 1
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append(index)
    return [np.array(each) for each in rounds]


def _put_computed(draft: Draft, data: ir.Value, places: ir.Value, updates: ir.Value) -> ir.Value:
    reduction = draft.text("reduction", "none")
    if reduction not in ("none", "add"):
        draft.refuse(f"reduction {reduction!r} at computed places", "Make the indices constants")
    put = _added_to_zeros(draft, places, updates, shape_of(data))
    if reduction == "add":
        return draft("Add", data, put)
    ones = draft.constant(np.ones(shape_of(updates), np.float32))
    there = draft("Greater", _added_to_zeros(draft, places, ones, shape_of(data)), 0.0)
    return draft.where(there, put, data)


def _added_to_zeros(draft: Draft, places: ir.Value, updates: ir.Value, shape: tuple[int, ...]) -> ir.Value:
    zeros = draft.constant(np.zeros(shape), updates.dtype)
    return draft.op("ScatterND", [zeros, places, updates], shape, updates.dtype, reduction="add")


def expand_top_k(node: ir.Node) -> bool:
    """TopK of the smallest, or along another axis than the last: of the negatives, with that axis last."""
    draft = Draft(node)
    source = draft.input()
    rank = len(shape_of(source))
    axis, largest = draft.integer("axis", -1) % rank, draft.integer("largest", 1)
    if axis == rank - 1 and largest:
        return False
    perm = [each for each in range(rank) if each != axis] + [axis]
    back = [perm.index(each) for each in range(rank)]
    turned = draft.transpose(source if largest else draft("Neg", source), perm)
    count = draft.input(1)
    shape = [shape_of(node.outputs[0])[each] for each in perm]
    values = draft.op("TopK", [turned, count], shape, source.dtype, axis=rank - 1)
    made = values.producer()
    if made is None:
        return False
    made.resize_outputs(2)
    places = made.outputs[1]
    places.name, places.type, places.shape = f"{values.name}_places", ir.TensorType(INT), ir.Shape(shape)
    if draft.used(1):
        draft.replace(1, draft.transpose(places, back))
    straight = draft.transpose(values, back)
    return draft.becomes(straight if largest else draft("Neg", straight))
