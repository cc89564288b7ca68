"""What a loss gives: a tensor of one number that gradients follow from."""

from __future__ import annotations

from typing import Any

from edgemm.errors import InputError


def check_loss(value: Any) -> None:
    """That a loss can be derived.

    Raises:
        InputError: it is no tensor of one number that was made with the parameters.
    """
    import torch

    if not isinstance(value, torch.Tensor) or value.numel() != 1:
        found = (
            f"a tensor of shape {list(value.shape)}"
            if isinstance(value, torch.Tensor)
            else type(value).__name__
        )
        raise InputError(f"loss: expected a tensor of one number, found {found}")
    if not value.requires_grad:
        raise InputError("loss: what it gives does not depend on the parameters (is it detached?)")
