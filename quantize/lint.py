"""Checks calibration data before it is used: refuses what must be wrong, and warns of what looks doubtful."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgemm.card import InputCard
from edgemm.errors import CalibrationError, InputError
from edgemm.quantize.recipe import Recipe, recipe_of
from edgemm.quantize.visible import is_mask

if TYPE_CHECKING:
    import onnx_ir as ir

Sample = Mapping[str, npt.NDArray[Any]]

FEW = 16
"""Fewer samples than this seldom show the range that activations have."""

HIDDEN = -1e9
"""What the negative infinity of a mask counts as."""

ALIKE = 1 / 255
"""Samples that differ by no more than this part of the data's whole range are the same int8 numbers."""

TWICE = 0.25
"""Data normalised twice is looked for only where it fills at most this part of the proper range."""

MARGIN = 0.01
"""Of the proper range: values may pass its ends by this much, for rounding."""


@dataclass(slots=True)
class _Seen:
    """Statistics of one input over all samples."""

    first: npt.NDArray[Any]
    low: float = np.inf
    high: float = -np.inf
    apart: float = 0.0
    """Largest difference of any sample from the first."""
    copies: int = 0
    """Samples equal to the first, itself included."""

    def add(self, array: npt.NDArray[Any]) -> None:
        """Takes one sample in."""
        self.low, self.high = min(self.low, float(array.min())), max(self.high, float(array.max()))
        apart = float(np.abs(array.astype(np.float64) - self.first).max())
        self.apart = max(self.apart, apart)
        self.copies += apart == 0.0


def lint(model: ir.Model, samples: Sequence[Sample], cards: Sequence[InputCard] = ()) -> tuple[str, ...]:
    """Checks calibration samples against the model, against what its cards' preprocessing makes, and each other.

    Args:
        model: canonical.
        samples: input name -> array in the model's own shape, batch of 1 included.
        cards: descriptions of the inputs, by their names; an input without one is checked less.

    Returns:
        Warnings.

    Raises:
        InputError: no samples, or a sample's names, shapes or types are not the model's.
        CalibrationError: NaN or infinity (but the negative one of a mask), a constant input, values that the
            preprocessing cannot make, data normalised twice, or samples that are all the same.
    """
    if not len(samples):
        raise InputError(
            f"expected at least {FEW} calibration samples, found none. Give data that the model may meet"
        )
    seen: dict[str, _Seen] = {}
    masks = {str(value.name) for value in model.graph.inputs if is_mask(value)}
    for index, sample in enumerate(samples):
        for name, array in _fitting(model, sample, index).items():
            if array.dtype.kind != "f":
                continue
            if name in masks:
                array = np.maximum(array, HIDDEN)
            _require_finite(name, array, index)
            if name not in seen:
                seen[name] = _Seen(array.astype(np.float64))
            seen[name].add(array)
    by_name = {card.name: card for card in cards}
    for name, data in seen.items():
        _require_spread(name, data, len(samples))
        recipe = recipe_of(by_name[name]) if name in by_name else None
        if recipe is not None:
            _require_once(name, data, recipe)
            _require_possible(name, data, recipe)
    _require_different(seen, len(samples))
    return tuple(_doubts(seen, len(samples)))


def _fitting(model: ir.Model, sample: Sample, index: int) -> Sample:
    """The sample, when it has exactly the model's inputs."""
    wanted = {str(value.name): value for value in model.graph.inputs}
    if set(sample) != set(wanted):
        raise InputError(
            f"calibration sample {index}: expected inputs {sorted(wanted)}, found {sorted(sample)}. "
            "Name the arrays as the model's inputs"
        )
    for name, value in wanted.items():
        array = sample[name]
        shape = tuple(value.shape.numpy()) if value.shape is not None else None
        dtype = value.dtype.numpy() if value.dtype is not None else None
        if array.shape != shape or array.dtype != dtype:
            raise InputError(
                f"calibration sample {index}, input {name!r}: expected {dtype} {list(shape or ())}, found "
                f"{array.dtype} {list(array.shape)}. Convert the data to the model's type, shape and layout"
            )
    return sample


def _require_finite(name: str, array: npt.NDArray[Any], index: int) -> None:
    bad = int(array.size - np.isfinite(array).sum())
    if bad:
        raise CalibrationError(
            f"calibration sample {index}, input {name!r}: expected finite numbers, found {bad} NaN or infinite of "
            f"{array.size}. Remove the sample, or repair what made it"
        )


def _require_spread(name: str, data: _Seen, count: int) -> None:
    if data.low == data.high:
        raise CalibrationError(
            f"input {name!r}: expected varying data, found the constant {data.low:g} in all {count} samples. "
            "Give real data: a constant shows no activation's range"
        )


def _require_possible(name: str, data: _Seen, recipe: Recipe) -> None:
    margin = MARGIN * (recipe.high - recipe.low)
    if recipe.low - margin <= data.low and data.high <= recipe.high + margin:
        return
    raw = recipe.source_low <= data.low and data.high <= recipe.source_high and data.high > recipe.high
    hint = f"It looks like {recipe.source} that were never normalised: " if raw else ""
    raise CalibrationError(
        f"input {name!r}: the card's preprocessing makes values of {recipe.low:.4g}..{recipe.high:.4g}, found "
        f"{data.low:.4g}..{data.high:.4g}. {hint}prepare the data as the card says, or correct the card"
    )


def _require_once(name: str, data: _Seen, recipe: Recipe) -> None:
    """Normalising what is normalised already squeezes the data into a small part of its range."""
    low, high = recipe.twice()
    if high - low > TWICE * (recipe.high - recipe.low):
        return
    margin = MARGIN * (high - low)
    if low - margin <= data.low and data.high <= high + margin:
        raise CalibrationError(
            f"input {name!r}: expected values over {recipe.low:.4g}..{recipe.high:.4g}, found all within "
            f"{data.low:.4g}..{data.high:.4g}, which is what normalising twice gives. Give the data before "
            "normalisation, or do not apply the card's scale, mean and std again"
        )


def _require_different(seen: Mapping[str, _Seen], count: int) -> None:
    if count > 1 and seen and all(data.apart <= ALIKE * (data.high - data.low) for data in seen.values()):
        most = max(data.apart / (data.high - data.low) for data in seen.values())
        raise CalibrationError(
            f"expected different calibration samples, found {count} that are all alike (they differ by at most "
            f"{most:.2g} of the data's range). Give different recordings or pictures, not one repeated"
        )


def _doubts(seen: Mapping[str, _Seen], count: int) -> list[str]:
    doubts = []
    if count < FEW:
        doubts.append(
            f"only {count} calibration samples; ranges may be too narrow for other data. Give at least {FEW}"
        )
    copies = min((data.copies for data in seen.values()), default=0)
    if count > 1 and copies > count // 2:
        doubts.append(
            f"{copies} of {count} calibration samples are copies of the first: they add nothing. Give different ones"
        )
    return doubts
