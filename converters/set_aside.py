"""Constants that wait on disk until somebody asks for them."""

from __future__ import annotations

import gc
import os
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.converters.large_constants import PLAIN

LEAST_BYTES = 1 << 25
"""Less is not worth a file."""


def set_aside(model: ir.Model, beside: ir.Model) -> int:
    """Moves large constants of a graph, in place, that another graph does not have, into a file without a name.

    Each is read again whenever it is asked for. Where nothing can be written they stay.

    Returns:
        How many bytes were moved.
    """
    kept = {id(_owner(array)) for _, array in _large(beside)}
    own = [(value, array) for value, array in _large(model) if id(_owner(array)) not in kept]
    total = sum(array.nbytes for _, array in own)
    if total < LEAST_BYTES:
        return 0
    with suppress(OSError), tempfile.TemporaryFile(prefix="edgemm-") as file:
        places = [_written(file, array) for _, array in own]
        file.flush()
        store = _Store(os.dup(file.fileno()))
        for (value, array), place in zip(own, places, strict=True):
            name, shape = value.name, ir.Shape(array.shape)
            read = partial(store.read, place, array.dtype, array.shape, name)
            value.const_value = ir.LazyTensor(read, ir.DataType.from_numpy(array.dtype), shape, name=name)
        del own, value, array
        gc.collect()  # graphs are full of cycles: nodes that were rewritten still hold what they read
        return total
    return 0


class _Store:
    """A file of constants, which goes with the last of them."""

    def __init__(self, file: int) -> None:
        self._file = file
        weakref.finalize(self, os.close, file).atexit = False

    def read(
        self, place: int, kind: np.dtype[Any], shape: tuple[int, ...], name: str | None
    ) -> ir.Tensor[Any]:
        """The constant that begins there."""
        content = os.pread(self._file, int(np.prod(shape, dtype=np.int64)) * kind.itemsize, place)
        return ir.Tensor(np.frombuffer(content, kind).reshape(shape), name=name)


def _large(model: ir.Model) -> Iterator[tuple[ir.Value, npt.NDArray[Any]]]:
    for value in model.graph.initializers.values():
        tensor = value.const_value
        if isinstance(tensor, ir.Tensor) and tensor.dtype in PLAIN:
            yield value, tensor.numpy()


def _owner(array: npt.NDArray[Any]) -> object:
    """What holds the memory that an array is a view of."""
    held: object = array
    while (base := getattr(held, "base", None)) is not None:
        held = base
    return held.obj if isinstance(held, memoryview) else held


def _written(file: IO[bytes], array: npt.NDArray[Any]) -> int:
    """Where it begins in the file."""
    place = file.tell()
    file.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return place
