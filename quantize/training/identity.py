"""What makes one training another one: all that decides which weights it ends with."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from edgemm.quantize.training.samples import Data, Samples
from edgemm.quantize.training.settings import Settings

VERSION = 3


def fingerprint(
    modules: Mapping[str, Any], data: Data, settings: Settings, objective: Mapping[str, str]
) -> dict[str, str]:
    """Of the networks as they are now, the data, the settings and what is learned, each by its name.

    Of functions it knows the name alone: what is written in them may change unseen.
    """
    own = isinstance(data, Samples)
    found = {"version": str(VERSION), "data": data.fingerprint() if own else said_of(data)}
    found["augment"] = said_of(data.augment) if own else ""
    for name, module in modules.items():
        found[f"structure of {name}"] = _structure(module)
        found[f"weights of {name}"] = _weights(module)
    return found | {name: str(value) for name, value in settings.to_json().items()} | dict(objective)


def differing(there: Any, now: Mapping[str, str]) -> str:
    """In words: what two fingerprints differ in."""
    if not isinstance(there, dict) or there.get("version") != now["version"]:
        return "it was written by another version of edgemm"
    names = [name for name in now if there.get(name) != now[name]] + [
        each for each in there if each not in now
    ]
    shown = [_in_words(name, there.get(name, "none"), now.get(name, "none")) for name in names]
    return f"these differ: {', '.join(shown)}"


_SECRET = {"data": "the data", "loss": "the loss", "labels": "the loss of the labels", "teacher": "the teacher",
           "augment": "augment"}  # fmt: skip
"""Part of a fingerprint whose value says nothing to a reader -> its name."""


def _in_words(name: str, there: str, now: str) -> str:
    kind, _, module = name.partition(" of ")
    if module:
        whose = "the network" if module == "module" else f"the {module}"
        return (
            f"{whose}'s structure"
            if kind == "structure"
            else f"the weights that {'it' if module == 'module' else whose} begins with (seed them)"
        )
    return _SECRET.get(name, f"{name} ({there} there, {now} now)")


def _structure(module: Any) -> str:
    said = [_text(module), *(f"{name} {each.dtype} {tuple(each.shape)} {each.requires_grad}"
                             for name, each in _tensors(module))]  # fmt: skip
    return hashlib.sha256("\n".join(said).encode()).hexdigest()


def _weights(module: Any) -> str:
    found = hashlib.sha256()
    for name, value in _tensors(module):
        found.update(name.encode())
        found.update(_bytes(value))
    return found.hexdigest()


def _text(module: Any) -> str:
    return re.sub(r" at 0x[0-9a-f]+", "", repr(module))


def digest(module: Any) -> str:
    """Of a module's structure, its weights and buffers, and which of them may change: hexadecimal."""
    found = hashlib.sha256(_text(module).encode())
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
    return f"{getattr(kind, '__module__', '')}.{kind.__qualname__} {plain if plain else ''}".strip()
