"""Which model files may be opened in this process at once: those whose origin is known.

A matching hash in the card says that a file is whole, not that it is harmless: whoever writes the file writes the
hash. So a file is trusted by its origin:

bundled     it lies in the folder of this package
made        `edgemm convert` wrote it on this machine, for this user
probed      a child process opened and ran it with this runtime and this edgemm (`edgemm.model.file_probe`)

"made" and "probed" are remembered by the hash of the content in the cache (EDGEMM_CACHE_DIR), in a folder that this
user alone can write. Where the cache cannot be used, files are probed again by each process.
"""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Literal, get_args

from edgemm.sha256 import sha256_hex
from edgemm.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from edgemm.artifact.file import Artifact, Format

Origin = Literal["made", "probed"]
FOLDER = "trusted"
MAX_ENTRIES = 4096
"""Above that, the oldest are forgotten."""
PROBE = 1
"""Counts the changes of what the probe looks for: what an earlier one let pass is probed again."""


def is_trusted(artifact: Artifact, *, open_sizes: bool = False) -> bool:
    """True when the file's origin is known, so that it needs no probe.

    Args:
        open_sizes: it is to be run with the sizes that it leaves open, or with all its signatures.

    Raises:
        MissingDependency, MachineShortage: the runtime of this format cannot be loaded.
    """
    if is_bundled(artifact.where):
        return True
    from edgemm.cache import open_private

    folder = open_private(FOLDER, create=False)
    if folder is None:
        return False
    try:
        return any(_is_noted(folder, _key(artifact, origin, open_sizes)) for origin in get_args(Origin))
    finally:
        os.close(folder)


def is_bundled(path: str | Path) -> bool:
    """True for what is installed with edgemm, and so is as trustworthy as its code."""
    return os.path.realpath(path).startswith(_data())


@cache
def _data() -> str:
    package = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    return os.path.join(package, "data", "")


def remember(artifact: Artifact, origin: Origin, *, open_sizes: bool = False) -> bool:
    """Notes the origin of a file; False where the cache cannot be written."""
    from edgemm.cache import open_private

    folder = open_private(FOLDER, create=True)
    if folder is None:
        return False
    try:
        _note(folder, _key(artifact, origin, open_sizes), origin)
        return True
    except OSError:
        return False
    finally:
        os.close(folder)


def described_shapes(artifact: Artifact) -> dict[str, list[tuple[str, list[int]]]]:
    """Side -> name and shape of what the card describes: where a file leaves a shape open, the card decides it."""
    card = artifact.card
    if card is None:
        return {}
    from edgemm.card.fit import said_shapes

    said = said_shapes(card)
    inputs = dict.fromkeys((*(each.name for each in card.inputs), *(pair.input for pair in card.states)))
    outputs = dict.fromkeys((*(each.name for each in card.outputs), *(pair.output for pair in card.states)))
    return {
        side: [(name, list(said.get(name, ()))) for name in names]
        for side, names in (("inputs", inputs), ("outputs", outputs))
    }


def _key(artifact: Artifact, origin: Origin, open_sizes: bool) -> str:
    """Name of the entry: other content, other shapes, and for what was probed another runtime, are another entry."""
    said: list[object] = [origin, artifact.format, artifact.sha256(), described_shapes(artifact)]
    if open_sizes:
        said.append("open")
    if origin == "probed":
        said += [PROBE, __version__, runtime_version(artifact.format)]
    return sha256_hex(json.dumps(said).encode())


def runtime_version(format_: Format) -> str:
    """Name and version of the runtime that opens this format here.

    Raises:
        MissingDependency, MachineShortage: it cannot be loaded.
    """
    if format_ == "tflite":
        from edgemm.litert_runtime import find_litert

        return str(find_litert())
    from edgemm.onnx_runtime import onnx_runtime

    return f"onnxruntime {onnx_runtime().__version__}"


def _is_noted(folder: int, name: str) -> bool:
    """A plain file of this user that nobody else can write."""
    with suppress(OSError):
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        mine = found.st_uid == os.geteuid() and not found.st_mode & 0o022
        return mine and stat.S_ISREG(found.st_mode)
    return False


def _note(folder: int, name: str, origin: Origin) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with suppress(FileExistsError):
        with os.fdopen(os.open(name, flags, 0o600, dir_fd=folder), "w", encoding="ascii") as file:
            file.write(f"{origin}\n")
        _forget_oldest(folder)


def _forget_oldest(folder: int) -> None:
    names = os.listdir(folder)
    if len(names) <= MAX_ENTRIES:
        return
    dated = []
    for name in names:
        with suppress(OSError):
            dated.append((os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime_ns, name))
    for _, name in sorted(dated)[: len(names) - MAX_ENTRIES // 2]:
        with suppress(OSError):
            os.unlink(name, dir_fd=folder)
