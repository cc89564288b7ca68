"""The memory and the tables that decoding one stream uses again for each picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.tasks.context import Context


class Room:
    """Arrays by name, and what was computed for the last place of a picture. For one thread at a time."""

    def __init__(self) -> None:
        self._arrays: dict[str, npt.NDArray[Any]] = {}
        self._place: tuple[Any, ...] = ()
        self._computed: Any = None

    def array(self, name: str, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Memory with anything in it; the same again for the same name, shape and type."""
        found = self._arrays.get(name)
        if found is None or found.shape != shape or found.dtype != dtype:
            found = self._arrays[name] = np.empty(shape, dtype)
        return found

    def at(self, context: Context, grid_hw: tuple[int, int], compute: Callable[[], Any]) -> Any:
        """What `compute` gives, computed again where the place of the picture or the size of the map changes."""
        place = (context.to_source.tobytes(), context.source_wh, context.tensor_wh, grid_hw)
        if place != self._place:
            self._computed, self._place = compute(), place
        return self._computed
