"""The process that tries a delegate (`edgemm.delegates.delegate_probe`): in this room, since it opens runtimes.

It opens a model of one operator on the delegate named in its first argument, runs it, and prints one line of JSON.
"""

from __future__ import annotations

import base64
import json
import sys
import zlib
from dataclasses import asdict

from edgemm.backends import opener_of
from edgemm.delegates import Delegate, DelegateStatus, find_delegate
from edgemm.delegates.delegate import FORMATS, Format
from edgemm.errors import DelegateFailed, EdgemmError

ONE_ADD: dict[Format, str] = {
    "tflite": (
        "eNqTYGBgCHHzMWZg4GMQYRBg4GHgAIqwAHkMQB4DgwQIMzIwMANpRrAMA8OHf///g9giDCDAB1QD0wnRBxKXAeIYIE4A4gyo"
        "vtzEzDwGqDkwvSJge3gYuJHsBAJuHig75j/ELiYohunHJgZyYwAQq0DtOwHUC/IND1S+EknvEzS5JCQ5HmgogEwBySOrS0RS"
        "xwiVYwFDBgYADYMXNA=="
    ),
    "onnx": ("eNrj4LBy4+LjYkzkYkwSYqxUYnZMSRFiTI/iBwoJcXFxcDAKsXAxcTCCBJKQBZKAApXIAk4sXAwCggB/Sgft"),
}
"""float32[1] + float32[1], as a whole model of each format: base64 of zlib of the file."""


def try_here(name: str) -> DelegateStatus:
    """The tiny model on the delegate, in every runtime that has a route to it."""
    wanted = find_delegate(name)
    worked, reasons = [], []
    for format_ in FORMATS:
        if wanted.serves(format_):
            try:
                worked.append(_run_one_add(wanted, format_))
            except EdgemmError as e:
                reasons.append(str(e))
    return DelegateStatus(name, bool(worked), ", ".join(worked) or "; ".join(reasons))


def _run_one_add(wanted: Delegate, format_: Format) -> str:
    """Name and version of the runtime that ran it."""
    backend = opener_of(format_)(zlib.decompress(base64.b64decode(ONE_ADD[format_])), wanted, 1, trial=True)
    for index in range(len(backend.inputs)):
        backend.input_buffer(index)[...] = 21.0
    backend.run()
    found = float(backend.output_buffer(0)[0])
    runtime = f"{backend.name} {backend.version}"
    backend.close()
    if found != 42.0:
        raise DelegateFailed(f"delegate {wanted.name}: 21 + 21 came out as {found} in {runtime}")
    return runtime


def main() -> int:
    """Prints the status of the delegate that the first argument names."""
    print(json.dumps(asdict(try_here(sys.argv[1]))))  # noqa: T201
    return 0
