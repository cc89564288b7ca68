"""Describes the file: its card and goldens."""

from __future__ import annotations

from edgemm.converters.aware.held import notes_of
from edgemm.converters.aware.source import TrainedSource
from edgemm.converters.describe import describe as described
from edgemm.converters.golden import make_goldens
from edgemm.converters.pipeline.work import Work


def describe(work: Work) -> None:
    """Card and goldens of what was written."""
    work.goldens = make_goldens(work.written, work.judged_on, work.plan.scheme)
    if work.goldens is None:
        work.notes.append("no goldens: one input is larger than 256 KB, or the answers are not finite")
    work.notes += work.fidelity.notes
    if isinstance(work.options.source, TrainedSource):
        work.notes += notes_of(work.options.source, work.written, work.plan, work.judged_on)
    work.card = described(work.prepared, work.written, work.plan, work.fidelity, work.repaired)
    if isinstance(work.options.source, TrainedSource):
        trained = {"training": "quantization-aware", "compared_with": "the float model before training"}
        work.card = work.card.with_(quantization={**work.card.quantization, **trained})
