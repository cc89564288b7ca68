"""What one measurement of a cost table says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

FLOAT, INT8, INT8_UNSIGNED, DYNAMIC, DYNAMIC_UNSIGNED, HYBRID = (
    "float", "int8", "int8_u8", "dynamic", "dynamic_u8", "hybrid",
)  # fmt: skip
PRECISIONS = (FLOAT, INT8, INT8_UNSIGNED, DYNAMIC, DYNAMIC_UNSIGNED, HYBRID)
"""How operators compute. The unsigned ones store their weights as u8, which only ONNX has."""


@dataclass(frozen=True, slots=True)
class Work:
    """What operators have to do, added up over those of one kind."""

    count: int
    """Operators."""
    macs: int
    """Multiplications; 0 for operators without."""
    moved: int
    """Elements that are read and written, weights left out."""
    weights: int
    """Elements of constant weights."""
    rows: int = 0
    """Pixels or rows that are worked on one by one: of convolutions, products, softmax, norms."""

    def __add__(self, other: Work) -> Work:
        """Of both."""
        return Work(
            self.count + other.count,
            self.macs + other.macs,
            self.moved + other.moved,
            self.weights + other.weights,
            self.rows + other.rows,
        )

    @property
    def parts(self) -> tuple[int, int, int, int, int]:
        """What time is a sum of shares of."""
        return self.count, self.macs, self.moved, self.weights, self.rows


NO_WORK = Work(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Point:
    """Operators of one kind and precision, and the time that they took together."""

    kind: str
    """As `edgemm.quantize.costs.kinds` calls them: "conv_1x1", "softmax"."""
    precision: str
    """One of PRECISIONS."""
    work: Work
    us: float
    """Microseconds of one inference, the inference of nothing taken off."""
    delegated: bool = True
    """TFLite: XNNPACK runs them; False where the interpreter's own kernels do."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, time rounded to a nanosecond."""
        return {
            "kind": self.kind,
            "precision": self.precision,
            "work": list(self.work.parts),
            "us": round(self.us, 3),
            **({} if self.delegated else {"delegated": False}),
        }
