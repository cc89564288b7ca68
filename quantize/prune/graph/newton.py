"""Nonlinear least squares for two layers: Gauss-Newton steps with damping (Levenberg and Marquardt), each found by
conjugate gradients. No labels: what is fitted is the output that the whole network had there.

Both layers are expressed in features that are scaled and rotated to be uncorrelated: so that few steps suffice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.quantize.prune.graph.pairs import PairRows, Places, joined
from edgemm.quantize.prune.graph.solve import as_good

RIDGE = 1e-3
"""Of the mean power of a feature."""
STEPS, INNER = 6, 8
"""Steps at most, and conjugate gradients for each."""
SMALLEST = 1e-7
"""Of the largest variance: what is smaller is the rounding of float32."""
ENOUGH = 0.998
"""A step that leaves more than this of the error on the judging rows is the last."""
Array = npt.NDArray[Any]
"""In float32."""
Layers = tuple[Array, Array, Array, Array]
"""Front matrix [channels, features] and bias, back matrix [results, channels * taps] and bias."""


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """Features around their means, uncorrelated and of power 1; where there are fewer rows than features, only those
    directions that the rows have."""

    mean: Array
    into: Array
    """[features, directions]."""
    back: Array
    """[features, directions], whose transpose leads back."""

    @classmethod
    def of(cls, rows: Array) -> Basis:
        """Of [rows, features]."""
        mean = rows.mean(axis=0)
        centered = rows - mean
        few = len(rows) < rows.shape[1]
        gram = (centered @ centered.T if few else centered.T @ centered) / np.float32(len(rows))
        values, vectors = np.linalg.eigh(gram.astype(np.float64))
        power = max(float(np.trace(gram)) / rows.shape[1], 1e-30)
        if few:
            there = values > SMALLEST * max(float(values[-1]), 1e-30)
            values = values[there]
            vectors = centered.T @ (vectors[:, there] / np.sqrt(values * len(rows)))
        scale = np.sqrt(np.maximum(values, 0.0) + RIDGE * power)
        return cls(mean, (vectors / scale).astype(np.float32), (vectors * scale).astype(np.float32))

    def enter(self, matrix: Array, bias: Array) -> tuple[Array, Array]:
        """A layer's matrix and bias in these features."""
        return matrix @ self.back, bias + matrix @ self.mean

    def moved(self, layer: tuple[Array, Array], step: tuple[Array, Array]) -> tuple[Array, Array]:
        """A layer's matrix and bias after a step that was found in these features."""
        change = step[0] @ self.into.T
        return layer[0] + change, layer[1] + step[1] - change @ self.mean


class Problem:
    """Two layers on rows of some samples."""

    def __init__(self, rows: PairRows, between: tuple[float, float], after: tuple[float, float]) -> None:
        self.front = joined(rows.front)
        self.taps: Places = np.concatenate(rows.taps)
        self.results = joined(rows.results)
        self.other = joined(rows.others) if rows.others else np.float32(0)
        self.between, self.after = between, after

    def features(self, front: Array, bias: Array, rows: Array | None = None) -> tuple[Array, Array]:
        """What the back layer reads, [rows, channels * taps], and where the limits between let a change through."""
        made = (self.front if rows is None else rows) @ front.T + bias
        low, high = self.between
        return self.spread(np.clip(made, low, high)), ((made > low) & (made < high)).astype(np.float32)

    def spread(self, made: Array) -> Array:
        """[places, channels] -> [rows, channels * taps]."""
        padded = np.concatenate([made, np.zeros((1, made.shape[1]), made.dtype)])
        return padded[self.taps].transpose(0, 2, 1).reshape(len(self.taps), -1)

    def gather(self, slopes: Array, channels: int) -> Array:
        """The transpose of `spread`."""
        found = np.zeros((len(self.front) + 1, channels), np.float32)
        parts = slopes.reshape(len(slopes), channels, -1)
        for tap in range(parts.shape[2]):  # the places of one tap are all different, but for the padding
            found[self.taps[:, tap]] += parts[:, :, tap]
        return found[:-1]

    def error(self, layers: Layers) -> float:
        """Mean square of what is off behind the limits."""
        made = self.features(layers[0], layers[1])[0] @ layers[2].T + layers[3] + self.other
        return float(np.mean((np.clip(made, *self.after) - np.clip(self.results, *self.after)) ** 2))


def improve(fitting: Problem, judging: Problem, layers: Layers) -> Layers:
    """The layers after some steps; those given where none helps on the judging rows."""
    one = Basis.of(fitting.front)
    two = Basis.of(fitting.features(layers[0], layers[1])[0])
    rows = (fitting.front - one.mean) @ one.into
    best, least, damping = layers, judging.error(layers), 1e-2
    for _ in range(STEPS):
        made = _moved(fitting, rows, one, two, best, damping)
        error = judging.error(made)
        if error >= least:
            damping *= 10.0
            continue
        enough = error > ENOUGH * least
        best, least, damping = made, error, damping / 3.0
        if enough:
            break
    return best


def _moved(problem: Problem, rows: Array, one: Basis, two: Basis, layers: Layers, damping: float) -> Layers:
    """One step."""
    front, front_bias = one.enter(layers[0], layers[1])
    back, back_bias = two.enter(layers[2], layers[3])
    features, slopes = problem.features(front, front_bias, rows)
    inner = (features - two.mean) @ two.into
    made = inner @ back.T + back_bias + problem.other
    missing = as_good(made, problem.results, problem.after) - made
    counts = (missing != 0.0).astype(np.float32)
    plain = layers[2]
    channels, scale = front.shape[0], np.float32(1.0 / len(inner))

    def forward(step: Layers) -> Array:
        change: Array = problem.spread(slopes * (rows @ step[0].T + step[1]))
        made: Array = (change @ plain.T + inner @ step[2].T + step[3]) * counts
        return made

    def backward(error: Array) -> Layers:
        behind = problem.gather(error @ plain, channels) * slopes
        return behind.T @ rows * scale, behind.sum(0) * scale, error.T @ inner * scale, error.sum(0) * scale

    step = _conjugate(lambda each: backward(forward(each)), backward(missing), damping)
    return (
        *one.moved((layers[0], layers[1]), (step[0], step[1])),
        *two.moved((layers[2], layers[3]), (step[2], step[3])),
    )


def _conjugate(product: Callable[[Layers], Layers], aim: Layers, damping: float) -> list[Array]:
    """Solves (product + damping) step = aim, nearly."""
    left: list[Array] = list(aim)
    along = list(left)
    step = [np.zeros_like(each) for each in left]
    power = _dot(left, left)
    for _ in range(INNER):
        if power <= 1e-30:
            break
        image = [each + damping * own for each, own in zip(product(tuple(along)), along, strict=True)]  # type: ignore[arg-type]
        size = np.float32(power / max(_dot(along, image), 1e-30))
        step = [each + size * own for each, own in zip(step, along, strict=True)]
        left = [each - size * own for each, own in zip(left, image, strict=True)]
        before, power = power, _dot(left, left)
        along = [each + np.float32(power / before) * own for each, own in zip(left, along, strict=True)]
    return step


def _dot(one: list[Array], other: list[Array]) -> float:
    return sum(float(np.vdot(left, right)) for left, right in zip(one, other, strict=True))
