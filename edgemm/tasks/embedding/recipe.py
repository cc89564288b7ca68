"""The section `embedding` of a card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from edgemm.frozen import dataclass, field


@dataclass(frozen=True, slots=True)
class EmbeddingRecipe:
    """How one vector is made of an output."""

    output: str = ""
    """Name of the output; "" for the first."""
    pooling: Literal["mean", "first", "none"] = "none"
    """mean: the mean of the tokens' vectors, where the mask says that a token stands. first: the vector of the first
    token, [CLS] in BERT. none: the output is one vector already."""
    layout: Literal["rows", "columns"] = "rows"
    """Of an output with a vector for each token. rows: [1, tokens, numbers]. columns: [1, numbers, tokens]."""
    normalize: bool = True
    """The vector is divided by its length, so that it has length 1. Of several windows of sound each is, before their
    mean is taken."""
    smooth_windows: int = 1
    """Sound: how many windows of a stream a vector is the mean of, the newest ones."""
    extra: dict[str, Any] = field(default_factory=dict)

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {"smooth_windows": (1, 1 << 12)}
    OPTIONS: ClassVar[tuple[str, ...]] = ("normalize", "smooth_windows")

    def check(self) -> None:
        """No rules between fields."""
