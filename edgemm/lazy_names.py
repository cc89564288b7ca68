"""The names of a package whose modules are loaded when one of them is first asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def lazy_names(
    package: str, where: Mapping[str, str], *, needs: Mapping[str, tuple[str, str]] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """A package's `__getattr__` and `__dir__`: `help()` and completion see names that are not loaded yet.

        __getattr__, __dir__ = lazy_names(__name__, {"train": "supervised"})

    Args:
        package: its name.
        where: public name -> the module of the package that it lives in.
        needs: module of another project -> (its name in messages, the extra of edgemm that installs it). Without it
            these names cannot be had: asking for one raises MissingDependency, and they are not listed.
    """
    needed = needs or {}

    def get(name: str) -> Any:
        if name not in where:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        from edgemm.dependency import load_dependency

        for module, (said, extra) in needed.items():
            load_dependency(module, said, extra)
        return getattr(importlib.import_module(f"{package}.{where[name]}"), name)

    def names() -> list[str]:
        from importlib.util import find_spec

        loaded = vars(importlib.import_module(package))
        return sorted({*loaded, *(where if all(map(find_spec, needed)) else ())})

    return get, names
