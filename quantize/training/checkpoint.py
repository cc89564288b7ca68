"""A training's state on disk: whole or not at all, and only for the training that wrote it."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

from edgemm import atomic
from edgemm.errors import InputError

MAGIC = b"edgemm checkpoint\n"
"""At the head of the file; the SHA-256 of what follows comes next."""


def save(path: Path, state: dict[str, Any]) -> None:
    """Writes the state; what was there is replaced in one step.

    Raises:
        InputError: the file cannot be written.
    """
    import torch

    buffer = io.BytesIO()
    torch.save(state, buffer)
    try:
        atomic.write(path, [MAGIC, hashlib.sha256(buffer.getbuffer()).digest(), buffer.getbuffer()])
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
    content = path.read_bytes()
    head = len(MAGIC) + hashlib.sha256().digest_size
    if (
        content[: len(MAGIC)] != MAGIC
        or hashlib.sha256(content[head:]).digest() != content[len(MAGIC) : head]
    ):
        raise InputError(
            f"the checkpoint {path} is damaged, or no checkpoint: remove it to begin anew, or name another"
        )
    state: dict[str, Any] = torch.load(io.BytesIO(content[head:]), map_location="cpu", weights_only=True)
    if state.get("fingerprint") != expected:
        raise InputError(
            f"the checkpoint {path} is of another training: the weights that it begins with (seed them), the network, "
            "data, settings, loss or teacher differ. Remove it to begin anew, or name another"
        )
    return state
