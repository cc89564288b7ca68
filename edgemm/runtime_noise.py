"""Keeps lines that runtimes write to standard error by themselves from the terminal of the command line.

LiteRT writes "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.", ONNX Runtime warns of what it does not find on
the machine, libpng of profiles that nobody uses, all from C and with no setting to stop it. The command line calls
`hide()`; without that nothing is changed, since the standard error of an application is the application's.
"""

from __future__ import annotations

import os
import re
import sys
from _thread import allocate_lock
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_NOISE = (
    rb"(?:\x1b\[[0-9;]*m)*(?:"
    rb"(?:INFO|VERBOSE): "  # LiteRT and its delegates
    rb"|[IV]\d{4} [\d:.]+ "  # absl's log
    rb"|WARNING: All log messages before absl::InitializeLog"
    rb"|[\d-]+ [\d:.]+ \[[VIW]:onnxruntime"
    rb"|libpng warning: "  # of OpenCV, on pictures that are whole
    rb"|OpenCV: FFMPEG: (?:tag|fallback) "  # on every .webm that it writes
    rb"|(?:\x1b\[[0-9;]*m)+\s*$)"
)
"""The beginning of a line that is dropped; warnings and errors of LiteRT, and errors of ONNX Runtime, are kept."""

_hidden = False
_lock = allocate_lock()


def hide() -> None:
    """From now on `without_noise` does something in this process."""
    global _hidden
    _hidden = True


@contextmanager
def without_noise() -> Iterator[None]:
    """Inside, what is written to standard error is kept, and at the end the lines of it that are no noise are written.

    For the moments in which a runtime is imported, a model is loaded or a picture decoded; not for longer, since what
    is kept is lost when the process dies.
    """
    if not _hidden or not _lock.acquire(blocking=False):  # another thread does it already
        yield
        return
    try:
        with _kept_back():
            yield
    finally:
        _lock.release()


@contextmanager
def _kept_back() -> Iterator[None]:
    try:
        kept = os.memfd_create("edgemm")
    except (OSError, AttributeError):  # no descriptor left, or no Linux
        yield
        return
    with os.fdopen(kept, "w+b") as file:
        _flush()
        try:
            terminal = os.dup(2)
        except OSError:  # closed
            yield
            return
        os.dup2(kept, 2)
        try:
            yield
        finally:
            _flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            file.seek(0)
            _tell(file.read())


def _flush() -> None:
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.flush()


def _tell(text: bytes) -> None:
    left = b"".join(line for line in text.splitlines(keepends=True) if not re.match(_NOISE, line))
    with suppress(OSError):
        while left:
            left = left[os.write(2, left) :]
