"""What tells a bundle from a model file: nothing is opened."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def is_bundle(path: str | Path) -> bool:
    """The name leads to a folder, or is that of a ZIP: not of a model file. A .tflite may have a ZIP at its end, and
    is none."""
    return os.path.splitext(os.fspath(path).rstrip(os.sep))[1].lower() == ".zip" or os.path.isdir(path)
