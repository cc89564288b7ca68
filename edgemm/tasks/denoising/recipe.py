"""The section `denoising` of a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from edgemm.errors import CardError


@dataclass(frozen=True, slots=True)
class DenoisingRecipe:
    """How two networks clean frames that overlap. The defaults are those of DTLN as its authors give it out."""

    sample_rate: int = 16000
    """Hertz, of what the networks hear and of what comes out. Sound of another rate is resampled."""
    frame: int = 512
    """Samples in one frame. What comes out is later than what was heard by `frame` - `hop`."""
    hop: int = 128
    """Samples between two frames, a whole part of `frame`. Cleaned frames are added up where they overlap."""
    amount: float = 1.0
    """Share of the cleaned sound in what comes out; the rest is what was heard at that time. A recogniser that was
    trained with noise often hears best with some of it: 0.8."""
    mask_input: str = "input_2"
    """Part mask: the magnitudes of a frame's spectrum, float[1, 1, frame // 2 + 1]."""
    mask_output: str = "Identity"
    """Part mask: what they are multiplied with, of the same shape."""
    frame_input: str = "input_4"
    """Part frame: the samples of the masked frame, float[1, 1, frame]."""
    frame_output: str = "Identity"
    """Part frame: the cleaned samples, of the same shape."""
    extra: dict[str, Any] = field(default_factory=dict)

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {
        "sample_rate": (1000, 384_000),
        "frame": (2, 1 << 16),
        "hop": (1, 1 << 16),
        "amount": (0, 1),
    }
    OPTIONS: ClassVar[tuple[str, ...]] = ("amount",)

    def check(self) -> None:
        """The rules between fields.

        Raises:
            CardError: `hop` is no whole part of `frame`.
        """
        if self.frame % self.hop:
            raise CardError(f"hop: expected a whole part of frame ({self.frame}), found {self.hop}")
