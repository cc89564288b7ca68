"""Goldens: a few inputs, and what the artifact answered to them when it was made.

Packed as an .npz (plain .npy members with fixed dates) and an index, `index.json`; read without pickle,
each array's size checked before any memory is taken.
"""

from __future__ import annotations

import io
import json
import math
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from edgemm.errors import DamagedArtifact

MAX_GOLDENS = 4
MAX_BYTES = 256 * 1024
"""Of the packed goldens."""
MAX_ARRAY_BYTES = 64 << 20
"""Of all arrays together, unpacked."""
KINDS = frozenset("biuf")
_DATE = (1980, 1, 1, 0, 0, 0)
_BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OverflowError, ValueError, RuntimeError,
    NotImplementedError, KeyError, TypeError, AttributeError, OSError, SyntaxError, RecursionError, MemoryError,
)  # fmt: skip
"""What zipfile, json and numpy raise on data that lies."""

Tensors = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Goldens:
    """At most four inputs and outputs."""

    inputs: tuple[Tensors, ...]
    """Per golden: name -> array, as the file stores the tensor (int8 stays int8)."""
    outputs: tuple[Tensors, ...]
    """Per golden: name -> array, likewise."""
    tolerances: Mapping[str, float] = field(default_factory=dict)
    """Output name -> largest difference that counts as the same, in real units."""

    def to_bytes(self) -> bytes:
        """Packed; the same goldens always give the same bytes."""
        out = io.BytesIO()
        index: dict[str, Any] = {"tolerances": dict(self.tolerances)}
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for what in ("inputs", "outputs"):
                index[what] = []
                for number, tensors in enumerate(getattr(self, what)):
                    names = {name: f"{what}{number}.{order}.npy" for order, name in enumerate(tensors)}
                    index[what].append(names)
                    for name, member in names.items():
                        packed = io.BytesIO()
                        npy.write_array(packed, np.ascontiguousarray(tensors[name]), allow_pickle=False)
                        archive.writestr(_info(member), packed.getvalue())
            archive.writestr(_info("index.json"), json.dumps(index, sort_keys=True))
        return out.getvalue()

    @staticmethod
    def from_bytes(packed: bytes) -> Goldens:
        """Unpacks.

        Raises:
            DamagedArtifact: not goldens, or larger than goldens may be.
        """
        if len(packed) > MAX_BYTES:
            raise DamagedArtifact(f"the goldens are {len(packed)} bytes; at most {MAX_BYTES} are read")
        try:
            with zipfile.ZipFile(io.BytesIO(packed)) as archive:
                return _read(archive)
        except _BROKEN as error:
            raise DamagedArtifact(
                f"the goldens do not hold together ({error}); copy the file again"
            ) from error


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _DATE)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    info.create_system = 3
    return info


def _read(archive: zipfile.ZipFile) -> Goldens:
    if sum(info.file_size for info in archive.infolist()) > MAX_ARRAY_BYTES:
        raise ValueError(f"more than {MAX_ARRAY_BYTES} bytes unpacked")
    index = json.loads(_member(archive, "index.json"))
    tensors: dict[str, tuple[Tensors, ...]] = {}
    for what in ("inputs", "outputs"):
        if len(index[what]) > MAX_GOLDENS:
            raise ValueError(f"{len(index[what])} {what}; at most {MAX_GOLDENS}")
        tensors[what] = tuple(
            {str(name): _array(_member(archive, member)) for name, member in names.items()}
            for names in index[what]
        )
    tolerances = {str(name): float(value) for name, value in index["tolerances"].items()}
    if len(tensors["inputs"]) != len(tensors["outputs"]) or not all(map(math.isfinite, tolerances.values())):
        raise ValueError("inputs, outputs and tolerances do not fit together")
    return Goldens(tensors["inputs"], tensors["outputs"], tolerances)


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Its content; never more than it says."""
    info = archive.getinfo(name)
    with archive.open(info) as member:
        content = member.read(info.file_size + 1)
    if len(content) != info.file_size:
        raise ValueError(f"{name} unpacks to another size than it says")
    return content


def _array(content: bytes) -> npt.NDArray[Any]:
    """One .npy, whose header must agree with how much data follows."""
    file = io.BytesIO(content)
    if npy.read_magic(file) != (1, 0):
        raise ValueError("an array of an unknown .npy version")
    shape, fortran, dtype = npy.read_array_header_1_0(file)
    data = memoryview(content)[file.tell() :]
    if dtype.kind not in KINDS or fortran or math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError(f"an array of type {dtype} and shape {shape} in {len(data)} bytes")
    return np.frombuffer(data, dtype).reshape(shape)
