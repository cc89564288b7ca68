"""Loading a TFLite external delegate so that whatever is wrong with it comes out as one clear error.

The runtimes' own `load_delegate` answers with OSError, AttributeError or an empty ValueError, and its
half-made objects complain again when they are collected; so the library is looked at before they see it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from edgemm.delegates.delegate import Delegate
from edgemm.errors import DelegateFailed, DelegateMissing

_ENTRY_POINTS = ("tflite_plugin_create_delegate", "tflite_plugin_destroy_delegate")


def find_library(wanted: Delegate) -> str:
    """The first of the delegate's libraries that can be loaded.

    Raises:
        DelegateMissing: none of them is here.
        DelegateFailed: the library is here and is no TFLite delegate.
    """
    reasons = []
    for library in wanted.libraries:
        try:
            handle = ctypes.PyDLL(library)
        except OSError as e:
            said = str(e)
            reasons.append(f"{library} is not here" if "No such file" in said else said)
            continue
        lacking = [name for name in _ENTRY_POINTS if not hasattr(handle, name)]
        if lacking:
            raise DelegateFailed(
                f"delegate {wanted.name}: {library} is no TFLite delegate: it does not export {lacking[0]}. "
                f"{wanted.advice}"
            )
        return library
    raise DelegateMissing(f"delegate {wanted.name}: {'; '.join(reasons)}. {wanted.advice}")


def create(wanted: Delegate, library: str, load_delegate: Callable[..., Any]) -> Any:
    """The runtime's delegate object, out of a library that `find_library` gave.

    Raises:
        DelegateFailed: it makes no delegate: no device, or options that it does not know.
    """
    try:
        return load_delegate(library, dict(wanted.options))
    except ValueError as e:
        said = str(e).partition("\n")[2].strip() or "it gave no reason"
        raise DelegateFailed(
            f"delegate {wanted.name}: {library} was loaded and made no delegate ({said}). "
            f"Is its device connected, and may this user open it? {wanted.advice}"
        ) from e
