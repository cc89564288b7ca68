"""`shrink_file`: a float model becomes a smaller int8 file that was trained to answer as the model did."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemm.card import ModelCard
from edgemm.converters import aware
from edgemm.converters.fidelity import MIN_SNR_DB, Fidelity, held_out
from edgemm.converters.options import GateMode, Options, Progress, Scheme, silent
from edgemm.converters.pipeline import Conversion
from edgemm.converters.pruning.file import PrunedFile, pruned_file
from edgemm.converters.pruning.graphs import Ways
from edgemm.converters.samples import Samples
from edgemm.converters.shrinking.loss import answers_alike
from edgemm.converters.shrinking.options import SAMPLES, USUAL, Shrinking, pruning_of
from edgemm.dependency import load_dependency
from edgemm.quantize.prune.graph.lowrank.factor import check_energy
from edgemm.quantize.prune.target import Target
from edgemm.quantize.training.settings import Settings

if TYPE_CHECKING:
    from edgemm.converters.aware import Aware
    from edgemm.quantize.prune.removal import PruneReport
    from edgemm.quantize.training import TrainingReport

FASTER = 5.0
"""Ends of ranges and scales of weights learn so many times faster than weights."""
UNTRAINED = "int8, untrained kept"
"""Name of the last step where training was thrown away."""


@dataclass(frozen=True, slots=True)
class Step:
    """The model after one step."""

    name: str
    """source, pruned, int8 (without training), and trained; or UNTRAINED, where training did not help."""
    size_bytes: int
    latency_ms: float
    """The median of one inference here, one thread, in the runtime of the output: the source and the pruned model are
    float, the others int8."""
    fidelity: Fidelity | None
    """Against the source, on samples that nothing was fitted to; None for the source itself."""
    accuracy: float | None = None
    """0..1 of the first output, where right answers are known."""


@dataclass(frozen=True, slots=True)
class ShrunkFile:
    """A smaller int8 file, and what each step to it cost and saved."""

    output: Path
    steps: tuple[Step, ...]
    removed: PruneReport | None
    """None where nothing was pruned."""
    training: TrainingReport
    trained: bool
    """Whether the output is what was trained; False where training did not help, and was thrown away."""
    card: ModelCard
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The keys that scripts rely on."""
        return {
            "schema": "edgemm.shrink/1",
            "output": str(self.output),
            "steps": [
                {
                    "name": each.name, "size_bytes": each.size_bytes, "latency_ms": round(each.latency_ms, 4),
                    **({} if each.accuracy is None else {"accuracy": round(each.accuracy, 6)}),
                    **({} if each.fidelity is None else each.fidelity.to_json()),
                }
                for each in self.steps
            ],
            "removed": None if self.removed is None else self.removed.to_json(),
            "trained": self.trained,
            "training": self.training.to_json(),
            "notes": list(self.notes),
        }  # fmt: skip


