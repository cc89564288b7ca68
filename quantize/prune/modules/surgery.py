"""Slices of parameters are taken out of a module, and the attributes of its layers follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.quantize.prune.modules.atoms import Axis
from edgemm.quantize.prune.modules.families import Structure

_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1, "LSTMCell": 4, "GRUCell": 3, "RNNCell": 1}


def remove(module: Any, structure: Structure, gone: frozenset[int]) -> None:
    """Takes out, in place, all slices that belong to the given numbers.

    Args:
        module: the one that `structure` was found in, or a copy of it.
        gone: numbers out of `Family.sets`.
    """
    keep = kept(structure, gone)
    _slice(module, keep)
    for layer, attribute, numbers in structure.counted:
        part = module.get_submodule(layer)
        if hasattr(part, attribute) and gone.intersection(map(int, numbers)):
            setattr(part, attribute, int((~np.isin(numbers, list(gone))).sum()))
    changed = {id(_tensor(module, name)) for name, _ in keep}
    for part in list(module.modules()):
        if any(id(each) in changed for each in (*part._parameters.values(), *part._buffers.values())):
            _follow(part)
    _without_fast_path(module)
    _fused_heads(module)


def kept(structure: Structure, gone: frozenset[int]) -> dict[Axis, list[int]]:
    """For each axis that loses something, the indices that stay."""
    table = _table(structure, gone)
    found = {}
    for axis, roots in structure.axes.items():
        away = table[roots]
        if away.any():
            found[axis] = [int(each) for each in np.nonzero(~away)[0]]
    return found


def _table(structure: Structure, gone: frozenset[int]) -> npt.NDArray[np.bool_]:
    """True at the numbers that go."""
    table = np.zeros(
        1 + max((int(roots.max()) for roots in structure.axes.values() if len(roots)), default=0), bool
    )
    table[[each for each in gone if each < len(table)]] = True
    return table


def disconnect(module: Any, structure: Structure, gone: frozenset[int]) -> None:
    """Zeroes, in place, the weights that use the given numbers: they then have no influence on anything."""
    import torch

    table = _table(structure, gone)
    with torch.no_grad():
        for name, dim in structure.contracted:
            places = np.nonzero(table[structure.axes[name, dim]])[0]
            _tensor(module, name).index_fill_(dim, torch.from_numpy(places), 0.0)


def _tensor(module: Any, name: str) -> Any:
    path, _, last = name.rpartition(".")
    return getattr(module.get_submodule(path), last)


def _slice(module: Any, keep: Mapping[Axis, Sequence[int]]) -> None:
    import torch

    by_name: dict[str, list[tuple[int, Sequence[int]]]] = {}
    for (name, dim), indices in keep.items():
        by_name.setdefault(name, []).append((dim, indices))
    for name, cuts in by_name.items():
        old = _tensor(module, name)
        new = old.detach()
        for dim, indices in cuts:
            new = new.index_select(dim, torch.tensor(list(indices), dtype=torch.long, device=new.device))
        new = new.clone()
        if isinstance(old, torch.nn.Parameter):
            new = torch.nn.Parameter(new, requires_grad=old.requires_grad)
        _replace(module, old, new)


def _replace(module: Any, old: Any, new: Any) -> None:
    """Everywhere: layers may share a parameter."""
    for part in module.modules():
        for tensors in (part._parameters, part._buffers):
            for name, each in list(tensors.items()):
                if each is old:
                    tensors[name] = new


def _follow(part: Any) -> None:
    """The numbers that a layer keeps of its own shape."""
    import torch.nn as nn

    rules: tuple[tuple[Any, Callable[[Any], None]], ...] = (
        (nn.modules.conv._ConvNd, _convolution),
        (nn.Linear, _linear),
        ((nn.modules.batchnorm._NormBase,), _features),
        (nn.Embedding, _embedding),
        (nn.PReLU, _slopes),
        (nn.RNNBase, _recurrent),
        (nn.RNNCellBase, _cell),
        (nn.MultiheadAttention, _attention),
    )
    for kind, rule in rules:
        if isinstance(part, kind):
            rule(part)
            return


def _convolution(part: Any) -> None:
    rows, columns = part.weight.shape[:2]
    depthwise = part.groups > 1 and part.in_channels == part.groups
    if part.transposed:
        if depthwise:
            part.groups = rows
        part.in_channels, part.out_channels = rows, columns * part.groups
        return
    if depthwise:
        part.groups = rows * part.groups // part.out_channels
    part.in_channels, part.out_channels = columns * part.groups, rows


def _linear(part: Any) -> None:
    part.out_features, part.in_features = part.weight.shape


def _features(part: Any) -> None:
    for tensor in (part.weight, part.running_mean):
        if tensor is not None:
            part.num_features = tensor.numel()


def _embedding(part: Any) -> None:
    part.embedding_dim = part.weight.shape[1]


def _slopes(part: Any) -> None:
    part.num_parameters = part.weight.numel()


def _recurrent(part: Any) -> None:
    part.hidden_size = part.weight_ih_l0.shape[0] // _GATES[part.mode.partition("_")[0]]
    part.input_size = part.weight_ih_l0.shape[1]
    if part.proj_size:
        part.proj_size = part.weight_hr_l0.shape[0]
    part._flat_weights = [getattr(part, name) for name in part._flat_weights_names]


def _cell(part: Any) -> None:
    part.hidden_size, part.input_size = part.weight_hh.shape[1], part.weight_ih.shape[1]


def _attention(part: Any) -> None:
    from edgemm.quantize.prune.modules.fewer_heads import narrowed

    narrowed(part)


def _without_fast_path(module: Any) -> None:
    """A `TransformerEncoder` packs padded sequences for a fast path that attention with fewer heads does not have."""
    import torch.nn as nn

    from edgemm.quantize.prune.modules.fewer_heads import FewerHeads

    for part in module.modules():
        if isinstance(part, nn.TransformerEncoder) and any(
            isinstance(each, FewerHeads) for each in part.modules()
        ):
            part.enable_nested_tensor = part.use_nested_tensor = False


def _fused_heads(module: Any) -> None:
    from edgemm.quantize.prune.modules.fused_heads import follow

    follow(module)
