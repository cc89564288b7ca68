"""Goldens: a few inputs, and what the artifact answered to them when it was made.

Packed as an .npz, whose members have fixed dates, and an index, `index.json`. `numpy.load` opens it; here it
is read without pickle and without evaluating anything, each size checked before memory is taken.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.lib import format as npy

from edgemm.artifact.containers import archive
from edgemm.errors import DamagedArtifact, InputError
from edgemm.frozen import dataclass, field
from edgemm.strict_json import parse

if TYPE_CHECKING:
    import zipfile

    import numpy.typing as npt

MAX_GOLDENS = 4
MAX_BYTES = 256 * 1024
"""Of the packed goldens."""
MAX_ARRAY_BYTES = 32 << 20
"""Of all arrays together, unpacked."""
MAX_TENSORS = 1024
"""Arrays together: a decoder of 24 layers has 150 with its caches."""
MAX_INDEX_BYTES = 1 << 17
INDEX = "index.json"

_BEGIN = b"\x93NUMPY\x01\x00"
_HEADER = b"{'descr': '%b', 'fortran_order': False, 'shape': (%b), }"
"""How an array begins as `numpy.lib.format` writes it; numpy's own reader would evaluate it."""
_TYPES = frozenset(b"b1 i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8".split())
_MAX_SHAPE = 80
"""Characters."""

Tensors: TypeAlias = "Mapping[str, npt.NDArray[Any]]"


@dataclass(frozen=True, slots=True, eq=False)
class Goldens:
    """At most four inputs and outputs."""

    inputs: tuple[Tensors, ...]
    """Per golden: name -> array, as the file stores the tensor (int8 stays int8)."""
    outputs: tuple[Tensors, ...]
    """Per golden: name -> array, likewise."""
    tolerances: Mapping[str, float] = field(default_factory=dict)
    """Output name -> largest difference that counts as the same, in real units."""

    @property
    def count(self) -> int:
        """Arrays together."""
        return sum(map(len, (*self.inputs, *self.outputs)))

    @property
    def size(self) -> int:
        """Bytes of all arrays together."""
        return sum(array.nbytes for tensors in (*self.inputs, *self.outputs) for array in tensors.values())

    @property
    def few_enough(self) -> bool:
        """Whether they may be packed."""
        return self.count <= MAX_TENSORS and self.size <= MAX_ARRAY_BYTES

    def to_bytes(self) -> bytes:
        """Packed; the same goldens always give the same bytes.

        Raises:
            InputError: more or larger than goldens may be unpacked.
        """
        import zipfile

        _check(self)
        out, index = io.BytesIO(), {"tolerances": dict(self.tolerances)}
        sides: dict[str, Any] = {"inputs": self.inputs, "outputs": self.outputs}
        with zipfile.ZipFile(out, "w") as packed:
            for side, goldens in sides.items():
                members = [
                    {name: f"{side}{number}.{at}.npy" for at, name in enumerate(tensors)}
                    for number, tensors in enumerate(goldens)
                ]
                for names, tensors in zip(members, goldens, strict=True):
                    for name, member in names.items():
                        _write(packed, member, _npy(tensors[name]))
                sides[side] = members
            _write(packed, INDEX, json.dumps({**sides, **index}, sort_keys=True).encode())
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
            return _read(archive.Archive(packed, archive.find_end(packed), MAX_TENSORS + 1))
        except archive.broken() as error:
            raise DamagedArtifact(f"the goldens are damaged: {error}. Copy the file again") from error


def _check(goldens: Goldens) -> None:
    if not len(goldens.inputs) == len(goldens.outputs) <= MAX_GOLDENS:
        raise InputError(
            f"goldens: expected at most {MAX_GOLDENS} inputs and as many outputs, "
            f"found {len(goldens.inputs)} and {len(goldens.outputs)}"
        )
    if not goldens.few_enough:
        raise InputError(
            f"goldens: expected at most {MAX_TENSORS} arrays of {MAX_ARRAY_BYTES} bytes together, "
            f"found {goldens.count} of {goldens.size}"
        )


