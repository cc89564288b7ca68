"""Messages between a conversion and its worker: a line of JSON, then the arrays that it announces, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Content = dict[str, Any]


def send(pipe: Connection, content: Content, arrays: Sequence[Array] = ()) -> None:
    """Sends one message.

    Raises:
        OSError: the other side is gone.
    """
    whole = [np.ascontiguousarray(array).reshape(np.shape(array)) for array in arrays]
    kinds = [(array.dtype.str, array.shape) for array in whole]
    pipe.send_bytes(json.dumps({**content, "arrays": kinds}).encode())
    for array in whole:
        if array.size:
            pipe.send_bytes(array.reshape(-1).view(np.uint8).data)


def receive(pipe: Connection) -> tuple[Content, list[Array]]:
    """Waits for one message.

    Raises:
        EOFError, OSError: the other side is gone.
    """
    content = json.loads(pipe.recv_bytes())
    arrays = []
    for kind, shape in content.pop("arrays"):
        size = int(np.prod(shape, dtype=np.int64))
        data = pipe.recv_bytes() if size else b""
        arrays.append(np.frombuffer(bytearray(data), np.dtype(kind)).reshape(shape))
    return content, arrays
