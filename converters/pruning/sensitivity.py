"""`file_sensitivity`: what a model file loses when one group of layers is pruned alone. Nothing is written."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx_ir as ir

from edgemm.card import ModelCard
from edgemm.converters.fidelity import Fidelity, evaluation_part
from edgemm.converters.measure import Judge
from edgemm.converters.options import Options, Progress, silent
from edgemm.converters.pipeline.measure import judge_of
from edgemm.converters.pipeline.prepare import prepare
from edgemm.converters.pipeline.read import read
from edgemm.converters.pipeline.work import Work
from edgemm.converters.pruning.modules import is_module
from edgemm.converters.pruning.options import SAMPLES, check_keep, check_source
from edgemm.converters.pruning.sources import keep_shared, require_float
from edgemm.errors import InputError
from edgemm.quantize import make_plan
from edgemm.quantize.prune.graph import Settings
from edgemm.quantize.prune.graph.sensitivity import Judged, graph_sensitivity
from edgemm.quantize.prune.points import FRACTIONS, Sensitivity, check_fractions

MEASURE = "1 - relative error of the outputs"
JUDGED = 256
"""Samples that each pruned network is measured on at most."""


def file_sensitivity(
    source: Any,
    *,
    calibrate: str | Path | Sequence[Any],
    evaluate: str | Path | Sequence[Any] | None = None,
    fractions: Sequence[float] = FRACTIONS,
    keep: Sequence[str] = (),
    card: ModelCard | str | Path | None = None,
    preset: str | None = None,
    shapes: Mapping[str, Sequence[int]] | None = None,
    constants: Mapping[str, float] | None = None,
    limit: int = SAMPLES,
    seed: int = 0,
    progress: Progress | None = None,
    outputs: Sequence[str] | None = None,
    inputs: Sequence[str] | None = None,
) -> Sensitivity:
    """Prunes each group of layers of a float model alone, as `prune_file` does, and measures what the outputs lose.

    Torch is not needed. For torch modules there is `edgemm.quantize.prune.sensitivity`.

    Args:
        source: path of a float .onnx or .pt2 file, or an `onnx_ir.Model`.
        calibrate, evaluate, keep, card, preset, shapes, constants, limit, seed, outputs, inputs: as `prune_file` takes
            them.
        fractions: of a group's channels that are removed, each in (0, 1). The nearest count that is allowed is taken.
        progress: called with (stage, done, total).

    Returns:
        The score is 1 less the error of the worst output, as a fraction of what the source answers (RMS); accuracy and
        agreement stand beside it where labels or classes are known.

    Raises:
        InputError: an argument does not fit, the source is quantized, no such layer, or nothing can be removed.
        EdgemmError: as `convert` raises them.
    """
    kept = check_keep(keep)
    check_fractions(fractions)
    check_source(source, None, calibrate)
    if is_module(source):
        raise InputError("source: for a torch module, use edgemm.quantize.prune.sensitivity")
    with tempfile.TemporaryDirectory(prefix="edgemm-sensitivity-") as folder:
        options = Options(
            source, Path(folder, "not-written.onnx"), None, calibrate, evaluate, card, preset, "float", gate="off",
            shapes=shapes, constants=constants, limit=limit, keep_outputs=True, progress=progress or silent,
            outputs=outputs, inputs=inputs,
        )  # fmt: skip
        work = Work(options)
        read(work)
        require_float(work)
        prepare(work)
        keep_shared(work)
        return _measured(work, kept, fractions, seed)


def _measured(work: Work, keep: Sequence[str], fractions: Sequence[float], seed: int) -> Sensitivity:
    judge = _few(work)

    def judged(model: ir.Model) -> Judged:
        return _judged(judge.planned(model, make_plan(model, None, scheme="float")))

    data = work.calibration_data
    points = graph_sensitivity(
        work.prepared.model, data.inputs if data is not None else (), judged, keep=keep, fractions=fractions,
        settings=Settings(seed=seed), tell=work.tell,
    )  # fmt: skip
    whole = judged(work.prepared.model)
    notes = tuple(dict.fromkeys(work.notes))
    return Sensitivity(1.0, points, notes, MEASURE, whole.accuracy)


def _few(work: Work) -> Judge:
    """What compares graphs with the source, on some of the samples."""
    some = evaluation_part(work.judged_on, JUDGED)
    if len(some) < len(work.judged_on):
        work.notes.append(f"measured on {len(some)} of {len(work.judged_on)} samples, spread evenly")
        ids = {id(each) for each in some.inputs}
        both = zip(work.judged_on.inputs, work.expected, strict=True)
        work.expected = tuple(answer for each, answer in both if id(each) in ids)
        work.judged_on = some
    return replace(judge_of(work), tick=None)


def _judged(fidelity: Fidelity) -> Judged:
    first = fidelity.outputs[0]
    agreement = None if first.accuracy is not None else first.top1_agreement
    return Judged(1.0 - 10.0 ** (-fidelity.worst_db / 20.0), first.accuracy, agreement)
