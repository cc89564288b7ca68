"""What each part of a bundle is fed with while the whole bundle runs: data that the part is calibrated and gated on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgemm.card.model_card import ModelCard
from edgemm.converters.sample_arrays import Sample, spread
from edgemm.errors import CardError, InputError
from edgemm.judge.items import Item
from edgemm.tasks.driver import WholeSession

if TYPE_CHECKING:
    from edgemm.model.bundle import BundleModel

MAX_BYTES = 512 << 20
"""Of one part's samples in memory."""
GREEDY: Mapping[str, Any] = {"beams": 1, "n_best": 1, "search": "greedy", "partial": False}
"""Options of drivers with which one text is followed at a time."""
Shape = tuple[int, ...]
Sizes = Mapping[str, Mapping[str, Shape]]
"""Role -> name of an input -> the sizes that it is to have."""


@dataclass(slots=True)
class Seen:
    """Of one part."""

    samples: list[Sample] = field(default_factory=list)
    """Name of an input -> array, as its source file takes them; those of states and of what is held too."""
    shapes: dict[str, set[Shape]] = field(default_factory=dict)
    """Name of an input -> shapes that it was fed with."""
    steps: int = 0
    _stride: int = 1

    def take(self, sample: Callable[[], Sample], limit: int) -> None:
        """The next step; evenly over all steps, no more are kept than twice the limit."""
        self.steps += 1
        if (self.steps - 1) % self._stride:
            return
        self.samples.append(sample())
        size = sum(each.nbytes for each in self.samples[-1].values())
        if len(self.samples) >= 2 * max(1, min(limit, MAX_BYTES // (2 * max(size, 1)))):
            self.samples = self.samples[::2]
            self._stride *= 2


class RecordedPart:
    """A part, and a record of what it is fed with. Has all that a `Part` has."""

    def __init__(
        self, part: Any, card: ModelCard, sizes: Mapping[str, Shape], seen: Seen, limit: int
    ) -> None:
        """Args:
        part: closed with it.
        card: of the part, which names its states.
        sizes: what the driver is told of inputs that the file leaves open.
        seen: filled.
        limit: most samples.
        """
        self._part, self._seen, self._limit = part, seen, limit
        self._specs = {spec.name: spec for spec in part.inputs}
        self.inputs = tuple(
            replace(spec, shape=tuple(sizes[spec.name])) if spec.name in sizes else spec
            for spec in part.inputs
        )
        self._stateful = bool(card.states)
        self._held: dict[str, npt.NDArray[Any]] = {}

    def specs(self, signature: str = "") -> Any:
        """See `Part.specs`."""
        inputs, outputs = self._part.specs(signature)
        return inputs if len(self._part.signatures) > 1 else self.inputs, outputs

    def step(self, feeds: Mapping[str, npt.NDArray[Any]], *more: Any) -> Any:
        """See `Part.step`."""
        fed = {**self._held, **feeds}
        for name, each in fed.items():
            self._seen.shapes.setdefault(name, set()).add(np.shape(each))
        self._seen.take(lambda: self._sample(fed), self._limit)
        return self._part.step(feeds, *more)

    def hold(self, feeds: Mapping[str, npt.NDArray[Any]]) -> None:
        """See `Part.hold`."""
        self._part.hold(feeds)
        self._held |= {name: np.array(each) for name, each in feeds.items()}

    def reset(self, names: Any = None) -> None:
        """See `Part.reset`."""
        self._part.reset(names)
        if names is None:
            self._held.clear()

    def _sample(self, fed: Mapping[str, npt.NDArray[Any]]) -> Sample:
        sample = {name: np.array(each, self._specs[name].dtype) for name, each in fed.items()}
        return {**sample, **self._part.states()} if self._stateful else sample

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)


def record(
    model: BundleModel,
    items: Sequence[Item],
    roles: Sequence[str],
    sizes: Sizes,
    limit: int,
    tick: Callable[[int, int], None],
) -> dict[str, Seen]:
    """Runs the bundle on the items, and records what these parts are fed with.

    Args:
        model: the source.
        roles: of the parts that are recorded.
        sizes: see `RecordedPart`.
        limit: most samples of a part.
        tick: called with (done, total).

    Raises:
        InputError: an item that the bundle cannot answer to; says which.
    """
    found = {role: Seen() for role in roles}

    def around(role: str, part: Any) -> Any:
        if role not in found:
            return part
        return RecordedPart(part, model.models[role].card, sizes.get(role, {}), found[role], limit)

    with closing(followed(model, around)) as session:
        for number, item in enumerate(items):
            tick(number, len(items))
            session.reset()
            answered(session, model, item)
    for seen in found.values():
        seen.samples = list(spread(seen.samples, limit))
    return found


def answered(session: WholeSession, model: BundleModel, item: Item) -> Any:
    """What a session answers to an item.

    Raises:
        InputError: it is not what the bundle takes; says which item.
    """
    try:
        return session.whole(model.as_item(item.read()))
    except InputError as error:
        raise InputError(f"{item.name}: {error}") from error


def followed(model: BundleModel, around: Callable[[str, Any], Any]) -> WholeSession:
    """A session that follows one text at a time where its driver has options for that; close it.

    Args:
        around: see `BundleModel.watched`.
    """
    names = getattr(model.card.recipe, "OPTIONS", ())
    try:
        return model.watched(around, **{name: value for name, value in GREEDY.items() if name in names})
    except (CardError, InputError):  # other settings need several texts, as hot words do
        return model.watched(around)
