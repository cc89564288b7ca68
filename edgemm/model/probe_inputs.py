"""What the probe feeds a model: zeros, and seeded values such as real inputs have.

Zeros alone find little: a loop that runs as often as an input says, or a tensor as large as an input says, does
nothing on zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.tensors import TensorSpec

Arrays = Mapping[str, npt.NDArray[Any]]
Fill = Callable[[np.random.Generator, TensorSpec], npt.NDArray[Any]]


def _small(rng: np.random.Generator, spec: TensorSpec) -> npt.NDArray[Any]:
    """Prepared pictures and sound in [-1, 1], indices of any vocabulary, positive counts."""
    dtype = np.dtype(spec.dtype)
    if spec.quantized:
        return _whole_range(rng, spec)
    if dtype.kind in "iu":
        return rng.integers(1, 10, spec.shape).astype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, spec.shape).astype(dtype)
    return rng.uniform(-1, 1, spec.shape).astype(dtype)


def _large(rng: np.random.Generator, spec: TensorSpec) -> npt.NDArray[Any]:
    """Raw pixels, samples of 16 bits, indices of a large vocabulary."""
    dtype = np.dtype(spec.dtype)
    if spec.quantized or dtype.itemsize == 1:
        return _whole_range(rng, spec)
    if dtype.kind in "iu":
        return rng.integers(20_000, 32_000, spec.shape).astype(dtype)
    return rng.uniform(100, 255, spec.shape).astype(dtype)


def _whole_range(rng: np.random.Generator, spec: TensorSpec) -> npt.NDArray[Any]:
    dtype = np.dtype(spec.dtype)
    if dtype.kind not in "iu":
        return rng.integers(0, 2, spec.shape).astype(dtype)
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, spec.shape, dtype, endpoint=True)


def _ones(_: np.random.Generator, spec: TensorSpec) -> npt.NDArray[Any]:
    return np.ones(spec.shape, spec.dtype)


_FILLS: tuple[Fill, ...] = (_ones, _small, _large)


def seeded_inputs(specs: Sequence[TensorSpec]) -> list[dict[str, npt.NDArray[Any]]]:
    """Input name -> array, several times; the same for the same model."""
    rng = np.random.default_rng(11)
    return [{spec.name: fill(rng, spec) for spec in specs} for fill in _FILLS]


OPEN_SIZES = (1, 7, 64)
"""What stands for each open dimension but a batch, which is 1."""


def opened_inputs(specs: Sequence[TensorSpec]) -> Iterator[dict[str, npt.NDArray[Any]]]:
    """Input name -> array: seeded inputs with one size for all that is open, several times."""
    for size in OPEN_SIZES:
        yield seeded_inputs([replace(spec, shape=_closed(spec.shape, size)) for spec in specs])[1]


def _closed(shape: tuple[int, ...], size: int) -> tuple[int, ...]:
    last = len(shape) - 1
    return tuple(each if each != -1 else (1 if at == 0 and last else size) for at, each in enumerate(shape))
