"""The seam for tasks whose networks call each other: transducers, encoders with decoders, speech.

A driver stands in the table `edgemm.card.drivers.DRIVERS`, or in the entry point group "edgemm.drivers"; a bundle
(`edgemm.artifact.bundle`) names it. docs/bundles.md shows one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

from edgemm.media import Captured
from edgemm.results import Result
from edgemm.session import Session
from edgemm.tensors import TensorSpec

Modality = Literal["image", "audio", "text"]
Sizes = tuple[int | None, ...]
"""Of a tensor, in its order; None or -1 where any size will do."""


class Driver(Protocol):
    """A task over several parts. Exists so that a stream, a chain and an app use it as they use one model.

    Its session works in steps of one part each, looks between them whether it was cancelled
    (`edgemm.session.Cancellation`), and gives its results with the times of what they were made from.
    """

    name: ClassVar[str]
    """As in a bundle's `driver`, and the key of its section there."""
    task: ClassVar[str]
    """What a bundle of it is for where its `task` does not say."""
    roles: ClassVar[tuple[str, ...]]
    """Of its parts, such as "encoder", "decoder", "joiner"; each must be there."""
    optional: ClassVar[tuple[str, ...]]
    """Roles of parts that may be there."""
    assets: ClassVar[tuple[str, ...]]
    """Names of what else must be there, such as "tokens". A bundle may have more."""
    modality: ClassVar[Modality]
    """What its sessions are fed with."""
    Recipe: ClassVar[type[Any]]
    """The section of the bundle: a dataclass as those of tasks (`edgemm.tasks.decoder.Recipe`)."""

    def session(
        self, recipe: Any, parts: Mapping[str, Any], assets: Mapping[str, bytes], options: Mapping[str, Any]
    ) -> WholeSession:
        """The state of a new stream.

        Args:
            recipe: the section of the bundle, or its defaults; options of the user already put in.
            parts: role -> `edgemm.model.part.Part`, made for this session, which closes them in its `close()`.
            assets: name -> content.
            options: of the user, those that are no fields of the recipe.

        Raises:
            CardError: recipe, parts and assets do not fit; says what was expected and what to do.
        """


class WholeSession(Session, Protocol):
    """What a driver gives: a stream's state that also answers to one item alone."""

    def whole(self, item: Captured) -> Result:
        """The result of one item by itself: a whole recording, one text, one picture. It begins with a reset
        session, and may leave it as it likes."""


@dataclass(frozen=True, slots=True)
class Tensors:
    """The inputs and outputs that a driver uses of one part."""

    inputs: Mapping[str, Sizes | None] = field(default_factory=dict)
    """Name -> sizes; None where any shape will do. States and constants of the part's card need not be named."""
    outputs: Mapping[str, Sizes | None] = field(default_factory=dict)
    """Name -> sizes, likewise."""


@runtime_checkable
class KnowsItsTensors(Protocol):
    """A driver that says by which names and shapes it uses its parts.

    Exists so that a part of another model is refused when the bundle is opened, in a sentence that names it. Optional.
    """

    def tensors(self, recipe: Any) -> Mapping[str, Tensors]:
        """Role -> what it must have; of the parts that are there."""


@runtime_checkable
class TellsItsScores(Protocol):
    """A driver that decides by the scores of one part what it does next: which token it writes.

    Exists so that a converted part can be compared over the steps that its source takes: the driver is then given the
    source's scores. Optional.
    """

    def scores(self, recipe: Any) -> tuple[str, str]:
        """Role, and name of the output: [..., classes], a row for each step or place."""


@runtime_checkable
class RunsTheShortest(Protocol):
    """A driver that runs, of a part with several signatures, the shortest that what it was given fits in.

    Exists so that a bundle is converted to several lengths only where its driver chooses between them. Optional.
    """

    def lengths(self, recipe: Any) -> tuple[str, ...]:
        """Roles of the parts that it does so with."""


@runtime_checkable
class TellsItsSizes(Protocol):
    """A driver that feeds its parts with any sizes, where their files leave them open, and says which of them serve
    best where they are fixed.

    Exists so that a conversion does not take the largest that comes up in its data. Optional.
    """

    def sizes(
        self, recipe: Any, inputs: Mapping[str, tuple[TensorSpec, ...]]
    ) -> Mapping[str, Mapping[str, tuple[int, ...]]]:
        """Role -> name of an input -> its whole shape.

        Args:
            recipe: the section of the bundle.
            inputs: role -> the inputs of its file, -1 for what is open.
        """


def misfits(expected: Tensors, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]) -> str:
    """What a part lacks of what its driver expects, as a sentence without its end; "" where it fits."""
    for what, wanted, specs in (
        ("an input", expected.inputs, inputs),
        ("an output", expected.outputs, outputs),
    ):
        found = {spec.name: spec for spec in specs}
        for name, sizes in wanted.items():
            if name not in found:
                return f"expected {what} {name!r}, found {', '.join(map(repr, found)) or 'none'}"
            shape = found[name].shape
            if sizes is not None and not _alike(sizes, shape):
                told = ", ".join("any" if size is None else str(size) for size in sizes)
                return f"expected {what} {name!r} of shape [{told}], found {list(shape)}"
    return ""


def _alike(sizes: Sizes, shape: tuple[int, ...]) -> bool:
    """An open size of the file fits to every expected one."""
    return len(sizes) == len(shape) and all(
        size is None or size < 1 or size == there or there < 1
        for size, there in zip(sizes, shape, strict=True)
    )
