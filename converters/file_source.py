"""A .tflite file as the source that its conversions are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from edgemm.converters.measure import run_artifact
from edgemm.converters.reference import Outputs
from edgemm.converters.samples import Samples
from edgemm.converters.written import Written


@dataclass(frozen=True, slots=True, eq=False)
class FileSource:
    """A .tflite file in LiteRT, in the worker."""

    file: Written
    given: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    """Inputs that always have the same value, by name."""

    def answers(self, samples: Samples) -> tuple[Outputs, ...]:
        """Dequantized."""
        return run_artifact(self.file, self._completed(samples)).outputs

    def _completed(self, samples: Samples) -> Samples:
        if not self.given:
            return samples
        return Samples(tuple({**self.given, **sample} for sample in samples.inputs))
