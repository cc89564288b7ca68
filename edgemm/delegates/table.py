"""The delegates that have a name, and which are tried for what a caller asks for."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from edgemm.delegates.delegate import EXTERNAL, Delegate, Format, external
from edgemm.errors import InputError

_HOME = {
    "cpu": "cpu",
    "edgetpu": "edgetpu",
    "armnn": "armnn",
    "gpu": "gpu",
    "nnapi": "nnapi",
    "cuda": "providers",
    "tensorrt": "providers",
    "openvino": "providers",
    "qnn": "providers",
}
"""Every delegate that has a name of its own -> the module that has it in capital letters, loaded when it is asked
for."""

if TYPE_CHECKING:
    DELEGATES: dict[str, Delegate]
    """Every delegate that has a name of its own."""

AUTO: tuple[str, ...] = ("edgetpu", "cuda", "openvino", "cpu")
"""What "auto" looks for, in this order. TensorRT and QNN are not among them: the one builds an engine
for minutes at the first load, the other takes only models made for it."""


def find_delegate(name: str) -> Delegate:
    """The delegate of this name, or the library that `external:` names.

    Raises:
        InputError: there is no delegate of this name.
    """
    if name.startswith(EXTERNAL):
        return external(name)
    if name not in _HOME:
        from edgemm.choices import DELEGATE_INSTEAD, hint

        known = ("auto", *_HOME)
        raise InputError(
            f"delegate: expected one of {', '.join(known)} or {EXTERNAL}/path/lib.so; found {name!r}"
            + hint(name, known, DELEGATE_INSTEAD)
        )
    return _named(name)


@cache
def _named(name: str) -> Delegate:
    found: Delegate = getattr(import_module(f"edgemm.delegates.{_HOME[name]}"), name.upper())
    return found


def __getattr__(name: str) -> Any:
    if name != "DELEGATES":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found = {each: _named(each) for each in _HOME}
    return found


def candidates(delegate: str | tuple[str, ...], format_: Format) -> tuple[Delegate, ...]:
    """What to try, in order, for the caller's `delegate`; for "auto", what can be seen, then the CPU.

    Raises:
        InputError: an unknown name, or an empty tuple.
    """
    if delegate == "auto":
        served = (each for each in map(find_delegate, AUTO) if each.serves(format_))
        return tuple(each for each in served if each.kernels or each.seen())
    names = (delegate,) if isinstance(delegate, str) else tuple(delegate)
    if not names:
        raise InputError('delegate: expected a name or a tuple of names, found an empty tuple. Try "auto"')
    return tuple(find_delegate(name) for name in names)
