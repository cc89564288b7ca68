"""What a caller gives to be called, and what it gives back."""

from __future__ import annotations

import inspect
from typing import Any

from edgemm.errors import InputError


def check_callable(value: Any, name: str, takes: str) -> None:
    """That it can be called with one thing.

    Raises:
        InputError: it cannot.
    """
    fits = callable(value)
    if fits:
        try:
            inspect.signature(value).bind(None)
        except TypeError:
            fits = False
        except ValueError:  # written in C, without a signature
            pass
    if not fits:
        found = "one that takes something else" if callable(value) else f"{type(value).__name__} {value!r}"
        raise InputError(f"{name}: expected a callable that takes {takes}, found {found}")


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


def as_number(value: Any) -> float | None:
    """A score as a number; None where it is none."""
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError):
        return None
