"""Finding LiteRT: by import, never by the name of a distribution."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from edgemm.dependency import check_room, import_error, missing_litert
from edgemm.frozen import dataclass

_PACKAGES = (("litert", "ai_edge_litert"), ("tflite-runtime", "tflite_runtime"))
"""Our name, and the package to import; the successor first."""


@dataclass(frozen=True, slots=True)
class LitertRuntime:
    """An importable interpreter."""

    name: str
    """"litert" or "tflite-runtime"."""
    version: str
    module: Any
    """With `Interpreter` and `load_delegate`."""

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def find_litert() -> LitertRuntime:
    """LiteRT, or its predecessor tflite-runtime.

    Raises:
        MissingDependency: neither is installed, or the one that is cannot be imported.
        MachineShortage: there was no memory or no file descriptor to load it.
    """
    broken: tuple[BaseException, str] | None = None
    for name, package in _PACKAGES:
        check_room(f"{package}.interpreter", "LiteRT")
        try:
            module = import_module(f"{package}.interpreter")
        except ModuleNotFoundError as e:
            if (
                e.name != package and sys.modules.get(package, e) is not None
            ):  # None: kept from being imported
                broken = broken or (e, package)
            continue
        except (ImportError, OSError, MemoryError, SystemError, AttributeError) as e:
            broken = broken or (e, package)
            continue
        return LitertRuntime(name, getattr(import_module(package), "__version__", "unknown"), module)
    if broken is not None:
        raise import_error(*broken, "LiteRT", "litert") from broken[0]
    raise missing_litert()
