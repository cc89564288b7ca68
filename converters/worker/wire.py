"""Messages between a conversion and its worker: a line of JSON, then the file and the arrays that it announces, byte
for byte, in pieces: neither side holds more than one copy of any."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import numpy.typing as npt

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
    kinds = [(array.dtype.str, array.shape) for array in whole]
    pipe.send_bytes(json.dumps({**content, "arrays": kinds, "file": len(file)}).encode())
    for data in (memoryview(file), *(array.reshape(-1).view(np.uint8).data for array in whole if array.size)):
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
    for kind, shape in content.pop("arrays"):
        dtype = np.dtype(kind)
        data = _pieces(pipe, int(np.prod(shape, dtype=np.int64)) * dtype.itemsize)
        arrays.append(np.frombuffer(data.getbuffer(), dtype).reshape(shape))
    return content, arrays, file


def _pieces(pipe: Connection, size: int) -> io.BytesIO:
    """So many bytes; nothing is sent for none."""
    found = io.BytesIO()
    while found.tell() < size:
        found.write(pipe.recv_bytes())
    return found
