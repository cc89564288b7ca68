"""Operators that only move elements: views, concatenation, slices, pixel shuffle. They are run on the labels."""

from __future__ import annotations

from typing import Any

from edgemm.quantize.prune.modules.atoms import NONE, as_channels, first, varies, varying
from edgemm.quantize.prune.modules.values import Call, Value, reals_in, values_in

_DATA = ("self", "tensors", "input", "tensor")
"""What is moved; other operands say where to."""
_PADS = ("constant_pad_nd", "pad")


def moving(call: Call) -> Any:
    """Labels, and places in a parameter, move as the elements do."""
    moved = [value for each in _DATA for value in values_in(call.get(each))]
    parameters = {value.parameter for value in moved}
    _note_parts(call, moved)
    labels = _run(call, {id(value): call.found.labels(value) for value in moved})
    uniform = bool(moved) and all(value.uniform for value in moved)
    if len(parameters) == 1 and "" not in parameters and not _pads(call):
        ids = _run(call, {id(value): value.ids for value in moved})
        return _zipped(call, labels, ids, parameters.pop(), uniform)
    return _zipped(call, labels, None, "", uniform)


def _note_parts(call: Call, moved: list[Value]) -> None:
    """Parts of equal size must keep equally many channels; a matrix of channels must stay a matrix."""
    name = call.target._schema.name.partition("::")[2]
    if not moved or moved[0].parameter:
        return
    labels = moved[0].labels
    if name in ("split", "chunk", "split_with_sizes", "unsafe_split", "unsafe_chunk", "tensor_split"):
        dim = int(call.get("dim", 0)) % labels.dim()
        sizes = {each.shape[dim] for each in call.real}
        if varies(labels, dim) and len(sizes) == 1 and len(call.real) > 1:
            parts = [as_channels(labels, dim)[0].chunk(len(call.real))]
            call.found.together += [list(each) for each in parts if all((part > 0).all() for part in each)]
    if name in ("view", "_unsafe_view", "reshape", "unflatten"):
        folded = labels.reshape(call.real.shape)
        along = sorted(varying(folded))
        if len(along) > len(varying(labels)):
            others = [dim for dim in range(folded.dim()) if dim not in along]
            call.found.folds.append(first(folded, others).reshape([folded.size(dim) for dim in along]))


def _pads(call: Call) -> bool:
    return call.target._schema.name.partition("::")[2] in _PADS


def _run(call: Call, by_value: dict[int, Any]) -> Any:
    def swap(tree: Any) -> Any:
        if isinstance(tree, Value):
            return by_value.get(id(tree), tree.real)
        if isinstance(tree, dict):
            return {name: swap(each) for name, each in tree.items()}
        return type(tree)(map(swap, tree)) if type(tree) in (tuple, list) else tree

    import torch

    args, kwargs = swap(call.args), swap(call.kwargs)
    if _pads(call) and call.get("mode", "constant") == "constant":
        return torch.nn.functional.pad(args[0], reals_in(call.get("pad")), value=float(NONE))
    if call.target._schema.name in ("aten::view", "aten::_unsafe_view"):  # labels may be laid out otherwise
        return args[0].reshape(call.real.shape)
    return call.target(*args, **kwargs)


def _zipped(call: Call, labels: Any, ids: Any, parameter: str, uniform: bool) -> Any:
    if not isinstance(call.real, tuple | list):
        return Value(call.real, labels, parameter, ids, uniform)
    places = ids if ids is not None else (None,) * len(labels)
    return tuple(
        Value(real, label, parameter, place, uniform)
        for real, label, place in zip(call.real, labels, places, strict=True)
    )
