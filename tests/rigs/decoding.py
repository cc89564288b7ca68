"""Decoders on arrays: a test's numbers as the outputs of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from edgemm.results import Result
from edgemm.tasks.context import Context
from edgemm.tasks.decoder import Decoder
from edgemm.tasks.outputs import Outputs
from edgemm.tensors import TensorSpec


def outputs(specs: Sequence[TensorSpec], *stored: npt.NDArray[Any]) -> Outputs:
    """Arrays in the order of the specs."""
    return Outputs.of(specs, {spec.name: each for spec, each in zip(specs, stored, strict=True)})


def answer(decoder: Decoder, specs: Sequence[TensorSpec], *stored: npt.NDArray[Any]) -> Result:
    """The result of one run that stands for itself."""
    return decoder.whole((outputs(specs, *stored),), Context(), 0.0)
