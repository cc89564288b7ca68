"""Embeddings of one model against those of another: the cosine of the angle between them."""

from __future__ import annotations

from typing import Any, ClassVar

from edgemm.errors import InputError
from edgemm.results import Embedding


class EmbeddingAgreement:
    """The mean cosine of a model's embeddings with another model's of the same inputs."""

    name: ClassVar[str] = "cosine"
    unit: ClassVar[str] = "share"
    higher_is_better: ClassVar[bool] = True

    def __init__(self) -> None:
        self._samples, self._sum, self._worst = 0, 0.0, 1.0

    def add(self, result: Embedding, truth: Embedding) -> None:
        """One sample.

        Raises:
            InputError: the other is no embedding, or of another length.
        """
        if not isinstance(truth, Embedding):
            raise InputError(f"embedding: expected another model's Embedding, found {type(truth).__name__}")
        cosine = result.similarity(truth)
        self._samples += 1
        self._sum += cosine
        self._worst = min(self._worst, cosine)

    def value(self) -> float:
        """-1..1; NaN before the first."""
        return self._sum / self._samples if self._samples else float("nan")

    def report(self) -> dict[str, Any]:
        """`samples`, the mean `cosine`, and that of the `worst`."""
        some = self._samples > 0
        return {
            "samples": self._samples,
            self.name: self.value() if some else None,
            "worst": self._worst if some else None,
        }
