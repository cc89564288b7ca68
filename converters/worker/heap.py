"""What was freed goes back to the system.

glibc keeps freed blocks of up to 32 MB for later, once it has seen some of that size; a conversion has steps that need
hundreds of MB for a moment, one after the other and in two processes, and the sum of what each has kept is what a
machine must have.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress


def give_back() -> None:
    """Gives freed memory back; does nothing where the C library has no such function."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
