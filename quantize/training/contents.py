"""What a module holds: read, copied, put back."""

from __future__ import annotations

from typing import Any


def everything(module: Any) -> dict[str, Any]:
    """A module's state, with the buffers that it does not keep in a file of its own."""
    kept = module.state_dict()
    beside = {name: each for name, each in module.named_buffers() if name not in kept}
    return {"kept": kept, "beside": beside}


def put_back(module: Any, found: dict[str, Any]) -> None:
    """The state that `everything` gave."""
    module.load_state_dict(found["kept"])
    put_back_buffers(module, found["beside"])


def copied_buffers(module: Any) -> dict[str, Any]:
    """Name -> a copy of a buffer, such as the mean of a batch norm: running a network may change it."""
    return {name: each.clone() for name, each in module.named_buffers()}


def put_back_buffers(module: Any, found: dict[str, Any]) -> None:
    """The buffers that `copied_buffers` gave."""
    import torch

    with torch.no_grad():
        for name, each in module.named_buffers():
            if name in found:
                each.copy_(found[name])
