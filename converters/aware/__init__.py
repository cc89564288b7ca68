"""Quantization-aware training, from a model to a file.

preparation.py  reads the source, calibrates, plans: an `Aware`, whose `module` any training loop trains
aware.py        what is trained, and its conversion
source.py       a trained graph as a source of `convert`
held.py         the written file against what was trained
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgemm.lazy_names import lazy_names

if TYPE_CHECKING:
    from edgemm.converters.aware.aware import Aware
    from edgemm.converters.aware.preparation import prepare

_WHERE = {"Aware": "aware", "prepare": "preparation"}
"""Public name -> module that it lives in; loaded when first asked for."""

__all__ = ["Aware", "prepare"]

__getattr__, __dir__ = lazy_names(__name__, _WHERE)
