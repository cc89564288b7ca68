"""How much each channel, unit or head matters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.excerpt import excerpt
from edgemm.quantize.class_labels import LEFT_OUT, check_classes
from edgemm.quantize.loss_value import check_loss
from edgemm.quantize.prune.modules.atoms import Axis
from edgemm.quantize.prune.modules.counting import evaluating
from edgemm.quantize.prune.modules.families import Structure
from edgemm.quantize.prune.modules.values import leaves

Importance = Literal["l1", "l2", "batch_norm", "taylor"]
IMPORTANCES: tuple[Importance, ...] = get_args(Importance)
Loss = Callable[[Any, Any], Any]
Scores = Mapping[int, float]
"""Number of a channel -> how much it matters."""


def rank(
    module: Any, structure: Structure, importance: Importance, data: Iterable[Any] | None, loss: Loss | None
) -> dict[int, float]:
    """Scores of all numbers in all families; a family that this importance says nothing of has none.

    Args:
        data: for "taylor": batches, each (inputs, labels) or what `loss` takes.
        loss: a callable of the module and a batch that returns a scalar.

    Raises:
        InputError: the importance needs what is not there.
    """
    if importance == "batch_norm":
        return _by_scale(module, structure)
    if importance == "taylor":
        return _by_taylor(module, structure, data, loss)
    return _by_norm(module, structure, 1 if importance == "l1" else 2)


def _by_norm(module: Any, structure: Structure, power: int) -> dict[int, float]:
    """The mean norm of a number's slices, each relative to the others of its family: scales of layers do not matter."""
    lines = {axis: _line(_tensor(module, axis).abs() ** power, axis) for axis in _weights(structure)}
    scores: dict[int, float] = {}
    for family in structure.families:
        for numbers in family.sets:
            scores |= _relative(numbers, structure, lines, 1 / power)
    return scores


def _relative(
    numbers: tuple[int, ...], structure: Structure, lines: Mapping[Axis, npt.NDArray[np.float64]], root: float
) -> dict[int, float]:
    place = {number: index for index, number in enumerate(numbers)}
    total, axes = np.zeros(len(numbers)), 0
    for axis, line in lines.items():
        own = _summed(structure, axis, line, place)
        if own is None:
            continue
        own = own**root
        total += own / (own.mean() or 1.0)
        axes += 1
    return dict(zip(numbers, map(float, total / max(axes, 1)), strict=True))


def _summed(
    structure: Structure, axis: Axis, line: npt.NDArray[np.float64], place: Mapping[int, int]
) -> npt.NDArray[np.float64] | None:
    """Of each number, the sum of an axis's values; None where the axis has none of them."""
    places = np.array([place.get(int(root), -1) for root in structure.axes[axis]])
    if not (places >= 0).any():
        return None
    summed: npt.NDArray[np.float64] = np.bincount(
        places[places >= 0], weights=line[places >= 0], minlength=len(place)
    ).astype(np.float64)
    return summed


def _weights(structure: Structure) -> list[Axis]:
    """Axes that make channels or use them."""
    return sorted(structure.contracted | set(structure.born))


def _tensor(module: Any, axis: Axis) -> Any:
    path, _, last = axis[0].rpartition(".")
    return getattr(module.get_submodule(path), last).detach()


def _line(tensor: Any, axis: Axis) -> npt.NDArray[np.float64]:
    """Sums over all other dimensions."""
    others = [dim for dim in range(tensor.dim()) if dim != axis[1]]
    line = tensor.double().sum(others) if others else tensor.double()
    found: npt.NDArray[np.float64] = line.cpu().numpy()
    return found


def _by_scale(module: Any, structure: Structure) -> dict[int, float]:
    """The mean scale of batch norm, which says how much of a normalised channel goes on (Liu et al. 2017)."""
    scores: dict[int, float] = {}
    lines = {(name, 0): _line(_tensor(module, (name, 0)).abs(), (name, 0)) for name in structure.norms}
    for family in structure.families:
        place = {number: index for index, number in enumerate(family.sets[0])}
        found = [
            _summed(structure, axis, line, place)
            for axis, line in lines.items()
            if place.keys() <= set(map(int, structure.axes.get(axis, ())))
        ]
        own = [each for each in found if each is not None]
        if own and len(family.sets) == 1:
            scores |= dict(zip(family.sets[0], map(float, np.mean(own, 0)), strict=True))
    if not scores:
        raise InputError(
            'importance "batch_norm" needs channels with batch norm, and the module has none; take "l1"'
        )
    return scores


