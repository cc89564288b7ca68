"""`convert`: from a trained model to a measured artifact on disk."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgemm.card import ModelCard
from edgemm.converters.fidelity import MIN_SNR_DB
from edgemm.converters.options import (
    REPAIR_SECONDS,
    GateMode,
    Options,
    Progress,
    RepairMode,
    Scheme,
    silent,
)
from edgemm.converters.pipeline import Conversion, run
from edgemm.converters.written import Settings
from edgemm.errors import FidelityMissed
from edgemm.quantize.choice import Prefer


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
    repair_seconds: float = REPAIR_SECONDS,
    explain: bool = False,
    stepwise: int | None = None,
    keep_outputs: bool = False,
    progress: Progress | None = None,
    outputs: Sequence[str] | None = None,
    inputs: Sequence[str] | None = None,
    prefer: Prefer = "speed",
    costs: str | Path | None = None,
) -> Conversion:
    """Converts a trained float model and writes the artifact with its card and goldens.

    Args:
        source: path of an .onnx, .pt2 or .tflite file, a torch module (with `example_inputs`), or an
            `onnx_ir.Model`.
        example_inputs: the tensors that a torch module is exported with; they fix its shapes.
        output: the file to write; its ending, ".tflite" or ".onnx", is the format.
        calibrate: real data: a folder of pictures or recordings, an .npz of tensors, or a sequence of
            arrays or of dictionaries by input name. Its sub-folders or `labels` are the right answers.
        evaluate: other data to measure the fidelity on; without it, a part of the calibration data is held out for it.
        card: a ModelCard or the path of its JSON; without it the preset's, else the source file's own.
        preset: name of a card for a common kind of model: see `edgemm.card.presets`.
        scheme: "auto" is the one of the others that is predicted to be fastest and keeps the fidelity; `prefer` tips
            the choice, and `Conversion.candidates` has what was weighed: see `edgemm.quantize.choice`. "static": int8
            activations and weights; "dynamic": int8 weights, activations quantized while running or real; "mixed":
            for each operator what is fastest of these and float; "float". Static and mixed need calibration data.
        target: the machine that the file is made for: see `edgemm.quantize.target`.
        gate: what to do when fidelity is below the limit: "fail" raises and writes nothing, "warn" writes the
            file and adds a note, "off" writes it.
        min_db: minimum SNR in dB for outputs that are not classes.
        shapes: sizes for dimensions that the source leaves open, by input name.
        constants: values for inputs that are always the same (a sample rate), by name; they become constants.
        settings: opset, ONNX input type, TFLite layout.
        limit: the most calibration samples that are used.
        repair: "auto" improves a conversion that misses its gate, with the cheapest means first, and records that in
            the card and the notes: see `edgemm.converters.repair`; "off" leaves it as it is.
        repair_seconds: time limit for that. A conversion that reached it says so, and may differ from run to run.
        explain: also find out which layer loses how much, which takes one run of the model for each layer.
        stepwise: the dimension of the input that is time. The artifact then takes the steps of one call
            (`example_inputs`, `shapes`) and the states of recurrent layers and causal convolutions, which the card
            names and a stream carries from call to call. Calibration data are then whole sequences.
        keep_outputs: the file has the source's outputs. False: with data, or the scheme float, a card's task decides
            on their form. Of a detector whose boxes and scores are joined, each becomes an output of its own, with its
            own int8 scale; of a segmenter's scores, the class with the highest is written for each pixel. Those of a
            stepwise model are always kept.
        progress: called with (stage, done, total).
        outputs: names of tensors inside the graph, or of nodes as the explanation prints them, that become the outputs;
            what they do not need goes. The source that the file is compared with is cut in the same way.
        inputs: names of tensors that become the inputs, all that the outputs need; data for calibration then go to
            them by these names. Shapes and types are inferred; `shapes` gives a shape that is open.
        prefer: what scheme "auto" looks for: "speed", the fastest form that keeps the fidelity; "size", the smallest
            that does; "accuracy", the int8 form that keeps most of those that are no slower than float.
        costs: a table that `edgemm bench --costs` has measured on the device; without it, the one that comes with
            edgemm for the target.

    Raises:
        InputError: an argument, the card or the data does not fit.
        DamagedArtifact: the source is no model, or a damaged one.
        CardError: the card's labels do not fit the outputs.
        UnsupportedOperator: the format cannot express the model; nothing was written.
        CalibrationError: the calibration data cannot be what the model will see.
        FidelityMissed: fidelity is below the gate; nothing was written. Its `conversion` is what was measured.
    """
    return run(
        Options(
            source, _path(output), example_inputs, calibrate, evaluate, card, preset, scheme, target, gate, min_db,
            shapes, constants, settings or Settings(), limit, repair, repair_seconds, explain, stepwise,
            keep_outputs, progress or silent, outputs, inputs, prefer, costs,
        )
    )  # fmt: skip


def _path(output: Any) -> Any:
    """A path; anything else goes on as it is, and `Options` refuses it."""
    return Path(output) if isinstance(output, str | os.PathLike) else output


__all__ = ["Conversion", "FidelityMissed", "Settings", "convert"]
