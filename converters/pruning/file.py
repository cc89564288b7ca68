"""`prune_file`: a float ONNX model becomes a smaller float ONNX model, with no training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import onnx_ir as ir

from edgemm.card import ModelCard
from edgemm.converters.fidelity import Fidelity
from edgemm.converters.latency import Latency
from edgemm.converters.options import Options, Progress
from edgemm.converters.passes import check_canonical
from edgemm.converters.passes.quantized import is_quantized
from edgemm.converters.pipeline.describe import describe
from edgemm.converters.pipeline.measure import measure
from edgemm.converters.pipeline.plan import plan
from edgemm.converters.pipeline.prepare import prepare
from edgemm.converters.pipeline.read import read
from edgemm.converters.pipeline.reload import reload
from edgemm.converters.pipeline.work import Work
from edgemm.converters.pipeline.write import write
from edgemm.converters.pruning.options import SAMPLES, check_keep, options_of, target_of
from edgemm.converters.pruning.turns import both_runtimes, in_turns, written_float
from edgemm.errors import InputError
from edgemm.quantize.prune import graph
from edgemm.quantize.prune.graph.zeros import check_fraction, download_bytes, zeroed
from edgemm.quantize.prune.removal import PruneReport
from edgemm.quantize.prune.target import Target

ZEROS = (
    "what is removed are whole channels: single zeros in the weights would make the file smaller to download, but "
    "these runtimes would not run it faster"
)
WITHIN = 1.1
"""A latency target is met up to this factor."""


@dataclass(frozen=True, slots=True)
class PrunedFile:
    """A pruned model on disk, and what that cost and saved."""

    output: Path
    target: Target
    report: PruneReport
    """What was removed; MACs, parameters, bytes and milliseconds before and after."""
    fidelity: Fidelity
    """Against the source, on samples that were not pruned with; with right answers, the accuracy of both."""
    latencies: Mapping[str, tuple[Latency, Latency]]
    """"onnx" and, where it could be made, "tflite" -> latency of the float file before and after."""
    card: ModelCard
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The keys that scripts rely on."""
        return {
            "schema": "edgemm.prune/1",
            "output": str(self.output),
            "target": str(self.target),
            **self.report.to_json(),
            **self.fidelity.to_json(),
            "latency": {
                each: {"before": before.to_json(), "after": after.to_json()}
                for each, (before, after) in self.latencies.items()
            },
            "notes": list(self.notes),
        }


def prune_file(
    source: Any,
    *,
    output: str | Path,
    target: Target | str,
    calibrate: str | Path | Sequence[Any] | None = None,
    evaluate: str | Path | Sequence[Any] | None = None,
    keep: Sequence[str] = (),
    card: ModelCard | str | Path | None = None,
    preset: str | None = None,
    shapes: Mapping[str, Sequence[int]] | None = None,
    constants: Mapping[str, float] | None = None,
    limit: int = SAMPLES,
    seed: int = 0,
    zeros: float | None = None,
    progress: Progress | None = None,
) -> PrunedFile:
    """Removes channels and attention heads of a float model until a target is met, and writes what is left.

    The layers behind are fitted anew, by least squares on the calibration data, to compute what they computed before.
    There is no training, and torch is not needed. The file is float ONNX, with its card: a source for `convert`.

    Args:
        source: path of a float .onnx file, or an `onnx_ir.Model`.
        output: the .onnx file to write.
        target: what shall be left: `Target("macs", 0.6)`, or "macs=0.6", "parameters=0.5", "size=0.5", "ms=4".
        calibrate: real data, as `convert` takes it; right answers are not needed.
        evaluate: other data to measure on; without it, a quarter of the calibration data is held out.
        keep: layers (names of nodes) that keep all their channels.
        card, preset, shapes, constants: as `convert` takes them.
        limit: the most calibration samples that are used.
        seed: chooses the places of large tensors that are looked at.
        zeros: of the weights that are left, this fraction is set to zero: the smallest of each layer. The file is then
            smaller once it is compressed, and not faster. None: no weight is.
        progress: called with (stage, done, total).

    Raises:
        InputError: an argument does not fit, the source is quantized, no such layer, or the target cannot be reached;
            then the message names the nearest that can. Nothing was written.
        EdgemmError: as `convert` raises them.
    """
    wanted, kept = target_of(target), check_keep(keep)
    fraction = None if zeros is None else check_fraction(zeros)
    work = Work(
        options_of(source, output, calibrate, evaluate, card, preset, shapes, constants, limit, progress)
    )
    read(work)
    _require_float(work)
    prepare(work)
    before = work.prepared.model
    pruned = _pruned(work, wanted, kept, seed)
    said = ZEROS
    if fraction is not None:
        pruned, said = _with_zeros(pruned, fraction)
    check_canonical(pruned.model)
    latencies, left_out = both_runtimes(before, pruned.model, work.judged_on.inputs[0])
    report = _measured(pruned.report, before, pruned.model, latencies["onnx"])
    if wanted.measure == "ms":
        _require_ms(wanted, report)
    work.prepared = replace(work.prepared, model=pruned.model, source=None, runs_in=None)
    plan(work)
    write(work)
    measure(work)
    describe(work)
    work.card = _with_history(work, wanted, report, fraction)
    reload(work)
    notes = [*work.notes, *report.notes, *([left_out] if left_out else []), said]
    return PrunedFile(
        work.options.output, wanted, report, work.fidelity, latencies, work.card, tuple(dict.fromkeys(notes))
    )


