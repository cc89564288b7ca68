"""`convert`: the whole way from a float model to a measured artifact on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import onnx_ir as ir

from edgemm.card import ModelCard
from edgemm.converters.describe import describe
from edgemm.converters.diagnose import Diagnosis, diagnose
from edgemm.converters.evaluation import NOISE, evaluation_data, input_ranges, load_data
from edgemm.converters.fidelity import MIN_SNR_DB, Fidelity, Gate, evaluation_part
from edgemm.converters.golden import make_goldens
from edgemm.converters.measure import check_float, measure
from edgemm.converters.onnx_writer.transposed import spread_transposed
from edgemm.converters.passes import canonicalize
from edgemm.converters.passes.quantized import declared_ranges
from edgemm.converters.prepare import Prepared, prepare
from edgemm.converters.realise import Format, Settings, realise
from edgemm.converters.repair import Repaired, State
from edgemm.converters.repair import repair as mend
from edgemm.converters.samples import Samples
from edgemm.errors import FidelityMissed, InputError
from edgemm.quantize import Calibration, calibrate, check_plan, explain_plan, lint, make_plan
from edgemm.quantize.grid import Range
from edgemm.quantize.plan import Plan
from edgemm.quantize.scheme import automatic_scheme
from edgemm.quantize.target import target as target_named

Scheme = Literal["auto", "static", "dynamic", "float"]
GateMode = Literal["fail", "warn", "off"]
RepairMode = Literal["auto", "off"]
Progress = Callable[[str, int, int], None]
"""Called with (stage, done, total) as the work goes on."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """What was made, and what it kept."""

    output: Path
    scheme: str
    """"float", "static" or "dynamic": what was done, where "auto" was asked for."""
    target: str
    size_bytes: int
    source_size_bytes: int
    fidelity: Fidelity
    """Before a final softmax."""
    float_latency_ms: float
    """Median of one inference of the float model in the same format, one thread, on this machine."""
    int8_latency_ms: float
    """The same, of what was written."""
    card: ModelCard
    plan: Plan
    notes: tuple[str, ...] = ()
    """What is not known, what was decided, what is doubtful about the data."""
    repaired_layers: tuple[str, ...] = field(default=())
    """Layers given back to float to hold the gate."""
    explanation: str = ""
    """What was decided for each operator, as a table for people."""
    diagnosis: Diagnosis | None = None
    """Which layer loses how much, where it was asked for."""

    def to_json(self) -> dict[str, Any]:
        """The keys that scripts rely on."""
        return {
            "schema": "edgemm.convert/1",
            "output": str(self.output),
            "scheme": self.scheme,
            "target": self.target,
            "size_bytes": self.size_bytes,
            "source_size_bytes": self.source_size_bytes,
            **self.fidelity.to_json(),
            "gate_missed": list(self.fidelity.missed),
            "float_latency_ms": round(self.float_latency_ms, 4),
            "int8_latency_ms": round(self.int8_latency_ms, 4),
            "repaired_layers": list(self.repaired_layers),
            **(self.diagnosis.to_json() if self.diagnosis is not None else {}),
            "notes": list(self.notes),
        }


def convert(
    source: Any,
    example_inputs: tuple[Any, ...] | None = None,
    *,
    output: str | Path,
    calibrate: str | Path | Sequence[Any] | None = None,
    evaluate: str | Path | Sequence[Any] | None = None,
    card: ModelCard | str | Path | None = None,
    preset: str | None = None,
    scheme: Scheme = "auto",
    target: str = "cpu",
    gate: GateMode = "fail",
    min_db: float = MIN_SNR_DB,
    shapes: Mapping[str, Sequence[int]] | None = None,
    constants: Mapping[str, float] | None = None,
    settings: Settings | None = None,
    limit: int = 256,
    repair: RepairMode = "auto",
    explain: bool = False,
    stepwise: int | None = None,
    progress: Progress | None = None,
) -> Conversion:
    """Converts a trained float model and writes the artifact with its card and goldens.

    Args:
        source: path of an .onnx, .pt2 or float .tflite file, a torch module (with `example_inputs`), or an
            `onnx_ir.Model`.
        example_inputs: the tensors that a torch module is exported with; they fix its shapes.
        output: the file to write; ".tflite" or ".onnx" says the format.
        calibrate: real data: a folder of pictures or recordings, an .npz of tensors, or a sequence of
            arrays or of dictionaries by input name. Its sub-folders or `labels` are the right answers.
        evaluate: other data to measure the fidelity on; without it, on the calibration data.
        card: a ModelCard or the path of its JSON; without it the preset's, else the source file's own.
        preset: name of a card for a common kind of model: see `edgemm.preprocess.presets`.
        scheme: "auto" is static with calibration data, but dynamic without, and for recurrent networks
            and attention: see `edgemm.quantize.scheme`.
        target: the machine that it is for: see `edgemm.quantize.target`.
        gate: what happens when too much was lost: "fail" raises and writes nothing, "warn" notes it.
        min_db: signal to noise that the gate asks of outputs that are no classes, in dB.
        shapes: sizes for dimensions that the source leaves open, by input name.
        constants: values for inputs that are always the same (a sample rate), by name; they are inputs no more.
        settings: opset, ONNX input type, TFLite layout.
        limit: at most so many calibration samples.
        repair: "auto" mends a conversion that misses its gate, cheapest means first, and says so in the card and the
            notes: see `edgemm.converters.repair`; "off" leaves it as it is.
        explain: also find out which layer loses how much; a run of the model for each layer.
        stepwise: the dimension of the input that is time: the artifact takes the steps of one call (`example_inputs`,
            `shapes`) and what recurrent layers and causal convolutions remember of those before; the card names these
            states, and a stream carries them. Calibration data are then whole sequences.

    Raises:
        InputError: an argument, the card or the data does not fit.
        UnsupportedOperator: the format cannot express the model; nothing was written.
        CalibrationError: the data is plainly not what the model will see.
        FidelityMissed: the gate did not hold; nothing was written.
    """
    path, format_ = _destination(output)
    settings = settings or Settings()
    if scheme == "static" and calibrate is None:
        raise InputError(
            "scheme static needs calibration data: --calibrate FOLDER or .npz, or --scheme dynamic"
        )
    report = progress or _silent
    if isinstance(source, str | Path) and Path(source).suffix.lower() == ".tflite":
        from edgemm.converters.convert_tflite import convert_tflite

        return convert_tflite(
            Path(source),
            path,
            calibrate=calibrate,
            evaluate=evaluate,
            card=card,
            preset=preset,
            scheme=scheme,
            target=target,
            gate=gate,
            limit=limit,
            report=report,
        )
    report("reading", 0, 1)
    prepared = prepare(
        source,
        example_inputs,
        card=card,
        preset=preset,
        shapes=shapes,
        constants=constants,
        format_=format_,
        time_axis=stepwise,
    )
    data = load_data(calibrate, prepared, limit)
    plan, calibration, notes = _plan(prepared, data, scheme, target, format_, report)
    measured_on, note = evaluation_data(evaluate, data, prepared, limit)
    float_run = check_float(prepared.model, format_, settings, _few(measured_on), prepared.source)
    classifier = note != NOISE and _is_classifier(prepared)

    original = prepared.model

    def measured(model: ir.Model, tried: Plan) -> tuple[Fidelity, float]:
        return measure(
            model,
            tried,
            format_,
            settings,
            measured_on,
            classifier=classifier,
            gate=Gate(min_snr_db=min_db),
            reference=original,
            tick=lambda done, total: report("measuring", done, total),
        )

    fidelity, latency_ms = measured(prepared.model, plan)
    repaired: Repaired | None = None
    if fidelity.missed and gate != "off" and repair == "auto" and plan.scheme != "float":
        repaired = _repaired(prepared, plan, calibration, fidelity, data or measured_on, measured, report)
        prepared, plan = replace(prepared, model=repaired.state.model), repaired.state.plan
        calibration = repaired.state.calibration
        same = prepared.source if repaired.exact else None
        check_float(prepared.model, format_, settings, _few(measured_on), same)
        fidelity, latency_ms = measured(prepared.model, plan)
        notes += tuple(f"repaired: {step}" for step in repaired.steps)
    diagnosis = None
    if explain and plan.scheme != "float":
        diagnosis = diagnose(
            prepared.model,
            plan,
            measured_on,
            calibration,
            tick=lambda done, total: report("looking for the losses", done, total),
        )
    missed: tuple[str, ...] = ()
    if fidelity.missed and gate == "fail":
        fidelity.require(diagnosis.table() if diagnosis is not None else "")
    if fidelity.missed and gate == "warn":
        missed = tuple(f"gate missed: {each}" for each in fidelity.missed)
    realised = realise(prepared.model, plan, format_, settings)
    goldens = make_goldens(realised, measured_on, plan.scheme)
    final_card = describe(prepared, realised, plan, fidelity, repaired)
    report("writing", 0, 1)
    from edgemm.artifact import write_artifact

    artifact = write_artifact(path, realised.payload, final_card, goldens)
    no_goldens = () if goldens else ("no goldens: one input is larger than 256 KB",)
    return Conversion(
        path,
        plan.scheme,
        plan.target.name,
        artifact.size_bytes,
        prepared.size_bytes,
        fidelity,
        float_run.latency_ms,
        latency_ms,
        final_card,
        plan,
        (*prepared.notes, *notes, *((note,) if note else ()), *missed, *no_goldens),
        repaired_layers=repaired.layers if repaired is not None else (),
        explanation=explain_plan(prepared.model, plan),
        diagnosis=diagnosis,
    )


def _silent(stage: str, done: int, total: int) -> None:
    """No progress wanted."""


def _destination(output: str | Path) -> tuple[Path, Format]:
    path = Path(output)
    formats: dict[str, Format] = {".tflite": "tflite", ".onnx": "onnx"}
    if path.suffix.lower() not in formats:
        raise InputError(f"{path}: the output's name must end in .tflite or .onnx, which says the format")
    if not path.parent.is_dir():
        raise InputError(f"{path}: the folder {path.parent} does not exist")
    return path, formats[path.suffix.lower()]


def _plan(
    prepared: Prepared,
    data: Samples | None,
    scheme: Scheme,
    target: str,
    format_: Format,
    report: Progress,
) -> tuple[Plan, Calibration | None, tuple[str, ...]]:
    chosen = target_named(target)
    notes: tuple[str, ...] = ()
    if scheme == "auto":
        decided, reason = automatic_scheme(prepared.model, chosen, calibrated=data is not None)
        scheme = "static" if decided == "static" else "dynamic"
        notes = (f"scheme {scheme}, because {reason}",) if scheme == "dynamic" else ()
    calibration: Calibration | None = None
    if scheme == "static" and format_ == "onnx" and spread_transposed(prepared.model):
        canonicalize(prepared.model)
    if data is not None:
        notes += lint(prepared.model, data.inputs, prepared.card.inputs)
    if data is not None and scheme == "static":
        calibration = calibrate(
            prepared.model, data.inputs, progress=lambda done, total: report("calibrating", done, total)
        )
    if calibration is not None:
        calibration = _with_shared_states(calibration, prepared.card)
    told = declared_ranges(prepared.model)
    if calibration is not None and told:
        known = {name: Range(*ends) for name, ends in told.items() if name in calibration.ranges}
        calibration = replace(calibration, ranges={**calibration.ranges, **known})
        notes += (f"the source is quantized: {len(known)} of its ranges are kept",)
    if scheme == "dynamic":
        notes += ("weights are int8, activations are quantized while running",)
    plan = make_plan(
        prepared.model, calibration, target=chosen, scheme=scheme, input_ranges=input_ranges(prepared.card)
    )
    check_plan(prepared.model, plan)
    return plan, calibration, notes


def _with_shared_states(calibration: Calibration, card: ModelCard) -> Calibration:
    """One range for what a step leaves and what the next one takes: nothing is requantized between them."""
    ranges = dict(calibration.ranges)
    for pair in card.states:
        if pair.input in ranges and pair.output in ranges:
            ranges[pair.input] = ranges[pair.output] = ranges[pair.input].union(ranges[pair.output])
    return replace(calibration, ranges=ranges)


def _repaired(
    prepared: Prepared,
    plan: Plan,
    calibration: Calibration | None,
    fidelity: Fidelity,
    data: Samples,
    measured: Callable[[ir.Model, Plan], tuple[Fidelity, float]],
    report: Progress,
) -> Repaired:
    """The same conversion, mended."""

    def planned(model: ir.Model, ranges: Calibration | None, kept: frozenset[str]) -> Plan:
        return make_plan(
            model,
            None if ranges is None else _with_shared_states(ranges, prepared.card),
            target=plan.target,
            scheme=plan.scheme,
            float_nodes=kept,
            input_ranges=input_ranges(prepared.card),
        )

    state = State(prepared.model, calibration, frozenset(), plan, fidelity)
    return mend(
        state,
        data,
        planned,
        lambda model, tried: measured(model, tried)[0],
        tick=lambda step: report(f"repairing: {step}", 0, 1),
    )


def _few(samples: Samples) -> Samples:
    return evaluation_part(samples, 16)


def _is_classifier(prepared: Prepared) -> bool:
    """By the card's task; without one, a model that ends in a softmax over [1, classes]."""
    if prepared.card.task != "tensors":
        return prepared.card.task in ("classification", "keyword")
    ends = [value.producer() for value in prepared.model.graph.outputs]
    return all(
        node is not None and node.op_type in ("Softmax", "LogSoftmax") and len(spec.shape) == 2
        for node, spec in zip(ends, prepared.outputs, strict=True)
    )


__all__ = ["Conversion", "FidelityMissed", "Settings", "convert"]
