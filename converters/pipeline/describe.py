"""Describes the file: its card and goldens."""

from __future__ import annotations

from edgemm.converters.aware.held import notes_of
from edgemm.converters.aware.source import TrainedSource
from edgemm.converters.describe import describe as described
from edgemm.converters.golden import make_goldens
from edgemm.converters.pipeline.work import Work

UNTRAINED = "weights and ranges are those before training"


def describe(work: Work) -> None:
    """Card and goldens of what was written."""
    work.goldens = make_goldens(work.written, work.judged_on, work.plan.scheme)
    if work.goldens is None:
        work.notes.append("no goldens: one input is larger than 256 KB, or the answers are not finite")
    work.notes += work.fidelity.notes
    source = work.options.source
    if isinstance(source, TrainedSource):
        work.notes += (
            notes_of(source, work.written, work.plan, work.judged_on) if source.trained else [UNTRAINED]
        )
    work.card = described(work.prepared, work.written, work.plan, work.fidelity, work.repaired)
    if isinstance(source, TrainedSource) and source.trained:
        trained = {"training": "quantization-aware", "compared_with": "the float model before training"}
        work.card = work.card.with_(quantization={**work.card.quantization, **trained})
