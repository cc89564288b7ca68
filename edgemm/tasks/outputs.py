"""What one run of a model gave, by name, dequantized only where a decoder asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.tensors import TensorSpec, dequantize_into

Array = npt.NDArray[Any]


class Outputs(Mapping[str, Array]):
    """The outputs of one run: `stored(name)` as the file stores them, `real(name)` as numbers.

    Both are the session's own arrays, which the next run overwrites; `copy()` is kept. As a mapping it gives the
    real-valued arrays. A decoder that compares with a threshold moves the threshold to the stored grid
    (`edgemm.tasks.thresholds`) instead of dequantizing thousands of numbers.
    """

    def __init__(self, specs: Sequence[TensorSpec], look_up: Callable[[int], Array]) -> None:
        """Use what a session hands over.

        Args:
            specs: of the outputs, in the file's order.
            look_up: place of an output -> its stored array.
        """
        self.specs = tuple(specs)
        self._places = {spec.name: at for at, spec in enumerate(specs)}
        self._look_up = look_up
        self._real: list[Array | None] = [None] * len(self.specs)

    @staticmethod
    def of(specs: Sequence[TensorSpec], stored: Mapping[str, Array]) -> Outputs:
        """Of arrays by name, as the file stores them."""
        return Outputs(specs, [stored[spec.name] for spec in specs].__getitem__)

    def spec(self, name: str) -> TensorSpec:
        """Shape, type and quantization of an output.

        Raises:
            InputError: there is no output of this name.
        """
        return self.specs[self._place(name)]

    def stored(self, name: str) -> Array:
        """The output as the file stores it: int8 stays int8. Not to be written to."""
        place = self._places.get(name)
        if place is None:
            raise self._unknown(name)
        return self._look_up(place)

    def real(self, name: str) -> Array:
        """The output as numbers: float32 where it is quantized, else as it is. Not to be written to."""
        at = self._place(name)
        spec, stored = self.specs[at], self._look_up(at)
        if not spec.quantized:
            return stored
        room = self._real[at]
        if room is None or room.shape != stored.shape:  # a size that is found out while running
            room = self._real[at] = np.empty(stored.shape, np.float32)
        dequantize_into(spec, stored, room)
        return room

    def copy(self) -> Outputs:
        """The same outputs in arrays of their own."""
        return Outputs(self.specs, [self._look_up(at).copy() for at in range(len(self.specs))].__getitem__)

    def _place(self, name: str) -> int:
        try:
            return self._places[name]
        except KeyError:
            raise self._unknown(name) from None

    def _unknown(self, name: str) -> InputError:
        return InputError(f"output: expected one of {', '.join(self._places)}; found {name!r}")

    def __getitem__(self, name: str) -> Array:
        return self.real(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self.specs)