def _require_float(work: Work) -> None:
    """Raises:
    InputError: the source is quantized.
    """
    source = work.prepared.source
    if source is not None and is_quantized(source):
        raise InputError(
            f"{_name(work.options)}: it is quantized, and its rounded weights cannot be fitted anew. Prune the float "
            "model that it was made from, then run edgemm convert"
        )


def _name(options: Options) -> str:
    return Path(options.source).name if isinstance(options.source, str | Path) else "the model"


def _pruned(work: Work, target: Target, keep: Sequence[str], seed: int) -> graph.Pruned:
    data = work.calibration_data
    samples = data.inputs if data is not None else ()

    def latency(models: Sequence[ir.Model]) -> list[float]:
        return [each.median_ms for each in in_turns([written_float(model) for model in models], samples[0])]

    return graph.prune_graph(
        work.prepared.model, samples, target, keep=keep, settings=graph.Settings(seed=seed), latency=latency,
        tell=work.tell,
    )  # fmt: skip


def _with_zeros(pruned: graph.Pruned, fraction: float) -> tuple[graph.Pruned, str]:
    """The same with single zeros, and what is to be said of them."""
    made = zeroed(pruned.model, fraction)
    sizes = [download_bytes(written_float(model).payload) for model in (pruned.model, made.model)]
    said = (
        f"{made.zeros:,} of {made.weights:,} weights are zero: compressed for a download, the file is {sizes[1]:,} "
        f"bytes instead of {sizes[0]:,}. ONNX Runtime and LiteRT do not run it faster: they multiply by zeros as by "
        "other numbers"
    )
    return replace(pruned, model=made.model), said


def _measured(
    report: PruneReport, before: ir.Model, after: ir.Model, latency: tuple[Latency, Latency]
) -> PruneReport:
    sizes = [len(written_float(model).payload) for model in (before, after)]
    sides = [
        {**counts, "size": float(size), "ms": each.median_ms}
        for counts, size, each in zip((report.before, report.after), sizes, latency, strict=True)
    ]
    return replace(report, before=sides[0], after=sides[1])


def _require_ms(target: Target, report: PruneReport) -> None:
    """Raises:
    InputError: measured once more, in turns with the source, it takes too long.
    """
    found = report.after["ms"]
    if found > target.value * WITHIN:
        raise InputError(
            f"the target {target} was not met: measured in turns with the source, the pruned network takes {found:.3g} "
            f"ms and the source {report.before['ms']:.3g} ms. Nothing was written. Try ms={found:.3g}, or on a machine "
            "that is less busy"
        )


def _with_history(work: Work, target: Target, report: PruneReport, zeros: float | None) -> ModelCard:
    """The card, which says what was removed, and from which file."""
    details = {
        "target": str(target),
        "macs_left": round(report.left("macs"), 4),
        "parameters_left": round(report.left("parameters"), 4),
        "removed": [str(each) for each in report.removed],
        "compensated_on": len(work.calibration_data) if work.calibration_data is not None else 0,
        **({} if zeros is None else {"zeros": zeros}),
    }
    card = work.card if work.card is not None else work.prepared.card
    return card.after("pruned", details, work.prepared.sha256)
