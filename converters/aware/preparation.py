"""`prepare`: from a model to a network that trains as the device will run it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgemm.card import ModelCard
from edgemm.choices import choice
from edgemm.converters.aware.aware import Aware, parameters_hash
from edgemm.converters.evaluation import input_ranges, load_data
from edgemm.converters.importers.cut import Cut
from edgemm.converters.importers.outputs import require_elements
from edgemm.converters.options import MAX_SAMPLES, SCHEMES, Scheme, check_names
from edgemm.converters.pipeline.plan import with_shared_states
from edgemm.converters.prepare import prepare as prepared_source
from edgemm.converters.written import Format
from edgemm.dependency import load_dependency
from edgemm.errors import CalibrationError, InputError, UnsupportedOperator
from edgemm.quantize import calibrate as calibrated
from edgemm.quantize import check_plan, lint, make_plan
from edgemm.quantize.scheme import automatic_scheme
from edgemm.quantize.target import target as target_named

FORMATS = ("onnx", "tflite")


def prepare(
    source: Any,
    example_inputs: tuple[Any, ...] | None = None,
    *,
    calibrate: str | Path | Sequence[Any],
    target: str = "cpu",
    scheme: Scheme = "auto",
    learned: bool = True,
    card: ModelCard | str | Path | None = None,
    preset: str | None = None,
    shapes: Mapping[str, Sequence[int]] | None = None,
    constants: Mapping[str, float] | None = None,
    format: Format | None = None,
    limit: int = 256,
    outputs: Sequence[str] | None = None,
    inputs: Sequence[str] | None = None,
) -> Aware:
    """Reads a trained float model, calibrates it, plans it, and makes a network of the plan that can be trained.

    Args:
        source: a torch module (with `example_inputs`), the path of an .onnx or .pt2 file, or an `onnx_ir.Model`.
        example_inputs: the tensors that a torch module is exported with; they fix its shapes.
        calibrate: real data, as for `edgemm.converters.convert`: the ranges that training begins with.
        target: the machine: see `edgemm.quantize.target`.
        scheme: "static", "dynamic" or "auto", as for `convert`.
        learned: ranges of activations and scales of weights are trained; False: they stay as calibrated.
        card: a ModelCard or the path of its JSON.
        preset: name of a card for a common kind of model.
        shapes: sizes for dimensions that the source leaves open, by input name.
        constants: values for inputs that are always the same.
        format: train for one format alone. "onnx" keeps operators whole that TFLite lacks, and leaves the inputs of
            float operators real; "tflite" rounds as LiteRT's kernels do, in recurrent and dynamic layers too. What is
            written in that format is then within a step of the output's grid of what was trained. None: both formats
            can be written of what is trained; .tflite files are up to two steps away behind average pools, and more
            where layers are recurrent or products are of two activations.
        limit: the most calibration samples that are used.
        outputs, inputs: names of tensors inside the graph that become its outputs, or inputs, as `convert` takes them.

    Raises:
        MissingDependency: PyTorch is not installed.
        InputError: an argument or the data does not fit.
        CalibrationError: the data cannot be what the model will see.
        UnsupportedOperator: operators that cannot be trained here; all of them are named.
    """
    load_dependency("torch", "PyTorch", "torch")
    from edgemm.quantize.aware.network import QuantizedNetwork

    _check(source, target, scheme, format, limit, learned)
    check_names(outputs, inputs)
    prepared = prepared_source(
        source, example_inputs, card=card, preset=preset, shapes=shapes, constants=constants,
        format_=format or "tflite", cut=Cut(tuple(outputs or ()), tuple(inputs or ())),
    )  # fmt: skip
    require_elements(prepared.model)
    model = prepared.model
    data = load_data(calibrate, prepared, limit)
    if data is None:
        raise InputError(
            "calibrate: expected real data, found None. Training begins with the ranges of real data"
        )
    try:
        lint(model, data.inputs, prepared.card.inputs)
    except (InputError, CalibrationError) as error:
        raise type(error)(f"calibrate: {error}") from error
    machine = target_named(target, format or "")
    decided = automatic_scheme(model, machine, calibrated=True)[0] if scheme == "auto" else scheme
    ranges = with_shared_states(calibrated(model, data.inputs), prepared.card)
    plan = make_plan(
        model,
        ranges if decided == "static" else None,
        target=machine,
        scheme=decided,
        input_ranges=input_ranges(prepared.card) if decided == "static" else None,
    )
    check_plan(model, plan)
    pairs = [(pair.output, pair.input) for pair in prepared.card.states]
    network = QuantizedNetwork(model, plan, learned=learned, pairs=pairs, format=format)
    return Aware(network, plan, prepared, data, parameters_hash(network))


def _check(source: Any, target: str, scheme: str, format_: Any, limit: Any, learned: Any) -> None:
    runs = target_named(target).formats
    choice("scheme", scheme, SCHEMES)
    if scheme == "float":
        raise InputError("scheme: expected static, dynamic or auto, found float: nothing is rounded there")
    if format_ is not None:
        choice("format", format_, FORMATS)
        if format_ not in runs:
            raise InputError(f"format {format_}: target {target} runs {', '.join(runs)}")
    if isinstance(limit, bool) or not (isinstance(limit, int) and 1 <= limit <= MAX_SAMPLES):
        raise InputError(f"limit: expected a whole number from 1 to {MAX_SAMPLES}, found {limit!r}")
    if not isinstance(learned, bool):
        raise InputError(f"learned: expected True or False, found {learned!r}")
    if isinstance(source, str | Path) and Path(source).suffix.lower() == ".tflite":
        raise UnsupportedOperator(
            f"{Path(source).name}: a .tflite source has no graph that can be trained. "
            "Start from the ONNX or torch model"
        )
