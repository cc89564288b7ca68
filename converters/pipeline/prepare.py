"""Prepares the data: for calibration, for evaluation, and the outputs of the source on it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edgemm.converters.evaluation import NOISE, load_data, noise
from edgemm.converters.fidelity import held_out, worst_error
from edgemm.converters.file_source import FileSource
from edgemm.converters.pipeline.work import Work, compared_on
from edgemm.converters.reference import (
    EXPORT_ERROR,
    REMEDY,
    GraphSource,
    Outputs,
    Source,
    TorchSource,
    Truth,
    answers_of,
)
from edgemm.converters.samples import Samples
from edgemm.converters.set_aside import set_aside
from edgemm.converters.shape_outputs import pieces_of
from edgemm.errors import CalibrationError, ConversionError, InputError
from edgemm.quantize import lint

HELD_OUT = "fidelity was measured on {} of {} samples, held out from calibration; --evaluate gives other data"
FEW = 16
"""Samples, held out, under which a figure says little."""
FEW_JUDGE = (
    "fidelity was measured on {} of {} samples, held out from calibration; so few say little, and other data may fare "
    "much worse. Give at least 64 samples, or other data with --evaluate"
)

COMPARED = 2
"""Samples that an export is compared with its module on."""
TINY = 1e-6
"""An error that no range makes a fault: a sigmoid of -16 is 1e-7, and runtimes differ in its second digit."""
EXPORTED = (
    "torch's export differs from the module by {error:.3g} on a range of {spread:.3g}; nothing was written. Is the "
    "module in its final state, and does forward() compute the same twice?"
)
OF_TORCH = (
    "What torch exported of it does not run: write the layer that is named there in other operators in forward(), or "
    "convert what the older exporter writes, torch.onnx.export(module, inputs, 'model.onnx', dynamo=False)"
)
EXPORTED_PROGRAM = (
    "torch's ONNX export of the program differs from the program by {error:.3g} on a range of {spread:.3g}; nothing "
    "was written. Write what it computes in other operators, or export the module to .onnx in another way"
)
ON_DRAWN = (
    "torch's export differs from the module by {error:.3g} on a range of {spread:.3g}, but with the example inputs "
    "both agree; nothing was written. Give data to compare on (--calibrate, --evaluate). It shows on drawn values of "
)
IMPORTED = (
    "the imported graph differs from the .tflite file in LiteRT by {error:.3g} on a range of {spread:.3g}; nothing "
    "was written. This is a fault in the converter: please report the model"
)


def prepare(work: Work) -> None:
    """Data, and the source's own answers."""
    options, prepared = work.options, work.prepared
    data = load_data(options.calibrate, prepared, options.limit, "--calibrate")
    other = load_data(options.evaluate, prepared, max(options.limit, 1000), "--evaluate")
    if data is not None:
        work.notes += _linted(work, data)
    work.calibration_data, work.judged_on = _divided(work, data, other)
    work.expected = _answers(work)
    if work.prepared.source is not None:  # from here on it is asked for only where a file differs from it
        set_aside(work.prepared.source, work.prepared.model)


def _linted(work: Work, data: Samples) -> tuple[str, ...]:
    try:
        return lint(work.prepared.model, data.inputs, work.prepared.card.inputs)
    except (InputError, CalibrationError) as error:
        raise type(error)(f"--calibrate: {error}") from error


def _divided(work: Work, data: Samples | None, other: Samples | None) -> tuple[Samples | None, Samples]:
    """What calibrates and what judges."""
    if other is not None:
        return data, other
    if data is None:
        work.noise = True
        work.notes.append(NOISE)
        return None, noise(work.prepared)
    parts = held_out(data)
    said = FEW_JUDGE if len(parts.gate) < FEW else HELD_OUT
    work.notes.append(parts.note or said.format(len(parts.gate), len(data)))
    return parts.calibration, parts.gate