def shrink_file(
    source: Any,
    example_inputs: tuple[Any, ...] | None = None,
    *,
    output: str | Path,
    calibrate: str | Path | Sequence[Any],
    prune: Target | str | None = "macs=0.5",
    evaluate: str | Path | Sequence[Any] | None = None,
    keep: Sequence[str] = (),
    low_rank: float | None = None,
    card: ModelCard | str | Path | None = None,
    preset: str | None = None,
    target: str = "cpu",
    scheme: Scheme = "auto",
    gate: GateMode = "fail",
    min_db: float = MIN_SNR_DB,
    shapes: Mapping[str, Sequence[int]] | None = None,
    constants: Mapping[str, float] | None = None,
    settings: Settings = USUAL,
    checkpoint: str | Path | None = None,
    limit: int = SAMPLES,
    progress: Progress | None = None,
    outputs: Sequence[str] | None = None,
    inputs: Sequence[str] | None = None,
) -> ShrunkFile:
    """Prunes a float model, trains what is left to answer as the source does, and writes it as int8.

    Training computes as the device will, with its rounding (`edgemm.converters.aware`), and needs no right answers:
    the aim is what the source answers to the calibration data. A quarter of the data is held out from all of it where
    no other data are given to measure on.

    Files are pruned as graphs: what is removed is chosen with the data, and the layers behind are fitted anew. A torch
    module is pruned as a module: hidden units of LSTM and GRU are removed too, but what is removed is chosen by the
    weights, and only training makes up for it. Give an .onnx or .pt2 file of the module for the former.

    Args:
        source: path of a float .onnx or .pt2 file, an `onnx_ir.Model`, or a torch module (with `example_inputs`), which
            is left as it is.
        example_inputs: the tensors that a torch module is exported with; they fix its shapes.
        output: the file to write, ".tflite" or ".onnx".
        calibrate: real data, as `convert` takes it: as much as there is.
        prune: what shall be left, as `prune_file` takes it; None: nothing is removed. Milliseconds are those of the
            float network in the runtime of the output.
        evaluate: other data to measure on.
        keep: layers that keep all their channels, by the names of their nodes; layers of a torch module that are not
            touched at all, by their names in it.
        low_rank: as `prune_file` takes it; not of a torch module.
        card, preset, target, scheme, gate, min_db, shapes, constants: as `convert` takes them. The gate compares with
            the source.
        settings: of the training.
        checkpoint: a file that the training's state is kept in: one that was interrupted goes on from there.
        limit: the most samples of `calibrate` that are used.
        progress: called with (stage, done, total).
        outputs, inputs: names of tensors inside the graph that become its outputs, or inputs, as `convert` takes them;
            not of a torch module.

    Raises:
        MissingDependency: PyTorch is not installed.
        FidelityMissed: the trained file answers too differently from the source; nothing was written.
        EdgemmError: as `prune_file`, `aware.prepare`, `train` and `convert` raise them; nothing was written.
    """
    load_dependency("torch", "PyTorch", "torch")
    options = Options(
        source, Path(output) if isinstance(output, str) else output, example_inputs, calibrate, evaluate, card, preset,
        scheme, target, gate, min_db, shapes, constants, limit=limit, repair="off", keep_outputs=True,
        progress=progress or silent, outputs=outputs, inputs=inputs,
    )  # fmt: skip
    kept = None if checkpoint is None else Path(checkpoint)
    energy = None if low_rank is None else check_energy(low_rank)
    return _shrunk(Shrinking(options, *pruning_of(prune, keep), settings, kept, energy))


def _shrunk(asked: Shrinking) -> ShrunkFile:
    options = asked.options
    with tempfile.TemporaryDirectory(prefix="edgemm-shrink-") as folder:
        made, pruned = _begun(asked, Path(folder))
        plain = _converted(made, options, Path(folder, f"plain{options.output.suffix}"), "off")
        report, said = _trained(made, asked)
        made = _with_card(made, report, asked.settings, helped=not said)
        done = _converted(made, options, options.output, options.gate)
    steps = (
        *_steps_before(pruned, plain),
        _step("int8", plain),
        _step(UNTRAINED if said else "trained", done),
    )
    before = made.prepared.notes if pruned is None else pruned.notes
    notes = (*before, *done.notes, *said)
    removed = None if pruned is None else pruned.report
    return ShrunkFile(
        options.output, steps, removed, report, not said, done.card, tuple(dict.fromkeys(notes))
    )


def _begun(asked: Shrinking, folder: Path) -> tuple[Aware, PrunedFile | None]:
    """The pruned network as it is trained, its answers compared with those of the source itself."""
    options = asked.options
    if asked.prune is None:
        return _aware(options), None
    to_prune = replace(options, output=folder / "pruned.onnx")
    pruned, source = pruned_file(
        to_prune, asked.prune, asked.keep, Ways(runtime=options.format, low_rank=asked.low_rank)
    )
    made = _aware(
        replace(
            options, source=pruned.output, example_inputs=None, card=pruned.card, preset=None, shapes=None,
            constants=None, outputs=None, inputs=None,
        )
    )  # fmt: skip
    held = replace(
        made.prepared, source=source.source, runs_in=source.runs_in, sha256=source.sha256,
        size_bytes=source.size_bytes, file=source.file, whole=source.whole,
    )  # fmt: skip
    return replace(made, prepared=held), pruned


def _aware(options: Options) -> Aware:
    return aware.prepare(
        options.source, options.example_inputs, calibrate=options.calibrate or (), target=options.target,
        scheme=options.scheme, card=options.card, preset=options.preset, shapes=options.shapes,
        constants=options.constants, format=options.format, limit=options.limit, outputs=options.outputs,
        inputs=options.inputs,
    )  # fmt: skip


