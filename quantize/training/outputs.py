"""The tensors in what a network gives."""

from __future__ import annotations

from typing import Any

from edgemm.errors import InputError


def outputs_of(value: Any) -> list[Any]:
    """The tensors in what a module gives, which may be nested: floating ones alone."""
    import torch

    if isinstance(value, torch.Tensor):
        return [value] if value.is_floating_point() else []
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [tensor for each in value for tensor in outputs_of(each)]
    return []


def only_output(value: Any, loss: str) -> Any:
    """The one tensor that a loss by its name is of.

    Raises:
        InputError: there are several, or none.
    """
    import torch

    if isinstance(value, torch.Tensor):
        return value
    found = outputs_of(value)
    if len(found) == 1:
        return found[0]
    names = (
        f" ({', '.join(map(str, value))})" if isinstance(value, dict) else f", in a {type(value).__name__}"
    )
    one = repr(next(iter(value))) if isinstance(value, dict) and value else "0"
    raise InputError(
        f"{loss}: a loss by its name is of one output, and the network gives {len(found)}{names}. Give a callable: "
        f"loss=lambda found, targets: torch.nn.functional.mse_loss(found[{one}], targets), for instance"
    )