def _answers(work: Work) -> tuple[Outputs, ...]:
    """The source in its own runtime; where that cannot run it, the canonical graph, and a note.

    In the form that the file's outputs have.
    """
    prepared = work.prepared
    sources: list[tuple[Source, str]] = []
    if prepared.runs_in is not None:
        sources.append(
            (
                prepared.runs_in,
                "LiteRT does not run the source on these inputs; compared with its graph"
                if isinstance(prepared.runs_in, FileSource)
                else "torch does not run the module on these inputs; compared with its export",
            )
        )
    if prepared.source is not None:
        work.truth = Truth(prepared.source, compared_on(work.judged_on))
        sources.append(
            (
                work.truth,
                "onnxruntime does not run the source; compared with its canonical graph",
            )
        )
    sources.append((GraphSource(prepared.model), "onnxruntime does not run the canonical graph"))
    exported = isinstance(prepared.runs_in, TorchSource) or _is_program(work.options.source)
    answered = answers_of(sources, work.judged_on, OF_TORCH if exported else REMEDY)
    found, note = answered.outputs, answered.note
    if note:
        work.notes.append(note)
    if answered.failed == len(sources) - 1:
        # The graph as it was read does not run, and no file is compared with it.
        work.prepared, work.truth = replace(prepared, source=None), None
    if not note:
        _require_same(work, found)
    return tuple(pieces_of(each, prepared.pieces) for each in found)


def _is_program(source: Any) -> bool:
    return isinstance(source, str | Path) and Path(source).suffix.lower() == ".pt2"


def _require_same(work: Work, truth: tuple[Outputs, ...]) -> None:
    """The exported, or imported, graph computes what the source does in its own runtime.

    Raises:
        ConversionError: it does not.
    """
    prepared, few = work.prepared, Samples(work.judged_on.inputs[:COMPARED])
    runs_in, graph = prepared.runs_in, work.truth
    if graph is None or not isinstance(runs_in, TorchSource | FileSource):
        return
    drawn: list[str] = []
    if isinstance(runs_in, FileSource):
        found = None if prepared.rounds else _difference(graph, few, truth)
        said = IMPORTED
    else:
        found = _difference(graph, few, truth)
        said = EXPORTED_PROGRAM if _is_program(work.options.source) else EXPORTED
        drawn = _drawn_alone(work, runs_in, few) if found is not None and work.noise else []
        if drawn:
            said = ON_DRAWN
    if found is not None:
        name, error, spread = found
        raise ConversionError(f"output {name!r}: {said.format(error=error, spread=spread)}{', '.join(drawn)}")


def _drawn_alone(work: Work, runs_in: TorchSource, few: Samples) -> list[str]:
    """Inputs whose drawn values alone show the difference: with those that came with the source there is none.

    Where no single input does, all of them; [] where the source's own inputs show it too, or are not known.
    """
    prepared, examples = work.prepared, work.prepared.examples
    graph, names = work.truth, [spec.name for spec in prepared.inputs]
    if graph is None or set(names) - set(examples):
        return []

    def agree(samples: Samples) -> bool:
        return _difference(graph, samples, runs_in.answers(samples)) is None

    if not agree(Samples((dict(examples),))):
        return []
    found = [
        name
        for name in names
        if agree(Samples(tuple({**sample, name: examples[name]} for sample in few.inputs)))
    ]
    return [repr(name) for name in found or names]


def _difference(
    graph: Truth, samples: Samples, truth: tuple[Outputs, ...]
) -> tuple[str, float, float] | None:
    """The first output in which the graph differs, by how much, and on what range; None where they agree."""
    for ours, theirs in zip(graph.answers(samples), truth, strict=False):
        for name, expected in theirs.items():
            error, spread = worst_error(expected, ours[name])
            reach = float(np.abs(expected[np.isfinite(expected)]).max(initial=0.0))
            if expected.dtype.kind == "f" and not error <= max(EXPORT_ERROR * max(spread, reach), TINY):
                return name, error, spread
    return None