def _converted(made: Aware, options: Options, output: Path, gate: GateMode) -> Conversion:
    return made.convert(
        output, calibrate=options.calibrate, evaluate=options.evaluate, limit=options.limit, gate=gate,
        min_db=options.min_db, repair="off", progress=options.progress,
    )  # fmt: skip


def _trained(made: Aware, asked: Shrinking) -> tuple[TrainingReport, tuple[str, ...]]:
    """The network learns what the source answers to the data that are not held out; and what is to be said of that.

    The weights are those of the epoch that is best on a quarter of these data, if it is better than none at all.
    """
    import torch

    from edgemm.quantize.training import Samples as Learned
    from edgemm.quantize.training import train

    settings, tell = asked.settings, asked.options.progress
    others_judge = asked.options.evaluate is not None
    learned = held_out(made.samples if others_judge else held_out(made.samples).calibration)
    tell("asking the source", 0, 1)
    inputs, answers = _asked(made, learned.calibration)
    others, right = _asked(made, learned.gate)
    loss = answers_alike(made.prepared.card.outputs)

    def score(module: Any) -> float:
        return -float(loss(module(*others), right))

    scales = {id(each) for each in made.module.scale_parameters()}

    def optimizer(free: Sequence[Any]) -> Any:
        slow, fast = ([each for each in free if (id(each) in scales) is kind] for kind in (False, True))
        groups: list[dict[str, Any]] = [
            {"params": slow},
            {"params": fast, "lr": settings.learning_rate * FASTER},
        ]
        return torch.optim.Adam([each for each in groups if each["params"]], settings.learning_rate)

    tell("training", 0, 1)
    module = made.module
    start, before = copy.deepcopy(module.state_dict()), _judged(module, score)
    report = train(
        module, Learned(inputs, answers), loss=loss, settings=replace(settings, optimizer=optimizer), validate=score,
        checkpoint=asked.checkpoint,
    )  # fmt: skip
    after = report.scores[report.best_epoch - 1]
    if after > before:
        return report, ()
    module.load_state_dict(start)
    return report, (
        f"training did not help: on samples held out from it, the difference to the source was {-before:.3g} before "
        f"and {-after:.3g} after. What was not trained is kept. More data or epochs may help",
    )


def _judged(module: Any, score: Callable[[Any], float]) -> float:
    import torch

    with torch.no_grad():
        return score(module.eval())


def _asked(made: Aware, samples: Samples) -> tuple[tuple[Any, ...], Any]:
    """Inputs as tensors [n, ...], and what the source answers to them."""
    import numpy as np
    import torch

    inputs = tuple(
        torch.from_numpy(np.concatenate([each[name] for each in samples.inputs]))
        for name in made.module.input_names
    )
    return inputs, made.teacher(*inputs)


def _with_card(made: Aware, report: TrainingReport, settings: Settings, *, helped: bool) -> Aware:
    """The card's history tells of the training, also where it was thrown away."""
    details = {
        "epochs": report.epochs,
        "steps": report.steps,
        "seed": settings.seed,
        "loss": report.losses["loss"][-1],
        "seconds": round(report.seconds, 1),
    }
    card = made.prepared.card.after(
        "distilled" if helped else "distillation_discarded", details, made.prepared.sha256
    )
    return replace(made, prepared=replace(made.prepared, card=card))


def _steps_before(pruned: PrunedFile | None, plain: Conversion) -> tuple[Step, ...]:
    """The source, and what was pruned."""
    right = None if plain.fidelity is None else plain.fidelity.outputs[0].accuracy_float
    if pruned is None:
        return (Step("source", plain.source_size_bytes, plain.float_latency_ms, None, right),)
    before, after = pruned.report.before, pruned.report.after
    return (
        Step("source", int(before["size"]), before["ms"], None, right),
        Step("pruned", int(after["size"]), after["ms"], pruned.fidelity, _accuracy(pruned.fidelity)),
    )


def _step(name: str, done: Conversion) -> Step:
    return Step(name, done.size_bytes, done.int8_latency_ms, done.fidelity, _accuracy(done.fidelity))


def _accuracy(fidelity: Fidelity | None) -> float | None:
    return None if fidelity is None else fidelity.outputs[0].accuracy


__all__ = ["ShrunkFile", "Step", "shrink_file"]
