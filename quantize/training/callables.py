"""What a caller gives to be called."""

from __future__ import annotations

import inspect
from typing import Any

from edgemm.errors import InputError


def check_callable(value: Any, name: str, takes: str) -> None:
    """That it can be called with one thing.

    Raises:
        InputError: it cannot.
    """
    fits = callable(value)
    if fits:
        try:
            inspect.signature(value).bind(None)
        except TypeError:
            fits = False
        except ValueError:  # written in C, without a signature
            pass
    if not fits:
        found = "one that takes something else" if callable(value) else f"{type(value).__name__} {value!r}"
        raise InputError(f"{name}: expected a callable that takes {takes}, found {found}")
