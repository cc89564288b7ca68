"""Normalisation, and other operators with one parameter for each channel."""

from __future__ import annotations

from typing import Any

from edgemm.quantize.prune.modules.atoms import as_channels, first, varies
from edgemm.quantize.prune.modules.rules.weighted import tie_channels
from edgemm.quantize.prune.modules.values import Call, Value


def batch_norm(call: Call) -> Any:
    """Scale, shift, mean and variance of each channel go with it."""
    scale = call.get("weight")
    if isinstance(scale, Value) and scale.parameter:
        call.found.norms.add(scale.parameter)
    _tie(call, ("weight", "bias", "running_mean", "running_var"))
    return _same(call)


def instance_norm(call: Call) -> Any:
    """As batch norm; without parameters the layer has only a number of channels."""
    _tie(call, ("weight", "bias", "running_mean", "running_var"))
    _count(call, "num_features")
    return _same(call)


def group_norm(call: Call) -> Any:
    """What is normalised together goes together: whole groups."""
    labels, groups = call.labels(0), int(call.get("num_groups"))
    lines = as_channels(labels, 1)
    parts = lines.reshape(len(lines), groups, -1)
    call.atoms.tie(parts, parts[:, :, :1])
    _tie(call, ("weight", "bias"))
    _count(call, "num_channels")
    if call.layer:
        call.found.counted.append((call.layer, "num_groups", parts[0, :, 0]))
    return _same(call)


def _count(call: Call, attribute: str) -> None:
    if call.layer and call.labels(0).dim() > 1:
        call.found.counted.append((call.layer, attribute, as_channels(call.labels(0), 1)[0]))


def layer_norm(call: Call) -> Any:
    """The mean over all channels changes when one of them goes, so that all stay; those of a head can go together."""
    labels = call.labels(0)
    shape = call.get("normalized_shape")
    dims = [labels.dim() - 1 - dim for dim in range(len(shape))]
    if any(varies(labels, dim) for dim in dims):
        if any(varies(labels, dim) for dim in range(min(dims))):
            call.atoms.tie(labels, first(labels, dims))
            return _same(call)
        call.atoms.lock(labels)
        call.found.notes.append("widths that layer norm normalises over are kept")
    return _same(call)


def prelu(call: Call) -> Any:
    """One slope for each channel, or one for all."""
    weight = call.args[1]
    if weight.real.numel() > 1:
        place = call.found.weight(Value(weight.real.reshape(-1), weight.labels.reshape(-1), weight.parameter,
                                        None if weight.ids is None else weight.ids.reshape(-1)), 1)  # fmt: skip
        if place is None:
            call.atoms.lock(call.labels(0))
        else:
            channels = call.found.axis(weight.parameter, place[0][0])
            tie_channels(call.found, call.labels(0), min(1, call.labels(0).dim() - 1), channels)
    return _same(call)


def _tie(call: Call, names: tuple[str, ...]) -> None:
    labels = call.labels(0)
    for name in names:
        value = call.get(name)
        if not isinstance(value, Value):
            continue
        place = call.found.weight(value, 1)
        if place is None:
            call.atoms.lock(labels)
            continue
        tie_channels(call.found, labels, 1, call.found.axis(value.parameter, place[0][0])[place[1][0]])


def _same(call: Call) -> Any:
    """The labels of the first operand for results of its shape."""
    import torch

    from edgemm.quantize.prune.modules.atoms import NONE

    labels = call.labels(0)
    return call.each(
        lambda real: Value(
            real, labels if real.shape == labels.shape else torch.full(real.shape, NONE, dtype=torch.float64)
        )
    )
