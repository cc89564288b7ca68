"""The seam between a model's outputs and its results: what a task has to provide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from edgemm.results import Result
from edgemm.tasks.context import Context
from edgemm.tasks.outputs import Outputs
from edgemm.tensors import TensorSpec


class Recipe(Protocol):
    """A task's section of the card: a frozen, slotted dataclass; a docstring under each field.

    It has a field `extra: dict[str, Any]` for keys that are not known. Fields hold str, bool, int, float, Literal,
    tuples of these, and None.
    """

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]]
    """Field -> smallest and largest number."""
    OPTIONS: ClassVar[tuple[str, ...]]
    """Fields that a user may set at run time: arguments of `load` and `stream`, the command line, app files."""

    def check(self) -> None:
        """The rules between fields.

        Raises:
            CardError: one is broken; the message begins with the field's name and a colon.
        """


class Decoder(Protocol):
    """Reads results out of the outputs of one model. Keeps nothing of a stream: that is the state's.

    Exists so that a model, a stream and a chain need to know nothing of labels, thresholds and boxes.
    """

    def begin(self) -> Any:
        """The state of a new stream, or track; None where there is none."""

    def decode(self, outputs: Outputs, context: Context, state: Any) -> Iterable[Result]:
        """The results that one run completes, in coordinates and times of the source.

        Raises:
            ArtifactError: the model gave what cannot be decoded, such as NaN where scores are expected.
        """

    def end(self, context: Context, state: Any) -> Iterable[Result]:
        """What is still to be said when the stream ends, or before a gap."""

    def whole(self, windows: Sequence[Outputs], context: Context, stride_s: float) -> Result:
        """One result for one picture (one window), or for a recording.

        Args:
            windows: the outputs of each window, in order; of a recording each its own copy.
            context: of the whole input; `source_wh` (0, 0) for tensors that were given as they are.
            stride_s: seconds between the beginnings of two windows, where the model keeps a state from one to the
                next; 0: each stands for itself.
        """


@runtime_checkable
class HearsOut(Protocol):
    """A decoder that writes down all that is said: it needs every window of a recording, and silence behind the end.

    Exists so that a last word is not lost of which the end lies in a window that never fills, or that the model
    answers later than it hears. Optional.
    """

    tail_s: float
    """Seconds of silence that follow the end of a stream or a recording, and precede a gap."""


@runtime_checkable
class HearsSilence(Protocol):
    """A decoder whose results end with a silence of the sound itself, which is known before a model's windows tell it.

    Exists so that a final result does not wait for the window that the silence ends in. Optional.
    """

    silence_s: float
    """Seconds of silence after voice that the decoder is told of; 0: none."""

    def quiet(self, context: Context, state: Any) -> Iterable[Result]:
        """The results that end with a silence from `context.begin_s` to `context.end_s`; it may go on."""

    def joined(self, results: Sequence[Any]) -> Result:
        """One result for a recording, out of those that a stream of it gives."""


@runtime_checkable
class HearsLevels(Protocol):
    """A decoder that is told how loud the sound was lately: `Context.levels`.

    Exists so that words end where their sound does, of which a model's answers tell the middle. Optional.
    """

    by_level: bool
    """Whether it is told."""


@runtime_checkable
class HearsEveryWindow(Protocol):
    """A decoder that needs every window of a recording, each of which stands for itself, and no silence behind it.

    Exists so that labels are heard to the end of a sound, and nothing is heard that is not in it. Optional.
    """

    to_the_end: bool
    """The last window ends where the sound does, however little of it is new."""


@runtime_checkable
class MakesPictures(Protocol):
    """A decoder whose result is a picture made of the frame.

    Exists so that a session can make it of tiles, or of the frame's brightness, and knows no task. Optional.
    """

    luma: bool
    """The model is given the brightness of a frame, and gives that of the picture: its colours are the frame's."""
    tiles: bool
    """The frame is cut into tiles of the input's size."""
    margin: int
    """Pixels of the input along each side of a tile that do not count."""
    blend: int
    """Pixels of the input over which tiles go over into each other."""
    channels: int
    """Of the output: 3 or 1."""

    def factor_xy(self, tensor_wh: tuple[int, int]) -> tuple[int, int]:
        """Pixels of the output for each pixel of an input of this size, across and down.

        Raises:
            CardError: they are no whole numbers, or the tiles leave nothing between their margins.
        """

    def pixels(self, outputs: Outputs, out: npt.NDArray[np.uint8], state: Any) -> None:
        """Writes the whole output as pixels.

        Args:
            outputs: of one run.
            out: uint8[height, width, 3] RGB, or [height, width] where the model gives one channel.
            state: of `begin()`.

        Raises:
            ArtifactError: the model gave what is no picture.
        """


class TellsItsPoints(Protocol):
    """A decoder, or a driver, that knows how many key points each thing of its results has.

    Exists so that a chain refuses what names others when it is made, not when something is found. Optional.
    """

    key_points: int
    """0: none."""


class Task(Protocol):
    """One per name in the table of tasks (`edgemm.tasks.TASKS`), or from the entry point group "edgemm.tasks"."""

    name: ClassVar[str]
    """As in a card's `task`, and the key of its section there."""
    version: ClassVar[int]
    """Of the recipe: a card that asks for a later one is refused."""
    Recipe: ClassVar[type[Any]]
    """See `edgemm.tasks.decoder.Recipe`."""

    def open(self, card: Any, recipe: Any, outputs: Sequence[TensorSpec]) -> Decoder:
        """What decodes this model.

        Args:
            card: the `ModelCard`, with labels and what it says of each output.
            recipe: the card's section, options of the user already put in.
            outputs: of the file, in its order.

        Raises:
            CardError: card, recipe and outputs do not fit; says what was expected and what to do.
        """
