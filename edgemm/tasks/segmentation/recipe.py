"""What a card says about segmentation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from edgemm.errors import CardError
from edgemm.frozen import dataclass, field

MOST_CLASSES = 1 << 16
"""Classes that a uint16 numbers."""


@dataclass(frozen=True, slots=True)
class SegmentationRecipe:
    """How an output becomes a class for each pixel of the source."""

    output: str = ""
    """Name of the output with the classes or scores; "" for the first that fits `kind`."""
    kind: Literal["auto", "classes", "scores", "binary"] = "auto"
    """What the output holds. classes: a class number for each pixel. scores: a score for each class and pixel; the
    class with the highest is taken. binary: one score for each pixel; class 1 where it reaches `threshold`, else 0.
    auto: classes where it holds plain integers of one channel, binary where it holds scores of one channel, else
    scores."""
    layout: Literal["auto", "NHWC", "NCHW"] = "auto"
    """Order of the axes of scores. auto: the axis that has as many channels as there are labels; without labels, the
    smaller one of the two that may be channels."""
    decode: Literal["probabilities", "logits"] = "probabilities"
    """Of binary scores. probabilities: compared with `threshold` as they are. logits: their sigmoid is compared."""
    threshold: float = 0.5
    """Smallest score of class 1; for binary scores. Other outputs ignore it."""
    outside: int = 0
    """Class of the pixels that the model did not see: outside of a centre crop, or of a view."""
    smooth: bool = False
    """Scores are resized to the source before the classes are picked: smoother edges, and much slower. Otherwise the
    class of the nearest score is taken. Not for kind classes."""
    classes: tuple[str, ...] = ()
    """Labels of the classes to keep; pixels of others get class 0. [] for all."""
    extra: dict[str, Any] = field(default_factory=dict)

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {
        "threshold": (0.0, 1.0),
        "outside": (0, MOST_CLASSES - 1),
    }
    OPTIONS: ClassVar[tuple[str, ...]] = ("threshold", "classes", "smooth")

    def check(self) -> None:
        """The rules between fields.

        Raises:
            CardError: one is broken.
        """
        if self.smooth and self.kind == "classes":
            raise CardError(
                'smooth: expected kind "scores" or "binary"; class numbers cannot be interpolated. Set smooth to false'
            )
