"""Recordings whose words are known: through the card's own preprocessing, and what the source hears in them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.card import ModelCard
from edgemm.converters.prepare import Prepared
from edgemm.converters.reference import Outputs
from edgemm.converters.sample_arrays import Recording, Samples, parts_of, spread
from edgemm.converters.stepwise import StepRunner, run_along
from edgemm.errors import InputError, SourceError
from edgemm.judge.data.transcripts import has_transcripts, read_transcripts
from edgemm.media import AudioBlock
from edgemm.quantize.reference import Reference
from edgemm.tasks import open_decoder
from edgemm.tasks.decoder import HearsOut
from edgemm.tensors import TensorSpec


def has_recordings(data: Any, card: ModelCard) -> bool:
    """The data are recordings with the words that are said in them, and the model writes words."""
    return card.task == "transcription" and isinstance(data, str | Path) and has_transcripts(Path(data))


def load_recordings(path: str | Path, prepared: Prepared, limit: int, option: str) -> Samples:
    """Every window of the recordings, and what is said in them.

    Args:
        limit: at most so many recordings, spread evenly over what is there.
        option: what the data was given as, for messages.

    Returns:
        At most `limit` of the windows as samples, with the states that the float model has there; and `recordings`.

    Raises:
        InputError: a recording or a text cannot be read, or the model does not take one input of sound.
    """
    card, axis = prepared.card, prepared.time_axis
    states = {pair.input for pair in card.states}
    mains = [
        (spec, entry)
        for spec, entry in zip(prepared.inputs, card.inputs, strict=True)
        if spec.name not in states
    ]
    if len(mains) != 1 or mains[0][1].audio is None or (states and axis is None):
        raise InputError(
            f"{option} {path}: recordings serve a model with one input of sound, whose card says how it is made, and "
            "without states or made stepwise (--stepwise) here. Give an .npz of tensors"
        )
    try:
        known = read_transcripts(Path(path))
    except InputError as error:
        raise InputError(f"{option}: {error}") from error
    spec = mains[0][0]
    decoder = open_decoder(card, prepared.outputs)
    tail_s = decoder.tail_s if isinstance(decoder, HearsOut) else 0.0
    recordings = tuple(
        Recording(tuple(_windows(each.recording, prepared, spec, tail_s, option)), each.text)
        for each in spread(known, limit)
    )
    if axis is None:
        windows = [{spec.name: window} for each in recordings for window in each.windows]
        names = [
            name
            for each, heard in zip(spread(known, limit), recordings, strict=True)
            for name in parts_of(each.recording.name, len(heard.windows))
        ]
        return Samples(spread(windows, limit), recordings=recordings, names=spread(names, limit))
    along = [{spec.name: np.concatenate(each.windows, axis)} for each in recordings]
    return Samples(
        run_along(prepared.model, card.states, along, axis, limit, option).inputs, recordings=recordings
    )


def _windows(
    file: Path, prepared: Prepared, spec: TensorSpec, tail_s: float, option: str
) -> Sequence[npt.NDArray[Any]]:
    from edgemm.capture import open_source
    from edgemm.preprocess import compile_audio

    entry = next(each for each in prepared.card.inputs if each.name == spec.name)
    heard: list[npt.NDArray[Any]] = []
    rate = 0
    try:
        with open_source(str(file)) as source:
            while isinstance(item := source.read(), AudioBlock):
                heard.append(item.samples)
                rate = item.sample_rate
    except SourceError as error:
        raise InputError(
            f"{option}: {file} cannot be read: {error}. Remove the file, or replace it"
        ) from error
    if not heard:
        raise InputError(f"{option}: {file} holds no sound. Remove the file, or replace it")
    window = compile_audio(entry, spec)
    return tuple(window.clip(np.concatenate(heard), rate, 1, tail_s=tail_s))


def source_hears(prepared: Prepared, recordings: Sequence[Recording]) -> list[list[Outputs]]:
    """What the source answers to each window of each recording, in their order."""
    if not recordings:
        return []
    name = next(spec.name for spec in prepared.inputs)
    if not prepared.card.states:
        reference = Reference(prepared.source or prepared.model)
        return [[dict(reference.run({name: window})) for window in each.windows] for each in recordings]
    runner, found = StepRunner(prepared.model, prepared.card.states), []
    for each in recordings:
        runner.reset()
        found.append([runner.run({name: window}) for window in each.windows])
    return found
