"""What a delegate is: one accelerator, and the ways that the runtimes reach it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from edgemm.errors import InputError
from edgemm.frozen import dataclass

Format = Literal["tflite", "onnx"]
FORMATS: tuple[Format, ...] = ("tflite", "onnx")
EXTERNAL = "external:"
"""Prefix of a delegate that is named by its library: external:/path/lib.so?key=value&key=value."""


def _unseen() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Delegate:
    """One accelerator. A runtime that has no route to it (`libraries`, `provider`) cannot use it."""

    name: str
    summary: str
    """What it is, in a few words."""
    advice: str
    """What to do when it cannot be had."""
    kernels: bool = False
    """True for the CPU, whose kernels LiteRT has built in: nothing is loaded."""
    required: bool = True
    """False when it may take no operator and still be what was asked for: the plain CPU."""
    libraries: tuple[str, ...] = ()
    """TFLite external delegates: the first of these names or paths that is found is loaded."""
    provider: str = ""
    """Execution provider in ONNX Runtime."""
    options: tuple[tuple[str, str], ...] = ()
    """Handed to the library or the provider."""
    seen: Callable[[], bool] = _unseen
    """True when its device can be seen without loading anything; asked by "auto"."""

    def serves(self, format_: Format) -> bool:
        """True when a runtime for `format_` has a route to it."""
        return bool(self.kernels or self.libraries) if format_ == "tflite" else bool(self.provider)


def external(name: str) -> Delegate:
    """Reads `external:/path/lib.so?key=value`.

    Raises:
        InputError: no library is named.
    """
    library, _, query = name.removeprefix(EXTERNAL).partition("?")
    if not library:
        raise InputError(f"delegate {name!r}: expected external:/path/to/library.so, found no path")
    from urllib.parse import parse_qsl

    return Delegate(
        name=name,
        summary="a TFLite external delegate",
        advice="Check the path, and that the library exports tflite_plugin_create_delegate",
        libraries=(library,),
        options=tuple(parse_qsl(query, keep_blank_values=True)),
    )
