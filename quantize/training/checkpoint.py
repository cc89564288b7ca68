"""A training's state on disk: whole or not at all, and only for the training that wrote it."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

from edgemm import atomic
from edgemm.errors import InputError
from edgemm.quantize.training.samples import Data, Samples
from edgemm.quantize.training.settings import Settings

VERSION = 1


def fingerprint(modules: dict[str, Any], data: Data, settings: Settings, objective: str) -> str:
    """Of all that decides what is trained, but not of the weights: hexadecimal."""
    shapes = {
        name: [[key, list(value.shape), str(value.dtype)] for key, value in module.state_dict().items()]
        for name, module in modules.items()
    }
    shown = (
        data.fingerprint()
        if isinstance(data, Samples)
        else getattr(data, "__qualname__", type(data).__qualname__)
    )
    said = json.dumps([VERSION, shapes, shown, settings.to_json(), objective], sort_keys=True, default=str)
    return hashlib.sha256(said.encode()).hexdigest()


def save(path: Path, state: dict[str, Any]) -> None:
    """Writes the state; what was there is replaced in one step.

    Raises:
        InputError: the file cannot be written.
    """
    import torch

    buffer = io.BytesIO()
    torch.save(state, buffer)
    try:
        atomic.write(path, [buffer.getbuffer()])
    except OSError as error:
        raise InputError(f"the checkpoint {path} cannot be written: {error.strerror or error}") from error


def read(path: Path, expected: str) -> dict[str, Any] | None:
    """The state that is there; None where there is no file.

    Raises:
        InputError: the file is damaged, or of another training.
    """
    import torch

    if not path.exists():
        return None
    try:
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch names its own, and those of pickle and zip
        raise InputError(
            f"the checkpoint {path} cannot be read ({type(error).__name__}): remove it to begin anew, or name another"
        ) from error
    if not isinstance(state, dict) or state.get("fingerprint") != expected:
        raise InputError(
            f"the checkpoint {path} is of another training: network, data, settings or loss differ. Remove it to begin "
            "anew, or name another"
        )
    return state
