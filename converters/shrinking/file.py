"""`shrink_file`: a float ONNX model becomes a smaller int8 file that was trained to answer as the model did."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemm.card import ModelCard
from edgemm.converters import aware
from edgemm.converters.fidelity import Fidelity, held_out
from edgemm.converters.options import GateMode, Progress, Scheme, refuse_overwriting, silent
from edgemm.converters.pipeline import Conversion
from edgemm.converters.prepare import prepare as prepared_source
from edgemm.converters.pruning import prune_file
from edgemm.converters.samples import Samples
from edgemm.converters.shrinking.loss import answers_alike
from edgemm.dependency import load_dependency
from edgemm.errors import InputError
from edgemm.quantize.training.settings import Settings

if TYPE_CHECKING:
    from edgemm.converters.aware import Aware
    from edgemm.quantize.prune.removal import PruneReport
    from edgemm.quantize.training import TrainingReport

SAMPLES = 2048
"""Samples that are used at most, where nothing else is said."""
USUAL = Settings(epochs=20, batch_size=32, learning_rate=5e-4, schedule="cosine", warm_up=0.05, clip_norm=1.0)
FASTER = 5.0
"""Ends of ranges and scales of weights learn so many times faster than weights."""


@dataclass(frozen=True, slots=True)
class Step:
    """The model after one step."""

    name: str
    """source, pruned, int8 (without training), trained."""
    size_bytes: int
    latency_ms: float
    """The median of one inference here, one thread, in the format of the output; the pruned file's in ONNX Runtime."""
    fidelity: Fidelity | None
    """Against the source, on samples that nothing was fitted to; None for the source itself."""

    @property
    def accuracy(self) -> float | None:
        """0..1 of the first output, where right answers are known."""
        return None if self.fidelity is None else self.fidelity.outputs[0].accuracy


@dataclass(frozen=True, slots=True)
class ShrunkFile:
    """A smaller int8 file, and what each step to it cost and saved."""

    output: Path
    steps: tuple[Step, ...]
    removed: PruneReport | None
    """None where nothing was pruned."""
    training: TrainingReport
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
                    **({} if each.fidelity is None else each.fidelity.to_json()),
                }
                for each in self.steps
            ],
            "removed": None if self.removed is None else self.removed.to_json(),
            "training": self.training.to_json(),
            "notes": list(self.notes),
        }  # fmt: skip


