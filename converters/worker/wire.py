"""Messages between a conversion and its worker: a line of JSON, then the file and the arrays that it announces, byte
for byte, in pieces: neither side holds more than one copy of any. Arrays in shared memory go as that memory itself."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from multiprocessing import reduction
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.converters.shared_memory import file_of, mapped

Array = npt.NDArray[Any]
Content = dict[str, Any]


PIECE = 1 << 20
"""Bytes of one write to the pipe."""


def send(pipe: Connection, content: Content, arrays: Sequence[Array] = (), file: bytes = b"") -> None:
    """Sends one message.

    Raises:
        OSError: the other side is gone.
    """
    whole = [np.ascontiguousarray(array).reshape(np.shape(array)) for array in arrays]
    shared = [file_of(array) for array in whole]
    kinds = [(each.dtype.str, each.shape, held is not None) for each, held in zip(whole, shared, strict=True)]
    pipe.send_bytes(json.dumps({**content, "arrays": kinds, "file": len(file)}).encode())
    _send_pieces(pipe, memoryview(file))
    for array, held in zip(whole, shared, strict=True):
        if held is not None:
            reduction.send_handle(pipe, held, None)
        elif array.size:
            _send_pieces(pipe, array.reshape(-1).view(np.uint8).data)


def _send_pieces(pipe: Connection, data: memoryview) -> None:
    for begin in range(0, len(data), PIECE):
        pipe.send_bytes(data[begin : begin + PIECE])


def receive(pipe: Connection) -> tuple[Content, list[Array], bytes]:
    """Waits for one message.

    Raises:
        EOFError, OSError: the other side is gone.
    """
    content = json.loads(pipe.recv_bytes())
    file = _pieces(pipe, content.pop("file")).getvalue()
    arrays = []
    for kind, shape, shared in content.pop("arrays"):
        dtype = np.dtype(kind)
        if shared:
            arrays.append(mapped(reduction.recv_handle(pipe), dtype, tuple(shape)))
            continue
        data = _pieces(pipe, int(np.prod(shape, dtype=np.int64)) * dtype.itemsize)
        arrays.append(np.frombuffer(data.getbuffer(), dtype).reshape(shape))
    return content, arrays, file


def _pieces(pipe: Connection, size: int) -> io.BytesIO:
    """So many bytes; nothing is sent for none. Room for all of them at once: what grows may be copied as a whole."""
    found = io.BytesIO()
    if size:
        found.seek(size - 1)
        found.write(b"\0")
        found.seek(0)
    while found.tell() < size:
        found.write(pipe.recv_bytes())
    return found
