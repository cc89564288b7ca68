"""Labels that are classes, as torch tensors."""

from __future__ import annotations

from typing import Any

from edgemm.errors import InputError

LEFT_OUT = -100
"""The label that torch's cross entropy leaves out."""


def check_classes(labels: Any, count: int, name: str = "") -> None:
    """That there is a score for every label.

    Args:
        labels: of whole numbers; those that the caller leaves out are not among them.
        name: of the loss, for the message.

    Raises:
        InputError: one is not in 0..count - 1.
    """
    if labels.numel() and not 0 <= int(labels.min()) <= int(labels.max()) < count:
        raise InputError(
            f"{name + ': ' if name else ''}expected labels of 0..{count - 1}, found {int(labels.min())}.."
            f"{int(labels.max())}"
        )
