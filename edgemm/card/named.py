"""What the tables of tasks and of drivers share: a name's class, ours or that of an installed package."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from edgemm.errors import MissingDependency


def find_named(
    kind: str, name: str, ours: Mapping[str, str], foreign: Callable[[], Mapping[str, Any]]
) -> Any | None:
    """A new object of the class of this name; None where there is none.

    Args:
        kind: what it is, for messages: "task".
        ours: name -> "module:class".
        foreign: name -> entry point, asked where the name is not ours.

    Raises:
        MissingDependency: the package that has it cannot be imported.
    """
    if name in ours:
        module, _, attribute = ours[name].partition(":")
        return getattr(import_module(module), attribute)()
    entry = foreign().get(name)
    if entry is None:
        return None
    try:
        return entry.load()()
    except Exception as error:
        package = package_of(entry)
        raise MissingDependency(
            f"the {kind} {name!r} of the package {package}",
            command=f"pip install --upgrade {package.split()[0]}",
            broken=f"{type(error).__name__}: {error}",
        ) from error


def package_of(entry: Any) -> str:
    """Name and version of the package that an entry point is of."""
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else str(entry.value)
