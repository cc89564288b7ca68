"""The data that a conversion is calibrated and measured on: the caller's, or seeded noise where there are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.card import ImageRecipe, ModelCard
from edgemm.converters.prepare import Prepared
from edgemm.converters.recordings import has_recordings, load_recordings
from edgemm.converters.sample_truths import has_truths, load_truths
from edgemm.converters.samples import Sample, Samples, load_samples
from edgemm.converters.stepwise import load_sequences, run_along
from edgemm.errors import CalibrationError, InputError
from edgemm.media import Seed
from edgemm.preprocess.latents import Latents
from edgemm.quantize.grid import Range
from edgemm.quantize.visible import is_mask
from edgemm.tasks.masks import context_of
from edgemm.tasks.picture.tiling import tiling_of

NOISE_SAMPLES = 8
NOISE = "no data: fidelity was measured on seeded noise; give --calibrate or --evaluate for a figure that means more"


def load_data(data: Any, prepared: Prepared, limit: int, option: str = "--calibrate") -> Samples | None:
    """The data given to `convert`, as inputs of the model; None where none were given."""
    if data is None:
        return None
    if isinstance(data, str | Path) and str(data).startswith("seed:"):
        return _of_seeds(str(data), prepared, limit, option)
    axis = prepared.time_axis
    if option == "--evaluate" and has_recordings(data, prepared.card):
        return load_recordings(data, prepared, limit, option)
    if option == "--evaluate" and axis is None and has_truths(data, prepared.card):
        return load_truths(data, prepared.card, prepared.inputs, limit, option)
    if axis is not None:
        sequences = load_sequences(data, prepared.inputs[0], prepared.card.inputs[0], axis, option)
        _require_finite(sequences, prepared, option)
        return run_along(prepared.model, prepared.card.states, sequences, axis, limit, option)
    found = load_samples(
        data,
        prepared.inputs,
        prepared.card.inputs,
        classes=prepared.card.labels,
        limit=limit,
        option=option,
        files=prepared.card.files,
        tiling=tiling_of(prepared.card),
    )
    _require_finite(found.inputs, prepared, option)
    if option == "--evaluate" and prepared.card.task == "embedding" and found.labels is not None:
        # who it is, for the equal error rate: sub-folders are speakers
        found = replace(found, truths=tuple(partial(str, int(each)) for each in found.labels))
    return _with_masks(found, prepared)


def _of_seeds(name: str, prepared: Prepared, limit: int, option: str) -> Samples:
    """What the card of a generator says is drawn for each seed.

    Raises:
        InputError: the model is no generator, or these are no seeds.
    """
    from edgemm.capture import open_source

    latents = Latents(prepared.card.inputs, prepared.inputs, prepared.card.labels)
    if any(each.latent is None for each in prepared.card.inputs) or not prepared.card.inputs:
        raise InputError(
            f"{option} {name}: seeds serve a generator, whose card says for each input what it is drawn from (`latent`)"
        )
    inputs: list[Sample] = []
    seeds: list[str] = []
    with open_source(name) as source:
        while len(inputs) < limit and isinstance(item := source.read(), Seed):
            drawn = latents.drawn(item.seed, item.label)
            seeds.append(f"seed {item.seed}")
            inputs.append({prepared.inputs[at].name: array for at, array in drawn})
    return Samples(tuple(inputs), names=tuple(seeds))


def _with_masks(samples: Samples, prepared: Prepared) -> Samples:
    """With the tokens that there are in each, where the card says which input tells them."""
    if all(each.role != "mask" for each in prepared.card.inputs):
        return samples
    cards, specs = prepared.card.inputs, prepared.inputs
    return replace(samples, contexts=tuple(context_of(each, cards, specs) for each in samples.inputs))


def _require_finite(samples: Sequence[Sample], prepared: Prepared, option: str) -> None:
    """Refuses NaN and infinity, except negative infinity in a mask.

    Raises:
        CalibrationError: there are some.
    """
    masks = {str(value.name) for value in prepared.model.graph.inputs if is_mask(value)}
    for index, sample in enumerate(samples):
        for name, array in sample.items():
            hidden = np.isneginf(array) if name in masks and array.dtype.kind == "f" else False
            bad = int(np.sum(~(np.isfinite(array) | hidden)))
            if bad:
                raise CalibrationError(
                    f"{option}: sample {index}, input {name!r}: expected finite numbers, found {bad} NaN or infinite "
                    f"of {array.size}. Remove the sample, or repair what made it"
                )


def noise(prepared: Prepared) -> Samples:
    """Seeded random inputs, where no data were given.

    Whole numbers and truth values of the first sample are those that the source came with. Such as are drawn have no
    row of zeros along their last dimension: a mask that hides everything has no answer that runtimes agree on.
    """
    generator = np.random.default_rng(0)
    bounds, divisors = input_ranges(prepared.card), _divisors(prepared.source or prepared.model)
    axis, inputs = prepared.time_axis, []
    for number in range(NOISE_SAMPLES):
        sample = {}
        for spec in prepared.inputs if axis is None else prepared.inputs[:1]:
            array: npt.NDArray[Any] = generator.standard_normal(spec.shape)
            if spec.name in bounds:
                array = generator.uniform(bounds[spec.name].low, bounds[spec.name].high, spec.shape)
            elif np.dtype(spec.dtype).kind != "f":
                array = _some(array > 0) + int(spec.name in divisors)
                array = prepared.examples.get(spec.name, array) if number == 0 else array
            sample[spec.name] = array.astype(spec.dtype)
        inputs.append(sample)
    if axis is not None:
        return run_along(prepared.model, prepared.card.states, inputs, axis, NOISE_SAMPLES)
    return Samples(tuple(inputs))


def _some(drawn: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same, with the first one of a row True where none is."""
    if drawn.ndim and drawn.shape[-1] > 1:
        drawn[..., 0] |= ~drawn.any(axis=-1)
    return drawn


def _divisors(model: ir.Model) -> set[str]:
    """Names of inputs of whole numbers by which something is divided: runtimes refuse to divide by 0."""
    found: set[ir.Value | None] = set()
    waiting = [node.inputs[1] for node in model.graph if node.op_type in ("Div", "Mod")]
    while waiting:
        value = waiting.pop()
        if value is not None and value not in found and value.dtype is not None and value.dtype.is_integer():
            found.add(value)
            node = value.producer()
            waiting += list(node.inputs) if node is not None else []
    return {str(each.name) for each in model.graph.inputs if each in found}


def input_ranges(card: ModelCard) -> dict[str, Range]:
    """What the card's preprocessing can produce, where that has hard limits: pictures."""
    ranges = {}
    for entry in card.inputs:
        if entry.image is not None:
            low, high = image_bounds(entry.image)
            ranges[entry.name] = Range(low, high)
    return ranges


def image_bounds(recipe: ImageRecipe) -> tuple[float, float]:
    """The smallest and largest value that the recipe makes of a pixel."""
    mean, std = np.asarray(recipe.mean), np.asarray(recipe.std)
    ends = np.stack([(0.0 * recipe.scale - mean) / std, (255.0 * recipe.scale - mean) / std])
    return float(ends.min()), float(ends.max())
