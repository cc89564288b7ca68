"""Reads the source: a canonical graph with its card, from whatever the caller has."""

from __future__ import annotations

from edgemm.converters.importers.outputs import require_elements
from edgemm.converters.options import Options
from edgemm.converters.pipeline.work import Work
from edgemm.converters.prepare import Prepared, prepare
from edgemm.errors import CardError
from edgemm.preprocess import compile_text
from edgemm.quantize.target import target
from edgemm.tasks import open_decoder

SCORED = ("classification", "keyword", "tagging")
"""Tasks whose outputs the card's labels belong to."""


def read(work: Work) -> None:
    """The first step."""
    options = work.options
    work.tell("reading")
    work.prepared = prepare(
        options.source,
        options.example_inputs,
        card=options.card,
        preset=options.preset,
        shapes=options.shapes,
        constants=options.constants,
        format_=options.format,
        time_axis=options.stepwise,
        keep_outputs=options.keep_outputs or not _judged(options),
        keep_scores=target(options.target).integer_only,
        cut=options.cut,
        limits=options.calibrate is not None and options.scheme in ("auto", "static", "mixed"),
    )
    require_elements(work.prepared.model)
    _require_readable(work.prepared)
    _require_vocabulary(work.prepared)
    work.notes += work.prepared.notes


def _judged(options: Options) -> bool:
    """Whether anything would show that outputs of another form are as good: data, or nothing that rounds."""
    return options.calibrate is not None or options.evaluate is not None or options.scheme == "float"


def _require_vocabulary(prepared: Prepared) -> None:
    """The vocabulary of a model of text is there, and has no id that the model has no embedding for.

    Raises:
        CardError: it is not, or has.
        MissingDependency: the package of the tokenizer is not installed.
    """
    if any(each.modality == "text" for each in prepared.card.inputs):
        compile_text(prepared.card.inputs, prepared.inputs, prepared.card.files)


def _require_readable(prepared: Prepared) -> None:
    """The card's labels fit the outputs, which is known before any work is done.

    Raises:
        CardError: they do not.
    """
    card = prepared.card
    if card.task not in SCORED or not card.labels:
        return
    try:
        open_decoder(card, prepared.outputs)
    except CardError as error:
        raise CardError(f"the card does not fit the model: {error}") from error
