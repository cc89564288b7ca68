"""Describes the file: its card and goldens."""

from __future__ import annotations

from pathlib import Path

from edgemm.converters.aware.held import notes_of
from edgemm.converters.aware.source import TrainedSource
from edgemm.converters.describe import describe as described
from edgemm.converters.golden import make_goldens
from edgemm.converters.kept_metadata import keep_metadata
from edgemm.converters.pipeline.forms import INTEGER
from edgemm.converters.pipeline.used_data import samples_hash
from edgemm.converters.pipeline.work import Work

UNTRAINED = "weights and ranges are those before training"


GROWN = 1.05
"""Of the source's size: less is the description of tensors."""
TEXTS_KEPT = (
    "{} of the texts stand in the file as ids, for `edgemm verify`: whoever has the file can read them. Give texts "
    "that may be passed on"
)
LARGER = "card and goldens apart, the output is larger than its source ({size} bytes, {before} before): {why}"


def describe(work: Work) -> None:
    """Card and goldens of what was written."""
    keeping = keep_metadata(
        work.prepared.file,
        work.written,
        work.prepared.card,
        work.prepared.pieces,
        whole=work.prepared.whole,
    )
    work.written, work.associated = keeping.written, keeping.associated
    work.notes += keeping.notes
    work.goldens = make_goldens(work.written, work.judged_on, work.plan.scheme)
    if work.goldens is None:
        work.notes.append("no goldens: one input is larger than 256 KB, or the answers are not finite")
    elif not work.noise and any(each.modality == "text" for each in work.prepared.card.inputs):
        work.notes.append(TEXTS_KEPT.format(len(work.goldens.inputs)))
    work.notes += [*work.fidelity.notes, *_larger(work)]
    source = work.options.source
    if isinstance(source, TrainedSource):
        work.notes += (
            notes_of(source, work.written, work.plan, work.judged_on) if source.trained else [UNTRAINED]
        )
    work.card = described(work.prepared, work.written, work.plan, work.fidelity, work.repaired)
    if len(work.candidates) > 1:
        told = [each.to_card() for each in work.candidates]
        work.card = work.card.with_(quantization={**work.card.quantization, "candidates": told})
    if work.own_ranges is not None and work.plan.scheme in INTEGER:
        work.card = work.card.with_(
            quantization={**work.card.quantization, "ranges": "of the quantized source; no calibration data"}
        )
    if work.calibration_data is not None and work.plan.scheme in ("static", "mixed"):
        seen = work.calibration_data
        work.card = work.card.with_(
            quantization={
                **work.card.quantization,
                "calibration": {"samples": len(seen), "sha256": samples_hash(seen)},
            }
        )
    if isinstance(source, TrainedSource) and source.trained:
        trained = {"training": "quantization-aware", "compared_with": "the float model before training"}
        work.card = work.card.with_(quantization={**work.card.quantization, **trained})


def _larger(work: Work) -> list[str]:
    """A sentence, where the file is larger than the one it was made from."""
    size, before = len(work.written.payload), work.prepared.size_bytes
    if not isinstance(work.options.source, str | Path) or size <= GROWN * before:
        return []
    loops = sum(each.operators for each in work.prepared.written_out)
    if 2 * loops > len(work.prepared.model.graph):
        written = "; ".join(map(str, work.prepared.written_out))
        return [LARGER.format(size=size, before=before, why=written)]
    why = {
        "float": "weights are stored in float32; scheme static or dynamic stores them in a quarter of that",
    }.get(
        work.plan.scheme,
        "layers that stay float, or the operators around integers, take more than the source's",
    )
    return [LARGER.format(size=size, before=before, why=why)]
