"""From a float .tflite to an int8 one: the same account of what was kept, the same card and goldens."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import onnx_ir as ir

from edgemm.converters.describe import describe
from edgemm.converters.fidelity import Role, compare, evaluation_part, stack
from edgemm.converters.golden import make_goldens
from edgemm.converters.importers.tflite import described, quantize_tflite, read_tflite
from edgemm.converters.measure import run_artifact
from edgemm.converters.prepare import Prepared, fit_card, given_card
from edgemm.converters.realise import Realised
from edgemm.converters.samples import Samples, load_samples
from edgemm.errors import InputError, UnsupportedOperator
from edgemm.quantize import lint
from edgemm.quantize.plan import Plan
from edgemm.quantize.target import target as target_named

if TYPE_CHECKING:
    from edgemm.converters.convert import Conversion, GateMode, Progress, Scheme

FOREIGN = "quantized by ai-edge-quantizer, which decides the grids: --target and --explain have no say"


def convert_tflite(
    source: Path,
    path: Path,
    *,
    calibrate: Any,
    evaluate: Any,
    card: Any,
    preset: str | None,
    scheme: Scheme,
    target: str,
    gate: GateMode,
    limit: int,
    report: Progress,
) -> Conversion:
    """As `convert`, for a source that is a .tflite file.

    Raises:
        UnsupportedOperator: the source is quantized, or the output is no .tflite.
    """
    from edgemm.artifact import read_artifact, write_artifact
    from edgemm.converters.convert import Conversion

    if path.suffix.lower() != ".tflite":
        raise UnsupportedOperator(
            f"{source.name}: a .tflite source converts to .tflite only. For {path.suffix}, start from the ONNX or "
            "torch model"
        )
    report("reading", 0, 1)
    original = read_artifact(source)
    payload = read_tflite(original.payload, source.name)
    float_model = described(payload)
    prepared = _prepared(source, original.payload, float_model, card, preset)
    data = _load(calibrate, prepared, limit)
    chosen = _scheme(scheme, data)
    notes: tuple[str, ...] = (FOREIGN,)
    if data is not None:
        notes += lint(prepared.model, data.inputs, prepared.card.inputs)
    stored = payload
    if chosen != "float":
        report("calibrating", 0, 1)
        stored = quantize_tflite(payload, chosen, data.inputs if data is not None else (), float_model)
    names = [port.name for port in float_model.inputs], [port.name for port in float_model.outputs]
    realised = described(stored, names)
    other = _load(evaluate, prepared, max(limit, 1000))
    measured_on, note = _evaluation(other, data, prepared)
    expected = run_artifact(float_model, measured_on)
    found = run_artifact(realised, measured_on, tick=lambda done, total: report("measuring", done, total))
    classifier = data is not None and prepared.card.task in ("classification", "keyword")
    classes = {port.name: Role(class_axis=-1) for port in float_model.outputs if len(port.spec.shape) == 2}
    fidelity = compare(
        stack(expected.outputs),
        stack(found.outputs),
        roles=classes if classifier else None,
        labels=measured_on.labels,
    )
    fidelity = replace(fidelity, samples=len(measured_on))
    if gate == "fail":
        fidelity.require()
    if gate == "warn":
        notes += tuple(f"gate missed: {each}" for each in fidelity.missed)
    plan = Plan(target_named(target), chosen)
    goldens = make_goldens(realised, measured_on, chosen)
    final = describe(prepared, realised, plan, fidelity)
    report("writing", 0, 1)
    artifact = write_artifact(path, realised.payload, final, goldens)
    return Conversion(
        path,
        chosen,
        target,
        artifact.size_bytes,
        prepared.size_bytes,
        fidelity,
        expected.latency_ms,
        found.latency_ms,
        final,
        plan,
        (*prepared.notes, *notes, *((note,) if note else ())),
        explanation=FOREIGN,
    )


def _prepared(source: Path, payload: bytes, model: Realised, card: Any, preset: str | None) -> Prepared:
    ins = tuple(port.spec for port in model.inputs)
    outs = tuple(port.spec for port in model.outputs)
    given = given_card(source, card, preset)
    fitted, notes = fit_card(given, source.stem, ins, outs)
    digest = hashlib.sha256(payload).hexdigest()
    values = [
        ir.Value(
            name=spec.name,
            shape=ir.Shape(spec.shape),
            type=ir.TensorType(ir.DataType.from_numpy(np.dtype(spec.dtype))),
        )
        for spec in ins
    ]
    bare = ir.Model(ir.Graph(values, [], nodes=[], name=source.stem), ir_version=8)
    return Prepared(bare, ins, outs, fitted, digest, len(payload), tuple(notes))


def _load(data: Any, prepared: Prepared, limit: int) -> Samples | None:
    if data is None:
        return None
    classes = prepared.card.labels
    return load_samples(data, prepared.inputs, prepared.card.inputs, classes=classes, limit=limit)


def _scheme(scheme: Scheme, data: Samples | None) -> Literal["float", "static", "dynamic"]:
    if scheme == "auto":
        return "static" if data is not None else "dynamic"
    if scheme == "static" and data is None:
        raise InputError(
            "scheme static needs calibration data: --calibrate FOLDER or .npz, or --scheme dynamic"
        )
    return scheme


def _evaluation(other: Samples | None, data: Samples | None, prepared: Prepared) -> tuple[Samples, str]:
    from edgemm.converters.evaluation import NOISE, SAME, noise

    if other is not None:
        return other, ""
    return (evaluation_part(data), SAME) if data is not None else (noise(prepared), NOISE)
