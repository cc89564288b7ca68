"""Texts as calibration and evaluation data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from edgemm.card import InputCard
from edgemm.converters.sample_arrays import Sample, Samples, spread
from edgemm.errors import InputError
from edgemm.judge.data.class_texts import LabelledText, read_class_texts, text_class
from edgemm.preprocess import compile_text
from edgemm.tensors import TensorSpec


def load_texts(
    path: Path,
    specs: Sequence[TensorSpec],
    cards: Sequence[InputCard],
    files: Mapping[str, bytes],
    *,
    classes: Sequence[str],
    limit: int,
    option: str,
) -> Samples:
    """The texts of a file as the model's inputs, and their classes where every one has one.

    Args:
        path: .txt: a text on each line. .jsonl: an object on each line. .csv, .tsv: a table whose first line names its
            columns. Columns: text (or sentence), pair, label.
        specs: the source model's inputs.
        cards: the card's inputs, by the same names.
        files: the card's vocabularies.
        classes: the card's labels.

    Raises:
        InputError: the file cannot be read, or the model does not take text; names the line.
    """
    where = f"{option} {path}"
    texts = read_class_texts(path, where)
    known = texts[0].label is not None
    numbers = [text_class(each, classes, where) for each in texts] if known else None
    chosen = spread(texts, limit)
    inputs = as_inputs(chosen, specs, cards, files, where)
    kept = None if numbers is None else np.array(spread(numbers, limit), np.int64)
    return Samples(inputs, kept, names=tuple(f"line {each.line}" for each in chosen))


def as_inputs(
    texts: Sequence[LabelledText],
    specs: Sequence[TensorSpec],
    cards: Sequence[InputCard],
    files: Mapping[str, bytes],
    where: str,
) -> tuple[Sample, ...]:
    """Texts through the card's own preprocessing.

    Raises:
        InputError: the model takes something else, or more than text; or a text cannot be taken.
    """
    if any(each.modality != "text" for each in cards) or len(cards) != len(specs):
        raise InputError(
            f"{where}: texts serve a model whose inputs the card all describes as text, with their roles. Give a card "
            "(--card), or an .npz of tensors"
        )
    prepare = compile_text(cards, specs, files)
    made: list[Sample] = []
    for each in texts:
        tensors = {spec.name: np.empty(spec.shape, spec.dtype) for spec in specs}
        try:
            prepare(each.text, each.pair, tensors.__getitem__)
        except InputError as error:
            raise InputError(f"{where}, line {each.line}: {error}") from error
        made.append(tensors)
    return tuple(made)
