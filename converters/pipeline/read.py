"""Reads the source: a canonical graph with its card, from whatever the caller has."""

from __future__ import annotations

from pathlib import Path

from edgemm.converters.importers.outputs import require_elements
from edgemm.converters.pipeline.work import Work
from edgemm.converters.prepare import prepare, prepare_tflite


def read(work: Work) -> None:
    """The first step."""
    options = work.options
    work.tell("reading")
    if options.from_tflite:
        work.prepared = prepare_tflite(Path(options.source), card=options.card, preset=options.preset)
    else:
        work.prepared = prepare(
            options.source,
            options.example_inputs,
            card=options.card,
            preset=options.preset,
            shapes=options.shapes,
            constants=options.constants,
            format_=options.format,
            time_axis=options.stepwise,
        )
    require_elements(work.prepared.model)
    work.notes += work.prepared.notes
