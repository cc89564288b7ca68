"""The losses by their names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

from edgemm.choices import hint
from edgemm.errors import InputError
from edgemm.quantize.class_labels import check_classes
from edgemm.quantize.training.outputs import only_output

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
    of_one = _BY_NAME[loss]
    return lambda found, targets: of_one(only_output(found, loss), targets)


def cross_entropy(found: Any, targets: Any) -> Any:
    """Of labels or of probabilities, from scores."""
    import torch

    _needed(targets, "cross_entropy")
    if targets.is_floating_point():
        _are_probabilities(found, targets)
    else:
        expected = (found.shape[0], *found.shape[2:])
        if tuple(targets.shape) != expected:
            raise InputError(
                f"cross_entropy: the scores have shape {list(found.shape)}, so labels of shape {list(expected)} are "
                f"expected, found {list(targets.shape)}"
            )
        check_classes(targets, found.shape[1], "cross_entropy")
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
    _in_range(targets)
    return torch.nn.functional.binary_cross_entropy_with_logits(found, targets.to(found.dtype))


def ctc(found: Any, targets: Any) -> Any:
    """Of sequences whose labels stand in order, but nobody knows where."""
    import torch

    labels, of_outputs, of_labels = _of_ctc(targets)
    if found.ndim != 3:
        raise InputError(f"ctc: expected scores of the shape [time, n, classes], found {list(found.shape)}")
    steps, count, classes = found.shape
    if len(of_outputs) != count or len(of_labels) != count:
        raise InputError(
            f"ctc: expected {count} lengths of each kind, found {len(of_outputs)} and {len(of_labels)}"
        )
    if int(of_outputs.max()) > steps or int(of_outputs.min()) < 1:
        raise InputError(
            f"ctc: expected lengths of the outputs of 1..{steps}, found {of_outputs.tolist()[:8]}"
        )
    check_labels(labels, of_outputs, of_labels, classes)
    scores = torch.nn.functional.log_softmax(found, dim=-1)
    return torch.nn.functional.ctc_loss(scores, labels, of_outputs, of_labels)


def _of_ctc(targets: Any) -> tuple[Any, Any, Any]:
    if not isinstance(targets, tuple) or len(targets) != 3:
        raise InputError("ctc: expected targets of (labels, lengths of the outputs, lengths of the labels)")
    if any(each.is_floating_point() for each in targets):
        raise InputError("ctc: expected whole numbers for labels and lengths")
    labels, of_outputs, of_labels = targets
    return labels, of_outputs.reshape(-1), of_labels.reshape(-1)


def check_labels(labels: Any, of_outputs: Any, of_labels: Any, classes: int) -> None:
    """That each row of labels can be spelt in its steps: torch does not look, and reads what is not there.

    Args:
        labels: int[n, longest], or one after the other, int[sum of the lengths].

    Raises:
        InputError: names the sample.
    """
    rows = list(labels) if labels.ndim == 2 else []
    if labels.ndim == 1 and int(of_labels.min()) >= 0 and int(of_labels.sum()) == len(labels):
        rows = list(labels.split(of_labels.tolist()))
    if len(rows) != len(of_labels):
        raise InputError(
            f"ctc: expected labels of the shape [n, longest], or all one after the other, found {list(labels.shape)} "
            f"for {len(of_labels)} samples of {int(of_labels.sum())} labels"
        )
    for at, (row, steps, length) in enumerate(
        zip(rows, of_outputs.tolist(), of_labels.tolist(), strict=True)
    ):
        if not 0 <= length <= len(row):
            raise InputError(f"ctc: sample {at}: expected 0 to {len(row)} labels, found the length {length}")
        said = row[:length]
        if length and not 1 <= int(said.min()) <= int(said.max()) < classes:
            raise InputError(
                f"ctc: sample {at}: expected labels of 1..{classes - 1} (0 is the blank), found {said.tolist()[:12]}"
            )
        needed = length + int((said[1:] == said[:-1]).sum())
        if needed > steps:
            raise InputError(
                f"ctc: sample {at}: its {length} labels need {needed} steps, a blank between equal ones, and it has "
                f"{steps}"
            )


def check_all(loss: str, found: Any, targets: Any) -> None:
    """All right answers of all samples, before anything is trained, against the shape of what the network gives.

    Raises:
        InputError: one of them is none.
    """
    import torch

    if targets is None:
        return
    found = only_output(found, loss)
    several: Any = (
        torch.as_tensor(targets) if not isinstance(targets, tuple) else tuple(map(torch.as_tensor, targets))
    )
    if loss == "ctc":
        labels, of_outputs, of_labels = _of_ctc(several)
        check_labels(labels, of_outputs, of_labels, found.shape[-1])
    elif loss == "bce":
        _in_range(several)
    elif loss == "cross_entropy" and not several.is_floating_point():
        check_classes(several, found.shape[1], "cross_entropy")


def _are_probabilities(found: Any, targets: Any) -> None:
    kind, shape = str(targets.dtype).removeprefix("torch."), tuple(found.shape)
    if tuple(targets.shape) in ((shape[0], *shape[2:]), (shape[0], 1, *shape[2:])):
        raise InputError(
            f"cross_entropy: labels are whole numbers, found {kind}: give labels.long(). Only probabilities are "
            f"{kind}, and have the shape of the scores, {list(shape)}"
        )
    _same_shape(found, targets, "cross_entropy")


def _in_range(targets: Any) -> None:
    if targets.numel() and not 0 <= float(targets.min()) <= float(targets.max()) <= 1:
        raise InputError(
            f"bce: expected targets of 0..1, found {float(targets.min()):g}..{float(targets.max()):g}"
        )


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
