"""What makes one training another one: all that decides which weights it ends with."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from edgemm.quantize.training.samples import Data, Samples
from edgemm.quantize.training.settings import Settings

VERSION = 2


def fingerprint(modules: Mapping[str, Any], data: Data, settings: Settings, objective: str) -> str:
    """Hexadecimal, of the networks as they are now, the data, the settings and what is learned.

    Of functions it knows the name alone: what is written in them may change unseen.
    """
    said = json.dumps(
        [
            VERSION,
            {name: digest(module) for name, module in modules.items()},
            [data.fingerprint(), said_of(data.augment)] if isinstance(data, Samples) else said_of(data),
            settings.to_json(),
            objective,
        ],
        sort_keys=True,
        default=str,
    )
    return hashlib.sha256(said.encode()).hexdigest()


def digest(module: Any) -> str:
    """Of a module's structure, its weights and buffers, and which of them may change: hexadecimal."""
    found = hashlib.sha256(re.sub(r" at 0x[0-9a-f]+", "", repr(module)).encode())
    for name, value in _tensors(module):
        found.update(f"{name} {value.dtype} {tuple(value.shape)} {value.requires_grad}".encode())
        found.update(_bytes(value))
    return found.hexdigest()


def _tensors(module: Any) -> Iterator[tuple[str, Any]]:
    yield from module.named_parameters()
    yield from module.named_buffers()


def _bytes(value: Any) -> Any:
    import torch

    return (
        value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data if value.numel() else b""
    )


def said_of(thing: Any) -> str:
    """A name for a callable or an object, with the plain values that it holds, such as the smoothing of a loss."""
    if thing is None or isinstance(thing, str | int | float):
        return str(thing)
    kind = thing if hasattr(thing, "__qualname__") else type(thing)
    plain = {
        name: value
        for name, value in sorted(getattr(thing, "__dict__", {}).items())
        if isinstance(value, str | int | float | bool | tuple) and name != "training" and name[0] != "_"
    }
    return f"{kind.__module__}.{kind.__qualname__} {plain if plain else ''}".strip()
