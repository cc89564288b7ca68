"""Whether a card's pictures are made in tiles, for those who prepare its data."""

from __future__ import annotations

from typing import Any, NamedTuple

from edgemm.tasks.picture.recipe import PictureRecipe


class Tiling(NamedTuple):
    """How tiles overlap, in pixels of the input; see `PictureRecipe`."""

    margin: int
    blend: int


def tiling_of(card: Any) -> Tiling | None:
    """Of a `ModelCard`; None where its pictures are not cut."""
    recipe = card.recipe
    if not isinstance(recipe, PictureRecipe) or not recipe.tiles:
        return None
    return Tiling(recipe.margin, recipe.blend)
