"""The losses by their names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

from edgemm.choices import hint
from edgemm.errors import InputError

LossName = Literal["cross_entropy", "mse", "bce", "ctc"]
Loss = Callable[[Any, Any], Any]
"""What the network gave and the right answers -> a tensor of one number."""


def find_loss(loss: LossName | Loss) -> Loss:
    """The function of a name; a callable is itself.

    cross_entropy: scores [n, classes, ...] and labels int64[n, ...], or probabilities of the scores' shape.
    mse: the mean squared error. bce: logits and 0..1 of one shape. ctc: scores [time, n, classes] (logits), and
    (labels, lengths of the outputs, lengths of the labels); class 0 is the blank.
    """
    if callable(loss):
        return loss
    if loss not in _BY_NAME:
        names = get_args(LossName)
        raise InputError(
            f"loss: expected one of {', '.join(names)}, or a callable, found {loss!r}{hint(str(loss), names)}"
        )
    return _BY_NAME[loss]


def cross_entropy(found: Any, targets: Any) -> Any:
    """Of labels or of probabilities, from scores."""
    import torch

    _needed(targets, "cross_entropy")
    if targets.is_floating_point():
        _same_shape(found, targets, "cross_entropy")
    else:
        expected = (found.shape[0], *found.shape[2:])
        if tuple(targets.shape) != expected:
            raise InputError(
                f"cross_entropy: the scores have shape {list(found.shape)}, so labels of shape {list(expected)} are "
                f"expected, found {list(targets.shape)}"
            )
        if targets.numel() and not 0 <= int(targets.min()) <= int(targets.max()) < found.shape[1]:
            raise InputError(
                f"cross_entropy: expected labels of 0..{found.shape[1] - 1}, found {int(targets.min())}.."
                f"{int(targets.max())}"
            )
        targets = targets.long()
    return torch.nn.functional.cross_entropy(found, targets)


def mse(found: Any, targets: Any) -> Any:
    """The mean squared error."""
    import torch

    _needed(targets, "mse")
    _same_shape(found, targets, "mse")
    return torch.nn.functional.mse_loss(found, targets.to(found.dtype))


def bce(found: Any, targets: Any) -> Any:
    """Of each number alone: whether it is 1, from logits."""
    import torch

    _needed(targets, "bce")
    _same_shape(found, targets, "bce")
    if targets.numel() and not 0 <= float(targets.min()) <= float(targets.max()) <= 1:
        raise InputError(
            f"bce: expected targets of 0..1, found {float(targets.min()):g}..{float(targets.max()):g}"
        )
    return torch.nn.functional.binary_cross_entropy_with_logits(found, targets.to(found.dtype))


def ctc(found: Any, targets: Any) -> Any:
    """Of sequences whose labels stand in order, but nobody knows where."""
    import torch

    if not isinstance(targets, tuple) or len(targets) != 3:
        raise InputError("ctc: expected targets of (labels, lengths of the outputs, lengths of the labels)")
    labels, of_outputs, of_labels = targets
    scores = torch.nn.functional.log_softmax(found, dim=-1)
    return torch.nn.functional.ctc_loss(scores, labels, of_outputs, of_labels, zero_infinity=True)


def _needed(targets: Any, name: str) -> None:
    if targets is None:
        raise InputError(
            f"{name} needs targets, and the data have none. Without them, distil from another network"
        )


def _same_shape(found: Any, targets: Any, name: str) -> None:
    if tuple(found.shape) != tuple(targets.shape):
        raise InputError(
            f"{name}: the network gives shape {list(found.shape)}, and the targets have {list(targets.shape)}"
        )


_BY_NAME: dict[str, Loss] = {"cross_entropy": cross_entropy, "mse": mse, "bce": bce, "ctc": ctc}
