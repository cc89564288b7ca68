"""In which order the channels of a group are best removed.

Channels go one by one, each time the one whose absence the layers behind it notice least once they are compensated:
Optimal Brain Surgeon (Hassibi and Stork, 1993) for whole channels, on the second moments of what those layers read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgemm.quantize.prune.graph.features import Consumer
from edgemm.quantize.prune.graph.groups import Group
from edgemm.quantize.prune.graph.moments import Matrix

RIDGE = 1e-3
"""Of the mean power of a feature, so that what calibration data have never shown costs something."""
STEPS = 96
"""A group of more channels loses several at a time."""


@dataclass(slots=True, eq=False)
class Reader:
    """A layer behind a group: its matrix as channels go, and the inverse of its features' covariance."""

    consumer: Consumer
    matrix: Matrix
    inverse: Matrix
    power: float
    """Of its output: errors are fractions of it."""
    features: dict[int, npt.NDArray[np.int64]]
    """Channel -> its places among the features."""

    @classmethod
    def of(
        cls, consumer: Consumer, matrix: Matrix, covariance: Matrix, roots: npt.NDArray[np.int64]
    ) -> Reader:
        """Of a layer whose inputs are channels `roots`."""
        power = float(np.einsum("ij,jk,ik->", matrix, covariance, matrix, optimize=True))
        ridge = RIDGE * max(float(np.trace(covariance)) / len(covariance), 1e-30)
        inverse = np.asarray(np.linalg.inv(covariance + ridge * np.eye(len(covariance))), np.float64)
        taps = np.arange(len(covariance)).reshape(len(roots), -1)
        places = {int(root): taps[roots == root].reshape(-1) for root in np.unique(roots)}
        return cls(consumer, matrix.copy(), inverse, max(power, 1e-30), places)

    def costs(self, columns: Sequence[int]) -> npt.NDArray[np.float64]:
        """What removing each of these would add to the error, the layer compensated."""
        costs = np.zeros(len(columns))
        by_size: dict[int, list[int]] = {}
        for index, column in enumerate(columns):
            if column in self.features:
                by_size.setdefault(len(self.features[column]), []).append(index)
        for indices in by_size.values():
            places = np.stack([self.features[columns[index]] for index in indices])
            block = self.inverse[places[:, :, None], places[:, None, :]]
            weight = self.matrix[:, places].transpose(1, 2, 0)  # [columns, features, rows]
            costs[indices] = np.einsum("nfr,nfr->n", weight, np.linalg.solve(block, weight)) / self.power
        return costs

    def remove(self, columns: Sequence[int]) -> None:
        """Takes channels out, and compensates."""
        known = [self.features[each] for each in columns if each in self.features]
        if not known:
            return
        gone = np.concatenate(known)
        block = self.inverse[np.ix_(gone, gone)]
        share = np.linalg.solve(block, self.inverse[gone])
        self.matrix -= self.matrix[:, gone] @ share
        self.inverse -= self.inverse[:, gone] @ share
        self.matrix[:, gone] = 0.0


class Spare:
    """How many channels each part of a group can still lose: the last one of a part stays."""

    def __init__(self, group: Group) -> None:
        self._left = [len(part) for part in group.parts]
        self._parts: dict[int, list[int]] = {}
        for index, part in enumerate(group.parts):
            for column in part:
                self._parts.setdefault(column, []).append(index)

    def first(self, order: Sequence[int], columns: Sequence[int], most: int) -> list[int]:
        """The first places of `order` whose columns may go, at most so many; they count as gone."""
        found: list[int] = []
        for place in order:
            parts = self._parts.get(columns[place], [])
            if len(found) < most and all(self._left[part] > 1 for part in parts):
                found.append(place)
                for part in parts:
                    self._left[part] -= 1
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """The order in which the channels of a group go."""

    group: Group
    order: tuple[int, ...]
    """Channels, the one that goes first first; the last ones always stay."""
    errors: npt.NDArray[np.float64]
    """[i]: error of the layers behind, as a fraction of their output's power, with the first i gone."""


def rank(group: Group, readers: Sequence[Reader], least: int) -> Ranking:
    """Removes one channel after the other.

    Args:
        least: channels that stay.
    """
    left, spare = group.columns.tolist(), Spare(group)
    errors, order = [0.0], []
    at_once = -(-len(left) // STEPS)
    while len(left) > least:
        costs = np.zeros(len(left))
        for reader in readers:
            costs += reader.costs(left)
        most = min(at_once, len(left) - least)
        chosen = spare.first([int(index) for index in np.argsort(costs, kind="stable")], left, most)
        if not chosen:
            break
        columns = [left[index] for index in chosen]
        for index in chosen:
            errors.append(errors[-1] + max(float(costs[index]), 0.0))
        order += columns
        left = [each for each in left if each not in set(columns)]
        for reader in readers:
            reader.remove(columns)
    return Ranking(group, tuple(order), np.array(errors))


def rank_by_norm(group: Group, norms: Mapping[int, float], least: int) -> Ranking:
    """By the absolute sum of the weights that make each channel, smallest first: what compensation is compared with."""
    whole = sorted(group.columns.tolist(), key=lambda column: norms.get(column, 0.0))
    chosen = Spare(group).first(list(range(len(whole))), whole, max(len(whole) - least, 0))
    order = [whole[index] for index in chosen]
    return Ranking(group, tuple(order), np.arange(len(order) + 1) / max(len(group.columns), 1))
