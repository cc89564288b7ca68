"""A .tflite file as the source that its conversions are compared with."""

from __future__ import annotations

from dataclasses import dataclass

from edgemm.converters.measure import run_artifact
from edgemm.converters.reference import Outputs
from edgemm.converters.samples import Samples
from edgemm.converters.written import Written


@dataclass(frozen=True, slots=True, eq=False)
class FileSource:
    """A .tflite file in LiteRT, in the worker."""

    file: Written

    def answers(self, samples: Samples) -> tuple[Outputs, ...]:
        """Dequantized."""
        return run_artifact(self.file, samples).outputs
