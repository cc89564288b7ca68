"""A training's state on disk: whole or not at all, and only for the training that wrote it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgemm import atomic
from edgemm.errors import InputError
from edgemm.quantize.training.identity import differing

MAGIC = b"edgemm checkpoint\n"
"""At the head of the file; the SHA-256 of what follows comes next."""


def path_of(checkpoint: str | Path | None) -> Path | None:
    """Where the state is kept.

    Raises:
        InputError: it is no path, or a folder.
    """
    if checkpoint is None:
        return None
    if not isinstance(checkpoint, str | Path):
        raise InputError(f"checkpoint: expected the path of a file, found {type(checkpoint).__name__}")
    path = Path(checkpoint)
    if path.is_dir():
        raise InputError(
            f"the checkpoint {path} is a folder: name a file in it, {path / 'my.checkpoint'} for instance"
        )
    return path


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


def read(path: Path, expected: Mapping[str, str]) -> dict[str, Any] | None:
    """The state that is there; None where there is no file.

    Raises:
        InputError: the file is damaged, or of another training.
    """
    import torch

    if not path.exists():
        return None
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"the checkpoint {path} cannot be read: {error.strerror or error}") from error
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
            f"the checkpoint {path} is of another training: {differing(state.get('fingerprint'), expected)}. Remove it "
            "to begin anew, or name another"
        )
    return state
