"""Shrinking a model: pruned, trained to answer as the source does while it rounds as the device does, converted.

options.py   what may be asked for, checked before anything is read
file.py      the steps
loss.py      how near an answer is to the source's
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgemm.lazy_names import lazy_names

if TYPE_CHECKING:
    from edgemm.converters.shrinking.file import ShrunkFile, Step, shrink_file

_WHERE = {"ShrunkFile": "file", "Step": "file", "shrink_file": "file"}
"""Public name -> module that it lives in; loaded when first asked for."""

__all__ = ["ShrunkFile", "Step", "shrink_file"]

__getattr__, __dir__ = lazy_names(__name__, _WHERE)
