"""SHA-256 of bytes. Of few, without OpenSSL, which `hashlib` loads: 3 ms, in which Python itself hashes a megabyte.

Python's `random` takes its SHA-512 from the same place, for the same reason.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

FEW = 1 << 20
"""Bytes that OpenSSL, once it is loaded, hashes 2 ms sooner than Python does."""


def sha256_hex(content: bytes) -> str:
    """In hexadecimal."""
    return str(_maker(len(content))(content).hexdigest())


def _maker(size: int) -> Any:
    if size <= FEW and "hashlib" not in sys.modules:
        try:
            return import_module("_sha2" if sys.version_info >= (3, 12) else "_sha256").sha256
        except ImportError:  # a Python built without it
            pass
    import hashlib

    return hashlib.sha256