def _npy(array: npt.NDArray[Any]) -> bytes:
    out = io.BytesIO()
    npy.write_array(out, np.asarray(array, order="C"), allow_pickle=False)
    if _header(out.getvalue()) is None:
        raise InputError(f"goldens: expected an array of numbers, found {array.dtype}{list(array.shape)}")
    return out.getvalue()


def _write(packed: zipfile.ZipFile, name: str, content: bytes) -> None:
    packed.writestr(archive.entry(name, archive.DEFLATED), content)


def _read(opened: archive.Archive) -> Goldens:
    """Raises what `archive.broken()` names."""
    if sum(opened.sizes.values()) > MAX_ARRAY_BYTES + MAX_INDEX_BYTES:
        raise ValueError(f"more than {MAX_ARRAY_BYTES} bytes unpacked")
    index = parse(opened.read(INDEX, MAX_INDEX_BYTES), MAX_INDEX_BYTES)
    if not isinstance(index, dict) or not {"inputs", "outputs", "tolerances"} <= index.keys():
        raise ValueError("its index is not one of goldens")
    unread = set(opened.sizes)
    inputs, outputs = (_tensors(opened, unread, index[side]) for side in ("inputs", "outputs"))
    if len(inputs) != len(outputs):
        raise ValueError(f"{len(inputs)} inputs and {len(outputs)} outputs")
    return Goldens(inputs, outputs, _tolerances(index["tolerances"]))


def _tensors(opened: archive.Archive, unread: set[str], goldens: Any) -> tuple[Tensors, ...]:
    """Each member is read once at most: an index must not multiply them."""
    if not isinstance(goldens, list) or len(goldens) > MAX_GOLDENS:
        raise ValueError(f"expected a list of at most {MAX_GOLDENS}")
    made = []
    for names in goldens:
        if not isinstance(names, dict):
            raise ValueError("expected names of tensors and members")
        made.append(
            {
                name: _array(opened.read(_take(unread, member), MAX_ARRAY_BYTES))
                for name, member in names.items()
            }
        )
    return tuple(made)


def _take(unread: set[str], member: Any) -> str:
    if not isinstance(member, str) or member not in unread:
        raise ValueError(f"its index names {str(member)[:80]!r} twice, or it is not there")
    unread.remove(member)
    return member


def _tolerances(value: Any) -> dict[str, float]:
    if not isinstance(value, dict):
        raise ValueError("expected a tolerance for each output")
    for each in value.values():
        if isinstance(each, bool) or not isinstance(each, int | float) or each < 0:
            raise ValueError(f"expected a tolerance of 0 or more, found {str(each)[:40]}")
    return {name: float(each) for name, each in value.items()}


def _array(content: bytes) -> npt.NDArray[Any]:
    """One .npy, whose header must agree with how much data follows."""
    header = _header(content)
    if header is None:
        raise ValueError("expected a plain array of numbers")
    dtype, shape, begin = header
    data = memoryview(content)[begin:]
    if math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError(f"an array {dtype}{list(shape)} in {len(data)} bytes")
    return np.frombuffer(data, dtype).reshape(shape)


def _header(content: bytes) -> tuple[np.dtype[Any], tuple[int, ...], int] | None:
    """Type and shape of an array, and where its numbers begin; None where it is none, or written otherwise."""
    begin = 10 + int.from_bytes(content[8:10], "little")
    header = content[10:begin]
    _, _, rest = header.partition(b"'descr': '")
    kind, _, rest = rest.partition(b"'")
    sizes = rest.partition(b"(")[2].partition(b")")[0]
    written = (_HEADER % (kind, sizes)).ljust(len(header) - 1) + b"\n"
    if content[:8] != _BEGIN or header != written or kind[:1] not in (b"<", b"|") or kind[1:] not in _TYPES:
        return None
    if len(sizes) > _MAX_SHAPE or sizes.strip(b"0123456789, "):
        return None
    shape = tuple(int(size) for size in sizes.replace(b",", b" ").split())
    return np.dtype(kind.decode()), shape, begin
