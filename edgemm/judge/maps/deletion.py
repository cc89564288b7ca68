"""Whether a map means something: what a score does while the input is taken away, or shown, in the map's order.

Deletion: the most important places are hidden first, and the area under the score is small where the map is right.
Insertion: they are shown first, and it is large. (Petsiuk and others, 2018.) Neither means anything by itself: both
depend on the model. So they are compared with random maps that are as smooth as the map, on the same inputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.judge.maps.explain import CELLS, RUNS, as_item, explain
from edgemm.judge.maps.map import Map
from edgemm.judge.maps.methods import smooth
from edgemm.judge.maps.open_parts import parts_of
from edgemm.judge.maps.parts import Parts
from edgemm.judge.maps.question import Question, Target, question
from edgemm.model.model import Model

STEPS = 16
RANDOM_MAPS = 8
_RESAMPLED = 2000
_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Areas:
    """Areas under the score of the whole input's answer, 0..1, while it is hidden and shown in an order."""

    deletion: float
    """Smaller is better."""
    insertion: float
    """Larger is better."""


@dataclass(frozen=True, slots=True)
class MapScore:
    """What the maps of some inputs say, against random maps of the same inputs."""

    samples: int
    deletion: float
    """Mean area; 0..1, smaller is better."""
    random_deletion: float
    """The same of random maps."""
    insertion: float
    """Mean area; 0..1, larger is better."""
    random_insertion: float
    """The same of random maps."""
    deletion_margin: float
    """Random less own, the mean over the inputs: above 0 where the maps mean something."""
    deletion_interval: tuple[float, float]
    """95 % of the means of inputs drawn again have a margin in it."""
    insertion_margin: float
    """Own less random."""
    insertion_interval: tuple[float, float]

    @property
    def means_something(self) -> bool:
        """Both margins are above 0 with 97.5 % confidence."""
        return self.deletion_interval[0] > 0 and self.insertion_interval[0] > 0

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values."""
        return {
            **asdict(self),
            "deletion_interval": list(self.deletion_interval),
            "insertion_interval": list(self.insertion_interval),
            "means_something": self.means_something,
        }


def areas(parts: Parts, asked: Question, values: npt.NDArray[np.floating[Any]], steps: int = STEPS) -> Areas:
    """The two areas of one map.

    Args:
        values: float[shape of the parts].
        steps: shares of the input, of equal size, that are hidden and shown one after the other.
    """
    order = np.argsort(-values.reshape(-1), kind="stable")
    rank = np.empty(order.size, np.int64)
    rank[order] = np.arange(order.size)
    steps = min(steps, order.size)
    bounds = np.rint(np.linspace(0, order.size, steps + 1)).astype(int)[1:-1]
    ranks = rank.reshape(values.shape)
    nothing = asked.ask(parts.shown(np.zeros(values.shape, np.float32)))
    deleted = [asked.ask(parts.shown((ranks >= bound).astype(np.float32))) for bound in bounds]
    inserted = [asked.ask(parts.shown((ranks < bound).astype(np.float32))) for bound in bounds]
    return Areas(_area([asked.score, *deleted, nothing]), _area([nothing, *inserted, asked.score]))


def _area(scores: Sequence[float]) -> float:
    """Under straight lines between scores that are equally far apart, over 0..1."""
    return float(np.mean((np.asarray(scores[:-1]) + np.asarray(scores[1:])) / 2))


def random_map(
    generator: np.random.Generator, shape: Sequence[int], cells: int = CELLS
) -> npt.NDArray[np.float32]:
    """float32[shape]: as smooth as a map is, and of nothing."""
    return smooth(generator, shape, cells, lambda size: generator.normal(size=size))


def compare(
    model: Model,
    x: Any,
    found: Map,
    *,
    target: Target = None,
    sample_rate: int | None = None,
    seed: int = 0,
    cells: int = CELLS,
    randoms: int = RANDOM_MAPS,
    baseline: str = "",
) -> tuple[Areas, Areas]:
    """The areas of a map, and the mean ones of random maps, on the model that it is of or another.

    Args:
        found: a map of this input.
        target: what the map explains, where its label does not say it: the number of a box.
        seed: of the random maps.
        randoms: how many of them.
        baseline: as in `explain`.

    Raises:
        InputError: the map is of another input, or `randoms` is below 1.
    """
    if randoms < 1:
        raise InputError(f"randoms: expected 1 or more, found {randoms}")
    item = as_item(model, x, sample_rate)
    parts = parts_of(item, baseline)
    if parts.shape != found.values.shape:
        raise InputError(
            f"a map: expected one of this input, {list(parts.shape)}, found {list(found.values.shape)}"
        )
    asked = question(model, item, found.target if target is None else target)
    generator = np.random.default_rng(seed)
    try:
        own = areas(parts, asked, found.values)
        others = [areas(parts, asked, random_map(generator, parts.shape, cells)) for _ in range(randoms)]
    finally:
        asked.close()
    return own, Areas(
        float(np.mean([each.deletion for each in others])),
        float(np.mean([each.insertion for each in others])),
    )


def score_maps(
    model: Model,
    inputs: Iterable[Any],
    *,
    method: str = "masks",
    sample_rate: int | None = None,
    seed: int = 0,
    cells: int = CELLS,
    runs: int = RUNS,
    baseline: str = "",
    randoms: int = RANDOM_MAPS,
) -> MapScore:
    """Makes the map of each input, and holds it to random ones.

    Raises:
        InputError: there are less than two inputs; see `explain`.
    """
    pairs = []
    for at, x in enumerate(inputs):
        found = explain(
            model,
            x,
            method=method,
            seed=seed + at,
            sample_rate=sample_rate,
            cells=cells,
            runs=runs,
            baseline=baseline,
        )
        pairs.append(
            compare(
                model,
                x,
                found,
                sample_rate=sample_rate,
                seed=seed + at,
                cells=cells,
                randoms=randoms,
                baseline=baseline,
            )
        )
    return summed(pairs)


def summed(pairs: Sequence[tuple[Areas, Areas]]) -> MapScore:
    """The score of several maps.

    Args:
        pairs: of each map: its areas, and those of random maps of the same input.

    Raises:
        InputError: there are less than two.
    """
    if len(pairs) < 2:
        raise InputError(f"the score of maps: expected the maps of two inputs or more, found {len(pairs)}")
    table = np.array([(own.deletion, other.deletion, own.insertion, other.insertion) for own, other in pairs])
    deletion, random_deletion, insertion, random_insertion = table.mean(axis=0).tolist()
    lost, gained = table[:, 1] - table[:, 0], table[:, 2] - table[:, 3]
    return MapScore(
        len(pairs), deletion, random_deletion, insertion, random_insertion,
        float(lost.mean()), _interval(lost), float(gained.mean()), _interval(gained),
    )  # fmt: skip


def _interval(differences: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Of the mean, by drawing the inputs again."""
    generator = np.random.default_rng(0)
    drawn = generator.integers(0, len(differences), (_RESAMPLED, len(differences)))
    low, high = np.quantile(differences[drawn].mean(axis=1), [(1 - _CONFIDENCE) / 2, (1 + _CONFIDENCE) / 2])
    return float(low), float(high)


def agreement(one: Map, other: Map) -> float:
    """-1..1: the rank correlation (Spearman) of two maps of one input; 1 where both put its places in the same order.

    Raises:
        InputError: the maps are of different inputs.
    """
    if one.values.shape != other.values.shape:
        raise InputError(
            f"two maps: expected maps of one input, found {list(one.values.shape)} and {list(other.values.shape)}"
        )
    ranks = [_ranks(each.values.reshape(-1)) for each in (one, other)]
    spread = float(np.std(ranks[0]) * np.std(ranks[1]))
    if spread == 0:
        return 0.0
    return float(np.mean((ranks[0] - ranks[0].mean()) * (ranks[1] - ranks[1].mean())) / spread)


def _ranks(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Equal values share the mean of their ranks."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2.0)[which.reshape(-1)])
