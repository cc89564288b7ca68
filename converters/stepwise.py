"""Models that take a few steps of a sequence and their state, compared with the whole sequence and calibrated on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.card import InputCard, ModelCard, OutputCard, StatePair
from edgemm.converters.measure import worst_error
from edgemm.converters.sample_arrays import kind_of, read_arrays, require_numbers, typed
from edgemm.converters.samples import Sample, Samples, load_samples
from edgemm.errors import ConversionError, EdgemmError, InputError
from edgemm.quantize.reference import Reference
from edgemm.tensors import TensorSpec

MAX_ERROR = 1e-4
"""Of an output's range, between both ways in float."""
MOST = 4096
"""Windows of a folder that are read."""
ROUNDS = 2
"""Calls whose steps the whole sequence of the check has."""

NOT_CHECKED = (
    "stepwise: not held against the whole sequence, for the source's sizes are fixed; what takes a mean or a choice "
    "over several steps would differ"
)

Array = npt.NDArray[Any]


def with_states(card: ModelCard, pairs: Sequence[StatePair], inputs: int, outputs: int) -> ModelCard:
    """The card with the new states, and entries for their tensors where it describes the others.

    Args:
        inputs: how many the model had before.
        outputs: likewise.
    """
    ins, outs = card.inputs, card.outputs
    if len(ins) == inputs:
        ins = (*ins, *(InputCard(pair.input) for pair in pairs))
    if len(outs) == outputs:
        outs = (*outs, *(OutputCard(pair.output) for pair in pairs))
    return card.with_(inputs=ins, outputs=outs, states=(*card.states, *pairs))


def in_steps(card: ModelCard, steps: int) -> ModelCard:
    """The card of a model that takes so many frames of sound in a call: the calls follow each other without overlap,
    whatever windows the card has for the whole sequence."""
    entry = card.inputs[0] if len(card.inputs) == 1 else None
    if (
        entry is None
        or entry.audio is None
        or entry.audio.feature == "waveform"
        or entry.audio.padding != "none"
    ):
        return card
    audio = replace(entry.audio, frames=steps, stride=steps * entry.audio.hop)
    if audio == entry.audio:
        return card
    return card.with_(
        inputs=(replace(entry, audio=audio, shape=()),),
        outputs=tuple(replace(each, shape=()) for each in card.outputs),
    )


class StepRunner:
    """The float graph of a step, with the state that it left."""

    def __init__(self, model: ir.Model, pairs: Sequence[StatePair]) -> None:
        self._reference = Reference(model)
        self._pairs = pairs
        names = {pair.input for pair in pairs}
        self._zeros = {
            str(value.name): np.zeros(value.shape.numpy(), value.dtype.numpy())
            for value in model.graph.inputs
            if value.name in names and value.shape is not None and value.dtype is not None
        }
        self.state: dict[str, Array] = dict(self._zeros)

    def reset(self) -> None:
        """Zeros."""
        self.state = dict(self._zeros)

    def run(self, sample: Sample) -> dict[str, Array]:
        """All outputs of the next step."""
        found = self._reference.run({**sample, **self.state})
        self.state = {pair.input: found[pair.output] for pair in self._pairs}
        return found


def load_sequences(
    data: Any, spec: TensorSpec, card: InputCard, axis: int, option: str = "--calibrate"
) -> list[Sample]:
    """Calibration data of any number of steps.

    Args:
        data: as for `load_samples`; of a folder, every window is a call, and goes on where the one before it ended.
        spec: the input of the model.
        axis: that of time.
        option: what the data was given as, for messages.

    Raises:
        InputError: nothing usable there, or another shape than the input's in what is not time.
    """
    if isinstance(data, str | Path):
        path = Path(data)
        if kind_of(path, option) != "arrays":
            return list(load_samples(data, (spec,), (card,), limit=MOST, option=option, strides=1).inputs)
        data = read_arrays(path, (spec,), option)[0][spec.name]
    if isinstance(data, Mapping | bytes | bytearray):
        raise InputError(
            f"{option}: expected a sequence with one array or dictionary for each sequence, found {type(data).__name__}"
        )
    try:
        arrays = [np.asarray(each[spec.name] if isinstance(each, Mapping) else each) for each in data]
    except (TypeError, ValueError, KeyError) as error:
        raise InputError(
            f"{option}: expected sequences for input {spec.name!r}, as arrays or dictionaries of its name ({error!r})"
        ) from error
    if not arrays:
        raise InputError(f"{option}: expected sequences for input {spec.name!r}, found none")
    return [{spec.name: _fit(array, spec, axis, option)} for array in arrays]