def shrink_file(
    source: str | Path,
    *,
    output: str | Path,
    calibrate: str | Path | Sequence[Any],
    prune: str | None = "macs=0.5",
    evaluate: str | Path | Sequence[Any] | None = None,
    keep: Sequence[str] = (),
    card: ModelCard | str | Path | None = None,
    preset: str | None = None,
    target: str = "cpu",
    scheme: Scheme = "auto",
    gate: GateMode = "fail",
    shapes: Mapping[str, Sequence[int]] | None = None,
    constants: Mapping[str, float] | None = None,
    settings: Settings = USUAL,
    checkpoint: str | Path | None = None,
    limit: int = SAMPLES,
    progress: Progress | None = None,
) -> ShrunkFile:
    """Prunes a float model, trains what is left to answer as the source does, and writes it as int8.

    Training computes as the device will, with its rounding (`edgemm.converters.aware`), and needs no right answers:
    the aim is what the source answers to the calibration data. A quarter of the data is held out from all of it where
    no other data are given to measure on.

    Args:
        source: path of a float .onnx file.
        output: the file to write, ".tflite" or ".onnx".
        calibrate: real data, as `convert` takes it: as much as there is.
        prune: what shall be left, as `prune_file` takes it; None: nothing is removed.
        evaluate: other data to measure on.
        keep: layers that keep all their channels.
        card, preset, target, scheme, gate, shapes, constants: as `convert` takes them. The gate compares with the
            source.
        settings: of the training.
        checkpoint: a file that the training's state is kept in: one that was interrupted goes on from there.
        limit: the most samples of `calibrate` that are used.
        progress: called with (stage, done, total).

    Raises:
        MissingDependency: PyTorch is not installed.
        FidelityMissed: the trained file answers too differently from the source; nothing was written.
        EdgemmError: as `prune_file`, `aware.prepare`, `train` and `convert` raise them; nothing was written.
    """
    load_dependency("torch", "PyTorch", "torch")
    path, tell = Path(output), progress or silent
    if path.suffix not in (".tflite", ".onnx"):
        raise InputError(f"{path}: expected an output that ends in .tflite or .onnx")
    refuse_overwriting(source, path, "-o")
    given: dict[str, Any] = {"shapes": shapes, "constants": constants, "limit": limit}
    with tempfile.TemporaryDirectory(prefix="edgemm-shrink-") as folder:
        start, removed, steps = source, None, list[Step]()
        if prune is not None:
            pruned = prune_file(
                source, output=Path(folder, "pruned.onnx"), target=prune, calibrate=calibrate, evaluate=evaluate,
                keep=keep, card=card, preset=preset, progress=tell, **given,
            )  # fmt: skip
            start, removed, card = pruned.output, pruned.report, pruned.card
            preset = shapes = constants = None  # the pruned file has all of that
            steps = [Step("pruned", int(removed.after["size"]), removed.after["ms"], pruned.fidelity)]
        made = aware.prepare(
            start, calibrate=calibrate, target=target, scheme=scheme, card=card, preset=preset, shapes=shapes,
            constants=constants, format="onnx" if path.suffix == ".onnx" else "tflite", limit=limit,
        )  # fmt: skip
        made = _held_to(made, source, given, path)
        measured: dict[str, Any] = {
            "calibrate": calibrate,
            "evaluate": evaluate,
            "limit": limit,
            "progress": tell,
        }
        plain = made.convert(Path(folder, f"plain{path.suffix}"), gate="off", repair="off", **measured)
        report, said = _trained(made, settings, checkpoint, whole=evaluate is not None, tell=tell)
        made = made if said else _with_card(made, report, settings)
        done = made.convert(path, gate=gate, repair="off", **measured)
    return ShrunkFile(
        path, (*_source_step(source, removed, plain), *steps, _step("int8", plain), _step("trained", done)), removed,
        report, done.card, (*done.notes, *said),
    )  # fmt: skip


def _held_to(made: Aware, source: str | Path, given: Mapping[str, Any], path: Path) -> Aware:
    """The same network, whose answers are compared with those of the source itself."""
    whole = prepared_source(
        source, None, card=made.prepared.card.with_(inputs=(), outputs=()), preset=None, shapes=given["shapes"],
        constants=given["constants"], format_="tflite" if path.suffix == ".tflite" else "onnx",
    )  # fmt: skip
    return replace(
        made,
        prepared=replace(
            made.prepared,
            source=whole.source,
            runs_in=whole.runs_in,
            sha256=whole.sha256,
            size_bytes=whole.size_bytes,
        ),
    )


def _trained(
    made: Aware, settings: Settings, checkpoint: str | Path | None, *, whole: bool, tell: Progress
) -> tuple[TrainingReport, tuple[str, ...]]:
    """The network learns what the source answers to the data that are not held out; and what is to be said of that.

    The weights are those of the epoch that is best on a quarter of these data, if it is better than none at all.
    """
    import torch

    from edgemm.quantize.training import Samples as Learned
    from edgemm.quantize.training import train

    learned = held_out(made.samples if whole else held_out(made.samples).calibration)
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
        checkpoint=checkpoint,
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


def _with_card(made: Aware, report: TrainingReport, settings: Settings) -> Aware:
    details = {
        "epochs": report.epochs,
        "steps": report.steps,
        "seed": settings.seed,
        "loss": report.losses["loss"][-1],
    }
    card = made.prepared.card.after("distilled", details, made.prepared.sha256)
    return replace(made, prepared=replace(made.prepared, card=card))


def _source_step(source: str | Path, removed: PruneReport | None, plain: Conversion) -> tuple[Step, ...]:
    if removed is None:
        return (Step("source", plain.source_size_bytes, plain.float_latency_ms, None),)
    return (Step("source", int(removed.before["size"]), removed.before["ms"], None),)


def _step(name: str, done: Conversion) -> Step:
    return Step(name, done.size_bytes, done.int8_latency_ms, done.fidelity)


__all__ = ["ShrunkFile", "Step", "shrink_file"]
