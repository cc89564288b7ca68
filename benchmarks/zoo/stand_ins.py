"""Empty stand-ins for the parts of torchvision that timm imports, where torchvision has no build for this PyTorch."""

from __future__ import annotations

import enum
import importlib.util
import sys
from types import ModuleType
from typing import Any

from torch import nn


class _Anything(ModuleType):
    """A module that has every name."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


class InterpolationMode(enum.Enum):
    """The names that timm reads."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


class FrozenBatchNorm2d(nn.Module):
    """Never made here."""


def without_torchvision() -> None:
    """Must come before the first import of timm; does nothing where torchvision is installed."""
    if "torchvision" in sys.modules or importlib.util.find_spec("torchvision") is not None:
        return
    names = ("", ".transforms", ".transforms.functional", ".ops", ".ops.misc", ".datasets", ".datasets.folder",
             ".models", ".models.feature_extraction", ".io", ".utils")  # fmt: skip
    for name in names:
        module = _Anything(f"torchvision{name}")
        module.__path__ = []  # a package
        sys.modules[module.__name__] = module
        if name:
            parent, _, last = module.__name__.rpartition(".")
            setattr(sys.modules[parent], last, module)
    sys.modules["torchvision.transforms"].InterpolationMode = InterpolationMode  # type: ignore[attr-defined]
    sys.modules["torchvision.transforms.functional"].InterpolationMode = InterpolationMode  # type: ignore[attr-defined]
    sys.modules["torchvision.ops.misc"].FrozenBatchNorm2d = FrozenBatchNorm2d  # type: ignore[attr-defined]
