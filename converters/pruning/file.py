"""`prune_file`: a float ONNX model becomes a smaller float ONNX model, with no training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgemm.card import ModelCard
from edgemm.choices import choice
from edgemm.converters.fidelity import Fidelity
from edgemm.converters.importers.input_shapes import OPEN_BATCH
from edgemm.converters.latency import Latency
from edgemm.converters.options import Options, Progress, silent
from edgemm.converters.passes import check_canonical
from edgemm.converters.pipeline.prepare import prepare
from edgemm.converters.pipeline.read import read
from edgemm.converters.pipeline.reload import reload
from edgemm.converters.pipeline.work import Work
from edgemm.converters.prepare import Prepared
from edgemm.converters.pruning.disk import Budget, budget_of, finish, size_before, size_on_disk
from edgemm.converters.pruning.graphs import Ways, pruned_graph
from edgemm.converters.pruning.milliseconds import within
from edgemm.converters.pruning.modules import is_module, pruned_module
from edgemm.converters.pruning.options import (
    SAMPLES,
    check_cut,
    check_keep,
    check_low_rank,
    check_source,
    output_of,
)
from edgemm.converters.pruning.poor import slower, warnings_of
from edgemm.converters.pruning.single_zeros import NONE, with_zeros
from edgemm.converters.pruning.sources import keep_shared, require_float
from edgemm.converters.pruning.turns import both_runtimes, in_turns, written_float
from edgemm.converters.pruning.unlike import OPEN_SIZES, unlike
from edgemm.converters.written import Format, Settings
from edgemm.errors import InputError
from edgemm.quantize.prune import graph
from edgemm.quantize.prune.graph.lowrank.factor import check_energy
from edgemm.quantize.prune.graph.zeros import check_fraction
from edgemm.quantize.prune.removal import PruneReport
from edgemm.quantize.prune.target import Target
from edgemm.quantize.reference import serialize

TRIES = 3
"""Networks that are pruned for a size on the disk before it counts as missed."""


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
    warnings: tuple[str, ...] = ()
    """What is poor: an output of which little is kept, a file that has grown. Empty where all is well."""

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
            "warnings": list(self.warnings),
        }


def prune_file(
    source: Any,
    example_inputs: tuple[Any, ...] | None = None,
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
    runtime: Format = "onnx",
    zeros: float | None = None,
    low_rank: float | None = None,
    opset: int = Settings().opset,
    progress: Progress | None = None,
    outputs: Sequence[str] | None = None,
    inputs: Sequence[str] | None = None,
) -> PrunedFile:
    """Removes channels and attention heads of a float model until a target is met, and writes what is left.

    The layers behind are fitted anew, by least squares on the calibration data, to compute what they computed before.
    There is no training, and torch is not needed. The file is float ONNX, with its card: a source for `convert`. It
    takes one sample at a time, also where the source's batch is open.

    A torch module is pruned by `edgemm.quantize.prune.prune`: hidden units of LSTM and GRU are removed too, but what
    is removed is chosen by the weights, and nothing is fitted anew.

    Args:
        source: path of a float .onnx or .pt2 file, an `onnx_ir.Model`, or a torch module (with `example_inputs`).
        example_inputs: the tensors that a torch module is exported with; they fix its shapes.
        output: the .onnx file to write.
        target: what shall be left: `Target("macs", 0.6)`, or "macs=0.6", "parameters=0.5", "size=0.5", "ms=4". The size
            is that of the file on the disk, card and test inputs included, against the source's file.
        calibrate: real data, as `convert` takes it; right answers are not needed.
        evaluate: other data to measure on; without it, a quarter of the calibration data is held out.
        keep: layers that keep all their channels, by the names of their nodes; layers of a torch module that are not
            touched at all, by their names in it.
        card, preset, shapes, constants: as `convert` takes them.
        limit: the most calibration samples that are used.
        seed: chooses the places of large tensors that are looked at.
        runtime: what a target in milliseconds is measured in: "onnx" is ONNX Runtime, "tflite" is LiteRT.
        zeros: of the weights that are left, this fraction is set to zero: the smallest of each layer. The file is then
            smaller once it is compressed, and not faster. None: no weight is.
        low_rank: large fully connected layers, matrix products and convolutions become two of lower rank where the two
            were measured to be faster in `runtime`, and keep at least this part of the energy (around its mean) of the
            layer's output, such as 0.99. Only as many as the target asks for; channels go where that is not enough.
            Which layers did not become two, and why, is in the notes. None: no layer does.
        opset: of the file, 13 or newer; 17 loads everywhere.
        progress: called with (stage, done, total).
        outputs, inputs: names of tensors inside the graph that become its outputs, or inputs, as `convert` takes them;
            not of a torch module.

    Raises:
        InputError: an argument does not fit, the source is quantized, no such layer, or the target cannot be reached;
            then the message names the nearest that can. Nothing was written.
        LatencyMissed: a target in milliseconds cannot be reached here. Nothing was written.
        EdgemmError: as `convert` raises them.
    """
    wanted, kept = Target.of(target), check_keep(keep)
    fraction = None if zeros is None else check_fraction(zeros)
    energy = None if low_rank is None else check_energy(low_rank)
    check_source(source, example_inputs, calibrate)
    check_low_rank(source, energy)
    check_cut(source, outputs, inputs)
    choice("runtime", runtime, ("onnx", "tflite"))
    options = Options(
        source, output_of(output), example_inputs, calibrate, evaluate, card, preset, shapes=shapes,
        constants=constants, limit=limit, settings=Settings(opset=opset), progress=progress or silent,
        outputs=outputs, inputs=inputs,
    )  # fmt: skip
    return pruned_file(options, wanted, kept, Ways(seed, runtime, energy), zeros=fraction)[0]


def pruned_file(
    options: Options,
    target: Target,
    keep: Sequence[str],
    ways: Ways,
    *,
    zeros: float | None = None,
) -> tuple[PrunedFile, Prepared]:
    """`prune_file` with its arguments checked; also the source as it was read.

    Args:
        options: what is told of source, data and output; how it is written is decided here.
    """
    work = Work(replace(options, scheme="float", target="cpu", gate="off", repair="off", keep_outputs=True))
    read(work)
    source = work.prepared
    require_float(work)
    prepare(work)
    keep_shared(work)
    before, runtime = source.model, ways.runtime
    pruned, said, written_card = _finished(work, source, target, keep, ways, zeros)
    sample = work.judged_on.inputs[0]
    latencies, left_out = both_runtimes(before, pruned.model, sample)
    if target.measure == "ms":
        again = [written_float(model, runtime) for model in (before, pruned.model)]
        latencies[runtime] = within(target, latencies[runtime], lambda: in_turns(again, sample))
    reload(work)
    after = work.options.output.stat().st_size
    sizes = size_before(work, source, after), after
    report = _measured(pruned.report, sizes, latencies.get(runtime, latencies["onnx"]))
    there = [spec.name for spec in source.inputs]
    differences = unlike(options.source, options.settings.opset, there)
    told = any(each.startswith(OPEN_SIZES) for each in differences)
    said_of_source = [each for each in work.notes if not (told and each.startswith(OPEN_BATCH))]
    timed = [*slower(latencies), *([left_out] if left_out else [])]
    notes = [*said_of_source, *report.notes, *differences, *timed, said]
    done = PrunedFile(
        work.options.output, target, report, work.fidelity, latencies, written_card, tuple(dict.fromkeys(notes)),
        warnings_of(work.fidelity, report),
    )  # fmt: skip
    return done, source


def _finished(
    work: Work, source: Prepared, target: Target, keep: Sequence[str], ways: Ways, zeros: float | None
) -> tuple[graph.Pruned, str, ModelCard]:
    """Pruned, measured and described; what is to be said of single zeros; the card.

    A target for the size is held by the file as it will be on the disk.

    Raises:
        InputError: it is not.
    """
    budget = budget_of(work, source, target) if target.measure == "size" else None
    notes = list(work.notes)
    for _ in range(TRIES):
        pruned, said = _pruned(work, target, keep, ways, budget), NONE
        if zeros is not None:
            pruned, said = with_zeros(pruned, zeros)
        check_canonical(pruned.model)
        finish(work, source, pruned.model)
        work.card = card = _with_history(work, target, pruned.report, ways, zeros)
        if budget is None:
            return pruned, said, card
        found = size_on_disk(work)
        if found <= budget.allowed:
            return pruned, said, card
        budget = budget.less(found - budget.allowed)
        work.prepared, work.notes = source, list(notes)
    raise InputError(
        f"the target {target} was not met: it allows {budget.allowed if budget else 0} bytes, and the pruned file "
        f"would take {found}. Nothing was written. Give a larger size"
    )


def _pruned(
    work: Work, target: Target, keep: Sequence[str], ways: Ways, budget: Budget | None
) -> graph.Pruned:
    if is_module(work.options.source):
        if budget is not None:
            share = (budget.allowed - budget.beside) / len(serialize(work.prepared.model))
            target = replace(target, value=min(max(share, 1e-6), target.value))
        return pruned_module(work, target, keep, ways.runtime)
    return pruned_graph(work, target, keep, ways, budget)


def _measured(report: PruneReport, sizes: tuple[int, int], latency: tuple[Latency, Latency]) -> PruneReport:
    sides = [
        {**counts, "size": float(size), "ms": each.median_ms}
        for counts, size, each in zip((report.before, report.after), sizes, latency, strict=True)
    ]
    return replace(report, before=sides[0], after=sides[1])


def _with_history(
    work: Work, target: Target, report: PruneReport, ways: Ways, zeros: float | None
) -> ModelCard:
    """The card, which says what was removed, and from which file."""
    data = work.calibration_data
    details = {
        "target": str(target),
        "macs_left": round(report.left("macs"), 4),
        "parameters_left": round(report.left("parameters"), 4),
        "removed": [str(each) for each in report.removed],
        "compensated_on": 0 if data is None or is_module(work.options.source) else len(data),
        **({} if zeros is None else {"zeros": zeros}),
        **({} if ways.low_rank is None else {"low_rank": ways.low_rank}),
    }
    card = work.card if work.card is not None else work.prepared.card
    return card.after("pruned", details, work.prepared.sha256)