def _fit(array: Array, spec: TensorSpec, axis: int, option: str) -> Array:
    require_numbers(array, spec, option)
    whole = array[None] if axis and array.ndim == len(spec.shape) - 1 else array
    sizes = [size for at, size in enumerate(whole.shape) if at != axis]
    wanted = [size for at, size in enumerate(spec.shape) if at != axis]
    if sizes != wanted:
        raise InputError(
            f"{option}, input {spec.name!r}: expected sequences of shape {list(spec.shape)} with any size "
            f"in dimension {axis}, found {list(array.shape)}"
        )
    return np.ascontiguousarray(typed(whole, spec, option))


def steps_of(array: Array, steps: int, axis: int) -> list[Array]:
    """A sequence in parts of so many steps; a rest that fills no part is left out."""
    count = array.shape[axis] // steps
    kept = array.take(range(count * steps), axis=axis)
    return np.split(kept, count, axis=axis) if count else []


def run_along(
    model: ir.Model,
    pairs: Sequence[StatePair],
    sequences: Sequence[Sample],
    axis: int,
    limit: int,
    option: str = "noise",
) -> Samples:
    """Samples of one call each, with the states that the float model has there.

    Args:
        sequences: of any number of steps. One of a single call goes on where the one before it ended, a longer one
            starts from zeros.
        axis: that of time.
        limit: at most so many calls, spread evenly.
        option: what the data was given as, for messages.

    Raises:
        InputError: a sequence is shorter than one call.
    """
    runner = StepRunner(model, pairs)
    sizes = {str(value.name): value.shape.numpy() for value in model.graph.inputs if value.shape is not None}
    found: list[Sample] = []
    for sequence in sequences:
        name, array = next(iter(sequence.items()))
        parts = steps_of(array, int(sizes[name][axis]), axis)
        if not parts:
            raise InputError(
                f"{option}, input {name!r}: expected sequences of at least one call, {sizes[name][axis]} steps, found "
                f"{array.shape[axis]}. Remove the short ones"
            )
        if len(parts) > 1:
            runner.reset()
        for part in parts:
            found.append({name: part, **runner.state})
            runner.run({name: part})
    chosen = np.unique(np.linspace(0, len(found) - 1, min(limit, len(found))).astype(int))
    return Samples(tuple(found[index] for index in chosen))


def check_whole(model: ir.Model, pairs: Sequence[StatePair], whole: Callable[[], ir.Model], axis: int) -> str:
    """Holds the calls one after the other against the sequence at once, on seeded noise.

    Args:
        whole: makes the canonical graph that takes ROUNDS times the steps; an error of its own means that the source
            cannot be made for other sizes.

    Returns:
        "" when both agree; else a note that it could not be checked.

    Raises:
        ConversionError: they differ.
    """
    try:
        at_once = Reference(whole())
    except EdgemmError:
        return NOT_CHECKED
    source = model.graph.inputs[0]
    if source.shape is None or source.dtype is None:
        return NOT_CHECKED
    shape = list(source.shape.numpy())
    steps = int(shape[axis])
    shape[axis] *= ROUNDS
    noise = np.random.default_rng(0).standard_normal(shape)
    sequence = (np.abs(noise) if source.dtype != ir.DataType.FLOAT else noise).astype(source.dtype.numpy())
    runner = StepRunner(model, pairs)
    calls = [runner.run({str(source.name): part}) for part in steps_of(sequence, steps, axis)]
    for name, truth in at_once.run({at_once.inputs[0]: sequence}).items():
        error, spread = worst_error(truth, _joined([call[name] for call in calls], truth.shape))
        if not error <= MAX_ERROR * spread:
            raise ConversionError(
                f"output {name!r}: step by step it differs from the whole sequence by {error:.3g} on a range of "
                f"{spread:.3g}. Something in the model mixes steps (a mean, a choice, attention): convert it whole"
            )
    return ""


def _joined(parts: Sequence[Array], shape: tuple[int, ...]) -> Array:
    """The calls' outputs as the whole sequence gives them: along the axis that is longer there, else the last one."""
    longer = [axis for axis, size in enumerate(shape) if size != parts[0].shape[axis]]
    return np.concatenate(parts, axis=longer[0]) if longer else parts[-1]
