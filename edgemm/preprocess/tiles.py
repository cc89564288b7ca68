"""How a picture of any size is covered by tiles of one size."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """Along one axis: tiles of `size` pixels, each of which begins `step` after the one before.

    Tile i shows the pixels from `i * step - margin` on; of what is made of it, `margin` at both ends is left out. The
    first `blend` of the rest are shared with the tile before.
    """

    length: int
    """Pixels of the picture."""
    size: int
    margin: int
    blend: int

    @property
    def kept(self) -> int:
        """Pixels of a tile that count."""
        return self.size - 2 * self.margin

    @property
    def step(self) -> int:
        """Pixels from one tile to the next."""
        return self.kept - self.blend

    @property
    def count(self) -> int:
        """Tiles; at least one."""
        return max(1, -(-(self.length - self.blend) // self.step))

    @property
    def behind(self) -> int:
        """Pixels that the last tile shows beyond the picture's end."""
        return (self.count - 1) * self.step + self.size - self.margin - self.length

    @property
    def starts(self) -> range:
        """Where tiles begin in a picture that was padded by `margin` before and `behind` after."""
        return range(0, self.count * self.step, self.step)


def spans(
    picture_wh: tuple[int, int], size_wh: tuple[int, int], margin: int, blend: int
) -> tuple[Span, Span]:
    """Across and down."""
    across, down = (
        Span(length, size, margin, blend) for length, size in zip(picture_wh, size_wh, strict=True)
    )
    return across, down