def _by_taylor(
    module: Any, structure: Structure, data: Iterable[Any] | None, loss: Loss | None
) -> dict[int, float]:
    """By how much the loss would change, to first order (Molchanov et al. 2019)."""
    if data is None:
        raise InputError('importance "taylor" needs data: batches of (inputs, labels)')
    names = {name for name, _ in _weights(structure)}
    total: dict[Axis, npt.NDArray[np.float64]] = {}
    batches = 0
    for batch in data:
        gradients = _checked_gradients(module, names, batch, loss, f"batch {batches + 1} of data")
        for axis in _weights(structure):
            change = _tensor(module, axis) * gradients[axis[0]]
            total[axis] = total.get(axis, 0) + np.abs(_line(change, axis))
        batches += 1
    if not batches:
        raise InputError('importance "taylor" needs data, and the data has no batch')
    scores: dict[int, float] = {}
    for family in structure.families:
        for numbers in family.sets:
            place = {number: index for index, number in enumerate(numbers)}
            found = [_summed(structure, axis, line, place) for axis, line in total.items()]
            own = [each for each in found if each is not None]
            scores |= dict(zip(numbers, map(float, np.mean(own, 0)), strict=True))
    return scores


def _checked_gradients(
    module: Any, names: set[str], batch: Any, loss: Loss | None, where: str
) -> dict[str, Any]:
    """Gradients that can be ranked by; what is wrong with a batch is said with its number.

    Raises:
        InputError: numbers are not finite, or the batch does not fit.
    """
    if isinstance(batch, tuple | list) and len(batch) == 2:
        for part, what in zip(batch, ("inputs", "labels"), strict=True):
            if not all(_is_finite(each) for each in leaves(part)):
                raise InputError(f"{where}: its {what} have NaN or infinite numbers")
    try:
        found = _gradients(module, names, batch, loss or standard_loss)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    for name in sorted(found):
        if not _is_finite(found[name]):
            raise InputError(
                f"{where}: the gradient of {name!r} is not finite, so that nobody knows what matters"
            )
    return found


def _is_finite(value: Any) -> bool:
    import torch

    return (
        not isinstance(value, torch.Tensor) or not value.is_floating_point() or bool(value.isfinite().all())
    )


def _gradients(module: Any, names: set[str], batch: Any, loss: Loss) -> dict[str, Any]:
    import torch

    tensors = {name: _parameter(module, name) for name in names}
    asked = {name: each.requires_grad for name, each in tensors.items()}
    try:
        for each in tensors.values():
            each.requires_grad_(True)
        with evaluating(module), torch.enable_grad():
            value = loss(module, batch)
            check_loss(value)
            if not _is_finite(value):
                raise InputError(f"the loss is {float(value.detach())}, so that nobody knows what matters")
            found = torch.autograd.grad(value, list(tensors.values()), allow_unused=True)
    finally:
        for name, each in tensors.items():
            each.requires_grad_(asked[name])
    return {
        name: torch.zeros_like(tensors[name]) if each is None else each
        for name, each in zip(tensors, found, strict=True)
    }


def _parameter(module: Any, name: str) -> Any:
    path, _, last = name.rpartition(".")
    return getattr(module.get_submodule(path), last)


def standard_loss(module: Any, batch: Any) -> Any:
    """Cross entropy for labels that are integers, mean squared error for numbers of the output's shape.

    Raises:
        InputError: the batch has no labels, or the labels do not fit the output.
    """
    import torch
    import torch.nn.functional as F

    if not isinstance(batch, tuple | list) or len(batch) != 2:
        raise InputError(
            'importance "taylor" needs labels: batches of (inputs, labels), or a loss of your own: '
            "loss=function(module, batch)"
        )
    inputs, labels = batch
    several = tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)
    if not all(isinstance(each, torch.Tensor) for each in several):
        raise InputError("expected batches of tensors; torch.from_numpy makes a tensor of an array")
    output = _output(module, several)
    if not isinstance(output, torch.Tensor) or not isinstance(labels, torch.Tensor):
        raise InputError(
            "the module has several outputs, or the labels are no tensor: give a loss of your own"
        )
    of_classes = labels.dtype == torch.long and output.dim() >= 2
    if of_classes and labels.shape == (output.shape[0], *output.shape[2:]):
        check_classes(labels[labels != LEFT_OUT], output.shape[1])
        return F.cross_entropy(output, labels)
    if labels.is_floating_point() and labels.shape == output.shape:
        return F.mse_loss(output, labels)
    raise InputError(
        f"labels of shape {tuple(labels.shape)} and type {labels.dtype} do not fit outputs of shape "
        f"{tuple(output.shape)}: give a loss of your own"
    )


def _output(module: Any, inputs: tuple[Any, ...]) -> Any:
    try:
        return module(*inputs)
    except Exception as error:  # whatever the module raises
        shapes = " and ".join(
            f"shape {tuple(each.shape)}" if hasattr(each, "shape") else type(each).__name__ for each in inputs
        )
        reason = excerpt(error, 200)
        raise InputError(f"the module does not run on inputs of {shapes}: {reason}") from error
