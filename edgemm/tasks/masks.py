"""Which tokens there are, told by the tensors that were given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.card.model_card import InputCard
from edgemm.tasks.context import NOWHERE, Context
from edgemm.tensors import TensorSpec


def context_of(
    tensors: Mapping[str, npt.NDArray[Any]], cards: Sequence[InputCard], specs: Sequence[TensorSpec]
) -> Context:
    """Where the input of a run came from, as far as its tensors tell: the mask of a text.

    Args:
        tensors: name -> array as the file stores it.
        cards: of the model's inputs.
        specs: of its tensors.
    """
    name = next((each.name for each in cards if each.role == "mask"), "")
    if name not in tensors:
        return NOWHERE
    spec = next(each for each in specs if each.name == name)
    return Context(mask=spec.dequantize(tensors[name]).reshape(-1).astype(np.float32))
