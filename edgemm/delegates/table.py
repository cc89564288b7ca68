"""The delegates that have a name, and which are tried for what a caller asks for."""

from __future__ import annotations

from edgemm.choices import DELEGATE_INSTEAD, hint
from edgemm.delegates.armnn import ARMNN
from edgemm.delegates.cpu import CPU
from edgemm.delegates.delegate import EXTERNAL, Delegate, Format, external
from edgemm.delegates.edgetpu import EDGETPU
from edgemm.delegates.gpu import GPU
from edgemm.delegates.nnapi import NNAPI
from edgemm.delegates.providers import CUDA, OPENVINO, QNN, TENSORRT
from edgemm.errors import InputError

DELEGATES: dict[str, Delegate] = {
    each.name: each for each in (CPU, EDGETPU, ARMNN, GPU, NNAPI, CUDA, TENSORRT, OPENVINO, QNN)
}
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
    if name not in DELEGATES:
        known = ("auto", *DELEGATES)
        raise InputError(
            f"delegate: expected one of {', '.join(known)} or {EXTERNAL}/path/lib.so; found {name!r}"
            + hint(name, known, DELEGATE_INSTEAD)
        )
    return DELEGATES[name]


def candidates(delegate: str | tuple[str, ...], format_: Format) -> tuple[Delegate, ...]:
    """What to try, in order, for the caller's `delegate`; for "auto", what can be seen, then the CPU.

    Raises:
        InputError: an unknown name, or an empty tuple.
    """
    if delegate == "auto":
        served = (each for each in map(find_delegate, AUTO) if each.serves(format_))
        return tuple(each for each in served if each is CPU or each.seen())
    names = (delegate,) if isinstance(delegate, str) else tuple(delegate)
    if not names:
        raise InputError('delegate: expected a name or a tuple of names, found an empty tuple. Try "auto"')
    return tuple(find_delegate(name) for name in names)
